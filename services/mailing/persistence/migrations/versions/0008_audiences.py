"""Audiences of campaigns, their members, and the tokens of sealed ones.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audience',
    sa.Column('audience_id', sa.UUID(), nullable=False),
    sa.Column('segment_id', sa.UUID(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('campaign', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=True),
    sa.Column('keep_up', sa.Boolean(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('audience_id', name=op.f('pk_audience'))
    )
    op.create_index('ix_audience_following', 'audience', ['segment_id', 'position'], unique=False, postgresql_where=sa.text('keep_up AND closed_at IS NULL'))
    op.create_table('audience_member',
    sa.Column('audience_id', sa.UUID(), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('consent_seq', sa.BigInteger(), nullable=False),
    sa.Column('joined_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('left_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('released', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('audience_id', 'contact_id', name=op.f('pk_audience_member'))
    )
    op.create_index('ix_audience_member_next', 'audience_member', ['audience_id', 'contact_id'], unique=False, postgresql_where=sa.text('left_at IS NULL AND NOT released'))
    op.create_table('seal',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('audience_id', sa.UUID(), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_seal'))
    )
    op.create_index('ix_seal_audience_id', 'seal', ['audience_id', 'contact_id'], unique=False)
    op.create_index('ix_seal_expires_at', 'seal', ['expires_at'], unique=False)
