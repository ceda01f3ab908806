"""Notices: the ledger, the digests, what each person chose.

Revision ID: 0004_notices
Follows: 0003_tasks
"""

import sqlalchemy as sa
from alembic import op

revision = "0004_notices"
down_revision = "0003_tasks"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
QUEUED = sa.text("state = 'queued'")


def upgrade() -> None:
    op.create_table(
        "notice_digests",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("recipient_id", sa.Integer(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("channel", sa.String(10), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(255), nullable=False, unique=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=False),
        sa.Column("give_up_at", INSTANT, nullable=False),
        sa.Column("lease", sa.String(36)),
        sa.Column("lease_until", INSTANT),
        sa.Column("sent_at", INSTANT),
        sa.Column("problem", sa.String(500)),
        sa.UniqueConstraint("recipient_id", "channel", "day", "number"),
    )
    op.create_index(
        op.f("ix_notice_digests_state_channel_next_try_at"),
        "notice_digests",
        ["state", "channel", "next_try_at"],
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("occasion", sa.String(80), nullable=False),
        sa.Column("recipient_id", sa.Integer(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("channel", sa.String(10), nullable=False),
        sa.Column("topic", sa.String(40), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("link", sa.String(255), nullable=False),
        sa.Column("company_id", sa.Integer(), sa.ForeignKey("companies.id")),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("digest_id", sa.Integer(), sa.ForeignKey("notice_digests.id")),
        sa.UniqueConstraint("subject", "occasion", "recipient_id", "channel"),
    )
    op.create_index(op.f("ix_notices_digest_id"), "notices", ["digest_id"])
    op.create_index(
        op.f("ix_notices_recipient_id_channel_state"),
        "notices",
        ["recipient_id", "channel", "state"],
    )
    op.create_index(
        "ix_notices_queued",
        "notices",
        ["channel", "recipient_id"],
        sqlite_where=QUEUED,
        postgresql_where=QUEUED,
    )
    op.create_table(
        "notice_preferences",
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("mail", sa.Boolean(), nullable=False),
        sa.Column("chat", sa.Boolean(), nullable=False),
        sa.Column("chat_service", sa.String(20)),
        sa.Column("chat_secret", sa.Text()),
    )
    op.create_table(
        "notice_snoozes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("notice_id", sa.Integer(), sa.ForeignKey("notices.id"), nullable=False),
        sa.UniqueConstraint("user_id", "subject"),
    )
    op.create_table(
        "notice_channels",
        sa.Column("channel", sa.String(10), primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("problem", sa.String(500), nullable=False),
    )


def downgrade() -> None:
    for table in (
        "notice_channels",
        "notice_snoozes",
        "notice_preferences",
        "notices",
        "notice_digests",
    ):
        op.drop_table(table)
