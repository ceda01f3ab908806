"""Insurers' answers to placements, kept until they are recorded or dropped.

Revision ID: 0006_answers
Follows: 0005_requests
"""

from alembic import op
import sqlalchemy as sa

revision = "0006_answers"
down_revision = "0005_requests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "placement_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("placement_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uploaded_by", sa.String(length=255), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["placement_id"],
            ["placements.id"],
            name=op.f("fk_placement_answers_placement_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_placement_answers")),
    )
    with op.batch_alter_table("placement_answers", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_placement_answers_placement_id"), ["placement_id"], unique=False
        )


def downgrade() -> None:
    op.drop_table("placement_answers")
