"""The OA's calls: each signed one once, the refused ones counted; when an approval was decided.

Revision ID: 0008_oa
Follows: 0007_feeds
"""

from alembic import op
import sqlalchemy as sa

revision = '0008_oa'
down_revision = '0007_feeds'
branch_labels = None
depends_on = None

ANSWERED = sa.text("outcome IN ('heard', 'outdated')")


def upgrade() -> None:
    op.create_table('oa_calls',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('nonce', sa.String(length=64), nullable=False),
    sa.Column('number', sa.String(length=64), nullable=True),
    sa.Column('event', sa.String(length=20), nullable=True),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('outcome', sa.String(length=20), nullable=False),
    sa.Column('answer', sa.JSON(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_oa_calls')),
    sa.UniqueConstraint('nonce', name=op.f('uq_oa_calls_nonce'))
    )
    with op.batch_alter_table('oa_calls', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_oa_calls_number'), ['number'], unique=False)
        batch_op.create_index(batch_op.f('ix_oa_calls_received_at'), ['received_at'], unique=False)
        batch_op.create_index('uq_oa_calls_answered', ['digest'], unique=True, sqlite_where=ANSWERED, postgresql_where=ANSWERED)

    op.create_table('oa_refusals',
    sa.Column('hour', sa.DateTime(timezone=True), nullable=False),
    sa.Column('why', sa.String(length=20), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('hour', 'why', name=op.f('pk_oa_refusals'))
    )
    with op.batch_alter_table('approvals', schema=None) as batch_op:
        batch_op.add_column(sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('approvals', schema=None) as batch_op:
        batch_op.drop_column('occurred_at')

    op.drop_table('oa_refusals')
    with op.batch_alter_table('oa_calls', schema=None) as batch_op:
        batch_op.drop_index('uq_oa_calls_answered', sqlite_where=ANSWERED, postgresql_where=ANSWERED)
        batch_op.drop_index(batch_op.f('ix_oa_calls_received_at'))
        batch_op.drop_index(batch_op.f('ix_oa_calls_number'))

    op.drop_table('oa_calls')
