"""Segments keep their members by change; what activities and pipeline tell is known here.

Customers and contacts hold more than was told of the rows there are, so these count as not told:
segments that ask wait for `suhde republish`, for unknown is not the same as none. Old code must
survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('activity',
    sa.Column('activity_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('deleted', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('told_customer_id', sa.UUID(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('contacts', postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('category', sa.Integer(), nullable=True),
    sa.Column('kind', sa.Integer(), nullable=True),
    sa.Column('type', sa.Integer(), nullable=True),
    sa.Column('attributes', postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('seller', sa.Text(), nullable=True),
    sa.Column('state', sa.Text(), nullable=True),
    sa.Column('channel', sa.Text(), nullable=True),
    sa.Column('direction', sa.Text(), nullable=True),
    sa.Column('day', sa.Date(), nullable=True),
    sa.Column('told_type', sa.Text(), nullable=True),
    sa.Column('told_by', sa.Text(), nullable=True),
    sa.Column('told_at', sa.DateTime(timezone=True), server_default=sa.text("'-infinity'"), nullable=False),
    sa.PrimaryKeyConstraint('activity_id', name=op.f('pk_activity'))
    )
    op.create_index('ix_activity_contacts', 'activity', ['contacts'], unique=False, postgresql_using='gin')
    op.create_index('ix_activity_customer_id', 'activity', ['customer_id', 'day'], unique=False)
    op.create_index('ix_activity_told_customer_id', 'activity', ['told_customer_id'], unique=False)
    op.create_table('build_touched',
    sa.Column('rule_id', sa.UUID(), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.PrimaryKeyConstraint('rule_id', 'contact_id', name=op.f('pk_build_touched'))
    )
    op.create_table('document',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=True),
    sa.Column('voided', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('told_customer_id', sa.UUID(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('document_date', sa.Date(), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('net_amount', sa.Numeric(precision=18, scale=4), nullable=True),
    sa.Column('margin', sa.Numeric(precision=18, scale=4), nullable=True),
    sa.Column('told_type', sa.Text(), nullable=True),
    sa.Column('told_by', sa.Text(), nullable=True),
    sa.Column('told_at', sa.DateTime(timezone=True), server_default=sa.text("'-infinity'"), nullable=False),
    sa.PrimaryKeyConstraint('source', 'kind', 'document_id', name=op.f('pk_document'))
    )
    op.create_index('ix_document_customer_id', 'document', ['customer_id', 'document_date'], unique=False)
    op.create_index('ix_document_told_customer_id', 'document', ['told_customer_id'], unique=False)
    op.create_table('member',
    sa.Column('rule_id', sa.UUID(), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.PrimaryKeyConstraint('rule_id', 'contact_id', name=op.f('pk_member'))
    )
    op.create_index('ix_member_contact_id', 'member', ['contact_id'], unique=False)
    op.create_table('member_change',
    sa.Column('position', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('segment_id', sa.UUID(), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('entered', sa.Boolean(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.Column('told_type', sa.Text(), nullable=True),
    sa.Column('told_by', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('position', name=op.f('pk_member_change'))
    )
    op.create_index('ix_member_change_contact_id', 'member_change', ['contact_id', 'segment_id', 'position'], unique=False)
    op.create_index('ix_member_change_segment_id', 'member_change', ['segment_id', 'position'], unique=False)
    op.create_table('member_flip',
    sa.Column('rule_id', sa.UUID(), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('on_day', sa.Date(), nullable=False),
    sa.PrimaryKeyConstraint('rule_id', 'contact_id', name=op.f('pk_member_flip'))
    )
    op.create_index('ix_member_flip_on_day', 'member_flip', ['on_day'], unique=False)
    op.create_table('opportunity',
    sa.Column('opportunity_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('deleted', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('told_customer_id', sa.UUID(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('contacts', postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('name', sa.Text(), nullable=True),
    sa.Column('pipeline', sa.Integer(), nullable=True),
    sa.Column('stage', sa.Integer(), nullable=True),
    sa.Column('type', sa.Integer(), nullable=True),
    sa.Column('source', sa.Integer(), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=True),
    sa.Column('closed', sa.Boolean(), nullable=True),
    sa.Column('closed_on', sa.Date(), nullable=True),
    sa.Column('expected_close', sa.Date(), nullable=True),
    sa.Column('value', sa.Numeric(precision=18, scale=4), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('sellers', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('told_type', sa.Text(), nullable=True),
    sa.Column('told_by', sa.Text(), nullable=True),
    sa.Column('told_at', sa.DateTime(timezone=True), server_default=sa.text("'-infinity'"), nullable=False),
    sa.PrimaryKeyConstraint('opportunity_id', name=op.f('pk_opportunity'))
    )
    op.create_index('ix_opportunity_contacts', 'opportunity', ['contacts'], unique=False, postgresql_using='gin')
    op.create_index('ix_opportunity_customer_id', 'opportunity', ['customer_id'], unique=False)
    op.create_index('ix_opportunity_told_customer_id', 'opportunity', ['told_customer_id'], unique=False)
    op.create_table('past',
    sa.Column('seq', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('record_id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=True),
    sa.Column('contacts', postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('fields', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_past'))
    )
    op.create_index('ix_past_contacts', 'past', ['contacts'], unique=False, postgresql_using='gin', postgresql_where=sa.text("contacts <> '{}'"))
    op.create_index('ix_past_customer_id', 'past', ['customer_id'], unique=False, postgresql_where=sa.text('customer_id IS NOT NULL'))
    op.create_index('ix_past_record_id', 'past', ['kind', 'record_id', 'until'], unique=False)
    op.create_index('ix_past_until', 'past', ['until'], unique=False)
    op.create_table('segment_dependency',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('rule_id', sa.UUID(), nullable=False),
    sa.PrimaryKeyConstraint('key', 'rule_id', name=op.f('pk_segment_dependency'))
    )
    op.create_index('ix_segment_dependency_rule_id', 'segment_dependency', ['rule_id'], unique=False)
    op.create_table('segment_pin',
    sa.Column('segment_id', sa.UUID(), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('inside', sa.Boolean(), nullable=False),
    sa.Column('note', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('actor', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('segment_id', 'contact_id', name=op.f('pk_segment_pin'))
    )
    op.create_index('ix_segment_pin_contact_id', 'segment_pin', ['contact_id'], unique=False)
    op.create_table('segment_rule',
    sa.Column('rule_id', sa.UUID(), nullable=False),
    sa.Column('segment_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('rule', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('depth', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('live_from', sa.DateTime(timezone=True), nullable=True),
    sa.Column('live_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('entered', sa.Integer(), nullable=True),
    sa.Column('exited', sa.Integer(), nullable=True),
    sa.Column('filled', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('swept', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('rule_id', name=op.f('pk_segment_rule'))
    )
    op.create_index('ix_segment_rule_live_until', 'segment_rule', ['live_until'], unique=False, postgresql_where=sa.text('live_until IS NOT NULL AND NOT swept'))
    op.create_index('ix_segment_rule_segment_id', 'segment_rule', ['segment_id', 'version'], unique=False)
    op.create_table('touched',
    sa.Column('seq', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=True),
    sa.Column('customer_id', sa.UUID(), nullable=True),
    sa.Column('token', sa.Text(), nullable=True),
    sa.Column('keys', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('linked', postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.Column('told_type', sa.Text(), nullable=True),
    sa.Column('told_by', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_touched'))
    )
    op.create_index('ix_touched_token', 'touched', ['seq'], unique=False, postgresql_where=sa.text('token IS NOT NULL'))
    op.add_column('classification', sa.Column('told_type', sa.Text(), nullable=True))
    op.add_column('classification', sa.Column('told_by', sa.Text(), nullable=True))
    op.add_column('classification', sa.Column('told_at', sa.DateTime(timezone=True), server_default=sa.text("'-infinity'"), nullable=False))
    op.add_column('contact', sa.Column('attribute_values', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False))
    op.add_column('contact', sa.Column('erased', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('contact', sa.Column('merged_into', sa.UUID(), nullable=True))
    op.add_column('contact', sa.Column('told_type', sa.Text(), nullable=True))
    op.add_column('contact', sa.Column('told_by', sa.Text(), nullable=True))
    op.add_column('contact', sa.Column('told_at', sa.DateTime(timezone=True), server_default=sa.text("'-infinity'"), nullable=False))
    op.add_column('contact_customer', sa.Column('told_at', sa.DateTime(timezone=True), server_default=sa.text("'-infinity'"), nullable=False))
    op.add_column('customer', sa.Column('business_id', sa.Text(), nullable=True))
    op.add_column('customer', sa.Column('email', sa.Text(), nullable=True))
    op.add_column('customer', sa.Column('phone', sa.Text(), nullable=True))
    op.add_column('customer', sa.Column('headcount', sa.Integer(), nullable=True))
    op.add_column('customer', sa.Column('street', sa.Text(), nullable=True))
    op.add_column('customer', sa.Column('postal_code', sa.Text(), nullable=True))
    op.add_column('customer', sa.Column('city', sa.Text(), nullable=True))
    op.add_column('customer', sa.Column('country', sa.Text(), nullable=True))
    op.add_column('customer', sa.Column('attribute_values', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False))
    op.add_column('customer', sa.Column('merged_into', sa.UUID(), nullable=True))
    op.add_column('customer', sa.Column('told_type', sa.Text(), nullable=True))
    op.add_column('customer', sa.Column('told_by', sa.Text(), nullable=True))
    op.add_column('customer', sa.Column('told_at', sa.DateTime(timezone=True), server_default=sa.text("'-infinity'"), nullable=False))
    op.create_index('ix_customer_merged_into', 'customer', ['merged_into'], unique=False, postgresql_where=sa.text('merged_into IS NOT NULL'))
    op.add_column('segment', sa.Column('live_rule_id', sa.UUID(), nullable=True))
    op.add_column('segment', sa.Column('next_rule_id', sa.UUID(), nullable=True))
    op.add_column('segment', sa.Column('removed', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_index('ix_segment_live_rule_id', 'segment', ['live_rule_id'], unique=False)
    op.create_index('ix_segment_next_rule_id', 'segment', ['next_rule_id'], unique=False, postgresql_where=sa.text('next_rule_id IS NOT NULL'))
    for table in ('customer', 'contact'):
        op.execute(f'UPDATE {table} SET held_version = 0 WHERE NOT deleted')
