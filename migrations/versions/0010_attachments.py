"""Which claim a row of a sheet became; the documents attached to a claim.

Revision ID: 0010_attachments
Follows: 0009_ledger
"""

from alembic import op
import sqlalchemy as sa

revision = '0010_attachments'
down_revision = '0009_ledger'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('sheet_claims',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('row', sa.Integer(), nullable=False),
    sa.Column('claim_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['claim_id'], ['claims.id'], name=op.f('fk_sheet_claims_claim_id')),
    sa.PrimaryKeyConstraint('digest', 'row', name=op.f('pk_sheet_claims')),
    sa.UniqueConstraint('claim_id', name=op.f('uq_sheet_claims_claim_id'))
    )

    op.create_table('attachments',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('claim_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('received_digest', sa.String(length=64), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('mimetype', sa.String(length=80), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('added_by', sa.String(length=255), nullable=False),
    sa.Column('wrong_why', sa.String(length=500), nullable=True),
    sa.Column('wrong_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('wrong_by', sa.String(length=255), nullable=True),
    sa.ForeignKeyConstraint(['claim_id'], ['claims.id'], name=op.f('fk_attachments_claim_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attachments')),
    sa.UniqueConstraint('claim_id', 'received_digest', name=op.f('uq_attachments_claim_id_received_digest'))
    )
    with op.batch_alter_table('attachments', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_attachments_claim_id'), ['claim_id'], unique=False)


def downgrade() -> None:
    op.drop_table('attachments')
    op.drop_table('sheet_claims')
