"""The history becomes append-only; its head, the vehicle types and the roles come in.

Revision ID: 0002
Follows: 0001
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TYPES = ("official", "test_drive", "replacement", "business", "tow", "shuttle")
ROLES = ("company_admin", "insurance_desk", "finance", "group_administrator", "auditor")


def upgrade() -> None:
    types = sa.table("vehicle_types", sa.column("code", sa.String))
    roles = sa.table("roles", sa.column("name", sa.String))
    op.bulk_insert(types, [{"code": code} for code in TYPES])
    op.bulk_insert(roles, [{"name": name} for name in ROLES])
    columns = (sa.column("id"), sa.column("chain"), sa.column("seq"), sa.column("digest"))
    chain = secrets.token_hex(32)
    op.bulk_insert(
        sa.table("history_heads", *columns),
        [{"id": 1, "chain": chain, "seq": 0, "digest": chain}],
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER history_entries_no_{verb.lower()} BEFORE {verb} "
                "ON history_entries BEGIN "
                "SELECT RAISE(ABORT, 'history is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'history is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER history_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON history_entries FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only()"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER history_entries_no_update")
        op.execute("DROP TRIGGER history_entries_no_delete")
    else:
        op.execute("DROP TRIGGER history_entries_append_only ON history_entries")
        op.execute("DROP FUNCTION history_is_append_only()")
    op.execute("DELETE FROM history_heads")
    op.execute("DELETE FROM roles")
    op.execute("DELETE FROM vehicle_types")
