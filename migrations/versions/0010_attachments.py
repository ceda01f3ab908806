"""Which claim a row of a sheet became; the documents attached to a claim.

Revision ID: 0010_attachments
Follows: 0008_oa
"""

from alembic import op
import sqlalchemy as sa

revision = '0010_attachments'
down_revision = '0008_oa'
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


def downgrade() -> None:
    op.drop_table('sheet_claims')
