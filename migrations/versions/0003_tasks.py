"""Work that outlives a request: the tasks people ask for, and an upload's task.

Revision ID: 0003_tasks
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003_tasks"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(500), nullable=False),
        sa.Column("result_name", sa.String(255), nullable=True),
        sa.Column("result_mimetype", sa.String(120), nullable=True),
        sa.Column("result_digest", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tasks_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    with op.batch_alter_table("tasks") as batch:
        batch.create_index(batch.f("ix_tasks_user_id"), ["user_id"])
        batch.create_index(batch.f("ix_tasks_state"), ["state"])
    with op.batch_alter_table("uploads") as batch:
        batch.add_column(sa.Column("task_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(batch.f("fk_uploads_task_id"), "tasks", ["task_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("uploads") as batch:
        batch.drop_constraint(batch.f("fk_uploads_task_id"), type_="foreignkey")
        batch.drop_column("task_id")
    op.drop_table("tasks")
