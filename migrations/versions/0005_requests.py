"""Renewals become requests for cover, with their covers, approvals, placements and moves.

Revision ID: 0005_requests
Follows: 0004_notices
"""

from alembic import op
import sqlalchemy as sa

revision = '0005_requests'
down_revision = '0004_notices'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('approvals',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('decided_on', sa.Date(), nullable=False),
    sa.Column('approver', sa.String(length=120), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=True),
    sa.Column('typed', sa.Boolean(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_approvals')),
    sa.UniqueConstraint('number', name=op.f('uq_approvals_number'))
    )
    op.create_table('placements',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.Integer(), nullable=False),
    sa.Column('insurer_id', sa.Integer(), nullable=False),
    sa.Column('placed_on', sa.Date(), nullable=False),
    sa.Column('placed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('placed_by', sa.String(length=255), nullable=False),
    sa.Column('note', sa.String(length=500), nullable=True),
    sa.ForeignKeyConstraint(['insurer_id'], ['insurers.id'], name=op.f('fk_placements_insurer_id')),
    sa.ForeignKeyConstraint(['region_id'], ['regions.id'], name=op.f('fk_placements_region_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_placements'))
    )
    with op.batch_alter_table('placements', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_placements_insurer_id'), ['insurer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_placements_region_id'), ['region_id'], unique=False)

    op.create_table('cover_needs',
    sa.Column('vehicle_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('until', sa.Date(), nullable=False),
    sa.Column('expiry_day', sa.Date(), nullable=False),
    sa.Column('occasion', sa.String(length=10), nullable=False),
    sa.Column('policy_number', sa.String(length=64), nullable=True),
    sa.ForeignKeyConstraint(['vehicle_id'], ['vehicles.id'], name=op.f('fk_cover_needs_vehicle_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('vehicle_id', 'kind', 'since', name=op.f('pk_cover_needs'))
    )
    with op.batch_alter_table('cover_needs', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_cover_needs_expiry_day'), ['expiry_day'], unique=False)
        batch_op.create_index(batch_op.f('ix_cover_needs_since'), ['since'], unique=False)
        batch_op.create_index(batch_op.f('ix_cover_needs_until'), ['until'], unique=False)

    op.create_table('needs_changed',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('vehicle_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['vehicle_id'], ['vehicles.id'], name=op.f('fk_needs_changed_vehicle_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_needs_changed'))
    )
    with op.batch_alter_table('needs_changed', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_needs_changed_vehicle_id'), ['vehicle_id'], unique=False)

    op.create_table('cover_requests',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('vehicle_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('occasion', sa.String(length=10), nullable=False),
    sa.Column('expiry_day', sa.Date(), nullable=False),
    sa.Column('opens_on', sa.Date(), nullable=False),
    sa.Column('policy_number', sa.String(length=64), nullable=True),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('opened_on', sa.Date(), nullable=False),
    sa.Column('closed_on', sa.Date(), nullable=True),
    sa.Column('asked_from', sa.Date(), nullable=True),
    sa.Column('contact', sa.String(length=120), nullable=True),
    sa.Column('note', sa.String(length=500), nullable=True),
    sa.Column('reason', sa.String(length=500), nullable=True),
    sa.Column('withdrawn_for', sa.String(length=20), nullable=True),
    sa.Column('approval_id', sa.Integer(), nullable=True),
    sa.Column('placement_id', sa.Integer(), nullable=True),
    sa.Column('expected_premium', sa.BigInteger(), nullable=True),
    sa.Column('expected_tax', sa.BigInteger(), nullable=True),
    sa.Column('followed_by', sa.String(length=64), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['approval_id'], ['approvals.id'], name=op.f('fk_cover_requests_approval_id')),
    sa.ForeignKeyConstraint(['placement_id'], ['placements.id'], name=op.f('fk_cover_requests_placement_id')),
    sa.ForeignKeyConstraint(['vehicle_id'], ['vehicles.id'], name=op.f('fk_cover_requests_vehicle_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cover_requests')),
    sa.UniqueConstraint('vehicle_id', 'kind', 'expiry_day', name=op.f('uq_cover_requests_vehicle_id_kind_expiry_day'))
    )
    with op.batch_alter_table('cover_requests', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_cover_requests_approval_id'), ['approval_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_cover_requests_placement_id'), ['placement_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_cover_requests_state_expiry_day'), ['state', 'expiry_day'], unique=False)
        batch_op.create_index(batch_op.f('ix_cover_requests_vehicle_id_state'), ['vehicle_id', 'state'], unique=False)
        batch_op.create_index('uq_cover_requests_one_open', ['vehicle_id', 'kind'], unique=True, sqlite_where=sa.text("state IN ('due', 'prepared', 'approved', 'returned', 'submitted', 'accepted', 'placed')"), postgresql_where=sa.text("state IN ('due', 'prepared', 'approved', 'returned', 'submitted', 'accepted', 'placed')"))

    op.create_table('asked_covers',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Integer(), nullable=False),
    sa.Column('cover', sa.String(length=40), nullable=False),
    sa.Column('sum_insured', sa.BigInteger(), nullable=True),
    sa.Column('seats', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['request_id'], ['cover_requests.id'], name=op.f('fk_asked_covers_request_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_asked_covers')),
    sa.UniqueConstraint('request_id', 'cover', name=op.f('uq_asked_covers_request_id_cover'))
    )
    with op.batch_alter_table('asked_covers', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_asked_covers_request_id'), ['request_id'], unique=False)

    op.create_table('request_moves',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by', sa.String(length=255), nullable=False),
    sa.Column('move', sa.String(length=20), nullable=False),
    sa.Column('before', sa.String(length=20), nullable=True),
    sa.Column('after', sa.String(length=20), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=True),
    sa.ForeignKeyConstraint(['request_id'], ['cover_requests.id'], name=op.f('fk_request_moves_request_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_request_moves'))
    )
    with op.batch_alter_table('request_moves', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_request_moves_request_id'), ['request_id'], unique=False)

    # What a renewal was stays on record; its number is a new one, nothing refers to it.
    op.execute(
        "INSERT INTO cover_requests (vehicle_id, kind, occasion, expiry_day, opens_on, "
        "policy_number, state, opened_on, closed_on) "
        "SELECT vehicle_id, kind, 'renewal', expiry_day, opens_on, policy_number, state, "
        "opened_on, closed_on FROM renewals ORDER BY id"
    )
    with op.batch_alter_table('renewals', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_renewals_state_expiry_day'))
        batch_op.drop_index(batch_op.f('ix_renewals_vehicle_id'))

    op.drop_table('renewals')


def downgrade() -> None:
    op.create_table('renewals',
    sa.Column('id', sa.INTEGER(), nullable=False),
    sa.Column('vehicle_id', sa.INTEGER(), nullable=False),
    sa.Column('kind', sa.VARCHAR(length=20), nullable=False),
    sa.Column('expiry_day', sa.DATE(), nullable=False),
    sa.Column('opens_on', sa.DATE(), nullable=False),
    sa.Column('policy_number', sa.VARCHAR(length=64), nullable=False),
    sa.Column('state', sa.VARCHAR(length=20), nullable=False),
    sa.Column('opened_on', sa.DATE(), nullable=False),
    sa.Column('closed_on', sa.DATE(), nullable=True),
    sa.ForeignKeyConstraint(['vehicle_id'], ['vehicles.id'], name=op.f('fk_renewals_vehicle_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_renewals')),
    sa.UniqueConstraint('vehicle_id', 'kind', 'expiry_day', name=op.f('uq_renewals_vehicle_id_kind_expiry_day'))
    )
    with op.batch_alter_table('renewals', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_renewals_vehicle_id'), ['vehicle_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_renewals_state_expiry_day'), ['state', 'expiry_day'], unique=False)

    op.execute(
        "INSERT INTO renewals (vehicle_id, kind, expiry_day, opens_on, policy_number, state, "
        "opened_on, closed_on) SELECT vehicle_id, kind, expiry_day, opens_on, policy_number, "
        "CASE WHEN state IN ('insured', 'left_fleet', 'laid_up', 'expiry_changed') THEN state "
        "ELSE 'due' END, opened_on, closed_on FROM cover_requests "
        "WHERE occasion = 'renewal' AND state <> 'withdrawn' ORDER BY id"
    )
    with op.batch_alter_table('request_moves', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_request_moves_request_id'))

    op.drop_table('request_moves')
    with op.batch_alter_table('asked_covers', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_asked_covers_request_id'))

    op.drop_table('asked_covers')
    with op.batch_alter_table('cover_requests', schema=None) as batch_op:
        batch_op.drop_index('uq_cover_requests_one_open', sqlite_where=sa.text("state IN ('due', 'prepared', 'approved', 'returned', 'submitted', 'accepted', 'placed')"), postgresql_where=sa.text("state IN ('due', 'prepared', 'approved', 'returned', 'submitted', 'accepted', 'placed')"))
        batch_op.drop_index(batch_op.f('ix_cover_requests_vehicle_id_state'))
        batch_op.drop_index(batch_op.f('ix_cover_requests_state_expiry_day'))
        batch_op.drop_index(batch_op.f('ix_cover_requests_placement_id'))
        batch_op.drop_index(batch_op.f('ix_cover_requests_approval_id'))

    op.drop_table('cover_requests')
    with op.batch_alter_table('needs_changed', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_needs_changed_vehicle_id'))

    op.drop_table('needs_changed')
    with op.batch_alter_table('cover_needs', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_cover_needs_until'))
        batch_op.drop_index(batch_op.f('ix_cover_needs_since'))
        batch_op.drop_index(batch_op.f('ix_cover_needs_expiry_day'))

    op.drop_table('cover_needs')
    with op.batch_alter_table('placements', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_placements_region_id'))
        batch_op.drop_index(batch_op.f('ix_placements_insurer_id'))

    op.drop_table('placements')
    op.drop_table('approvals')
