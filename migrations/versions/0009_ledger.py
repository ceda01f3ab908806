"""Decisions follow one another; claims are reversed; the money that moved; who may pay what.

Revision ID: 0009_ledger
Follows: 0008_oa
"""

from alembic import op
import sqlalchemy as sa

revision = '0009_ledger'
down_revision = '0008_oa'
branch_labels = None
depends_on = None

FIRST = sa.text('previous_id IS NULL')
REVERSAL = (
    ('reversed_at', sa.DateTime(timezone=True)),
    ('reversed_by', sa.String(length=255)),
    ('reversed_for', sa.String(length=20)),
    ('reversal_note', sa.String(length=200)),
)


def upgrade() -> None:
    with op.batch_alter_table('claims', schema=None) as batch_op:
        batch_op.add_column(sa.Column('recorded_by_id', sa.Integer(), nullable=True))
        for name, kind in REVERSAL:
            batch_op.add_column(sa.Column(name, kind, nullable=True))
    op.execute(
        'UPDATE claims SET recorded_by_id = '
        '(SELECT users.id FROM users WHERE users.email = claims.recorded_by)'
    )

    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.add_column(sa.Column('previous_id', sa.Integer(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_decisions_previous_id'), 'decisions', ['previous_id'], ['id'])
        batch_op.create_unique_constraint(batch_op.f('uq_decisions_previous_id'), ['previous_id'])
    op.execute(
        'UPDATE decisions SET previous_id = (SELECT max(earlier.id) FROM decisions AS earlier '
        'WHERE earlier.claim_id = decisions.claim_id AND earlier.id < decisions.id)'
    )
    op.create_index('uq_decisions_first', 'decisions', ['claim_id'], unique=True, sqlite_where=FIRST, postgresql_where=FIRST)

    op.create_table('money_entries',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('claim_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by', sa.String(length=255), nullable=False),
    sa.ForeignKeyConstraint(['claim_id'], ['claims.id'], name=op.f('fk_money_entries_claim_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_money_entries')),
    sa.UniqueConstraint('claim_id', 'kind', name=op.f('uq_money_entries_claim_id_kind'))
    )
    with op.batch_alter_table('money_entries', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_money_entries_at'), ['at'], unique=False)
    op.execute(
        'INSERT INTO money_entries (claim_id, kind, amount, at, "by") '
        "SELECT id, 'paid', amount, paid_at, paid_by FROM claims WHERE state = 'paid' ORDER BY id"
    )
    _make_append_only()

    op.create_table('payment_rules',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('second_person_above', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment_rules'))
    )
    op.execute('INSERT INTO payment_rules (id, second_person_above) VALUES (1, NULL)')


def _make_append_only() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        for verb in ('UPDATE', 'DELETE'):
            op.execute(
                f'CREATE TRIGGER money_entries_no_{verb.lower()} BEFORE {verb} '
                'ON money_entries BEGIN '
                "SELECT RAISE(ABORT, 'money entries are append-only'); END"
            )
        return
    op.execute(
        'CREATE FUNCTION money_entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS '
        "$$ BEGIN RAISE EXCEPTION 'money entries are append-only'; END $$"
    )
    op.execute(
        'CREATE TRIGGER money_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE '
        'ON money_entries FOR EACH STATEMENT EXECUTE FUNCTION money_entries_are_append_only()'
    )


def downgrade() -> None:
    op.drop_table('payment_rules')
    op.drop_table('money_entries')
    if op.get_bind().dialect.name != 'sqlite':
        op.execute('DROP FUNCTION money_entries_are_append_only()')
    op.drop_index('uq_decisions_first', table_name='decisions')
    op.execute('UPDATE decisions SET previous_id = NULL')
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('uq_decisions_previous_id'), type_='unique')
        batch_op.drop_constraint(batch_op.f('fk_decisions_previous_id'), type_='foreignkey')
        batch_op.drop_column('previous_id')
    # Not as a batch: SQLite would drop the table that decisions refer to.
    for name in ('recorded_by_id', *(name for name, _kind in REVERSAL)):
        op.drop_column('claims', name)
