"""The activities service as it begins."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.activities.persistence.counting import count_activities, tell_watchers
from shared.projection.survivors import follow_merges
from shared.history.migration import keep_history_of

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

HISTORY_OF = {"activity": "activity_id", "list_value": "value_id"}


def upgrade() -> None:
    op.create_table('activity_count',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('seller', sa.Text(), nullable=False),
    sa.Column('category', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Integer(), nullable=False),
    sa.Column('type', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('open', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('day', 'seller', 'category', 'kind', 'type', name=op.f('pk_activity_count'))
    )
    op.create_index('ix_activity_count_seller', 'activity_count', ['seller', 'day'], unique=False, postgresql_include=['category', 'kind', 'done', 'open'])
    op.create_table('last_contact',
    sa.Column('seller', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('day', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('seller', 'customer_id', name=op.f('pk_last_contact'))
    )
    op.create_index('ix_last_contact_day', 'last_contact', ['seller', 'day', 'customer_id'], unique=False)
    op.create_table('activity_import',
    sa.Column('import_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('encoding', sa.Text(), nullable=True),
    sa.Column('delimiter', sa.Text(), nullable=True),
    sa.Column('sheet', sa.Text(), nullable=True),
    sa.Column('time_zone', sa.Text(), nullable=False),
    sa.Column('columns', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('mapping', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('counts', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('rehearsal_job', sa.UUID(), nullable=True),
    sa.Column('run_job', sa.UUID(), nullable=True),
    sa.Column('undo_job', sa.UUID(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('import_id', name=op.f('pk_activity_import'))
    )
    op.create_table('blob',
    sa.Column('sha256', sa.LargeBinary(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('stored_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('sha256', name=op.f('pk_blob'))
    )
    op.create_index('ix_blob_expires_at', 'blob', ['expires_at'], unique=False, postgresql_where=sa.text('expires_at IS NOT NULL'))
    op.create_table('classification',
    sa.Column('token', sa.Text(), nullable=False),
    sa.Column('list_name', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('titles', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('flags', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('above', sa.Text(), nullable=True),
    sa.Column('removed', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('token', name=op.f('pk_classification'))
    )
    op.create_index('ix_classification_above', 'classification', ['above'], unique=False)
    op.create_index('ix_classification_list_name', 'classification', ['list_name'], unique=False)
    op.create_table('contact',
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('deleted', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('erased', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('merged_into', sa.UUID(), nullable=True),
    sa.Column('name', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.PrimaryKeyConstraint('contact_id', name=op.f('pk_contact'))
    )
    op.create_index('ix_contact_merged_into', 'contact', ['merged_into'], unique=False, postgresql_where=sa.text('merged_into IS NOT NULL'))
    op.create_table('customer',
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('deleted', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('merged_into', sa.UUID(), nullable=True),
    sa.Column('number', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('name', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('held', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('started_on', sa.Date(), nullable=True),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('customer_id', name=op.f('pk_customer'))
    )
    op.create_index('ix_customer_merged_into', 'customer', ['merged_into'], unique=False, postgresql_where=sa.text('merged_into IS NOT NULL'))
    op.create_index('ix_customer_number', 'customer', ['number'], unique=False)
    op.create_table('history',
    sa.Column('history_id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('record', sa.Text(), nullable=False),
    sa.Column('record_id', sa.UUID(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.Text(), nullable=True),
    sa.Column('before', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('after', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('operation_id', sa.UUID(), nullable=True),
    sa.PrimaryKeyConstraint('history_id', name=op.f('pk_history'))
    )
    op.create_index('ix_history_operation', 'history', ['operation_id', 'history_id'], unique=False, postgresql_where=sa.text('operation_id IS NOT NULL'))
    op.create_index('ix_history_record', 'history', ['record', 'record_id', 'history_id'], unique=False)
    op.create_index('ix_history_removed_value', 'history', [sa.literal_column("CAST(before ->> 'key' AS integer)")], unique=False, postgresql_where=sa.text("record = 'list_value' AND after = '{}'"))
    op.create_table('idempotency_key',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('request_hash', sa.LargeBinary(), nullable=False),
    sa.Column('status', sa.SmallInteger(), nullable=True),
    sa.Column('headers', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_idempotency_key'))
    )
    op.create_index('ix_idempotency_key_created_at', 'idempotency_key', ['created_at'], unique=False)
    op.create_table('inbox',
    sa.Column('seq', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('message_id', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('ordering_key', sa.Text(), nullable=True),
    sa.Column('time', sa.DateTime(timezone=True), nullable=True),
    sa.Column('structured', sa.Boolean(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('body_hash', sa.LargeBinary(), nullable=False),
    sa.Column('headers', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('attempts', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('blocking', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.Column('waiting_for', sa.Text(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('available_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deadline', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_inbox')),
    sa.UniqueConstraint('source', 'message_id', name=op.f('uq_inbox_source_message_id'))
    )
    op.create_index('ix_inbox_blocking', 'inbox', ['ordering_key', 'seq'], unique=False, postgresql_where=sa.text('blocking'))
    op.create_index('ix_inbox_due', 'inbox', ['available_at', 'seq'], unique=False, postgresql_where=sa.text("state IN ('pending', 'waiting')"))
    op.create_index('ix_inbox_parked', 'inbox', ['reason', 'seq'], unique=False, postgresql_where=sa.text("state = 'parked'"))
    op.create_index('ix_inbox_waiting', 'inbox', ['waiting_for'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_table('installed_value',
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('value_id', sa.UUID(), nullable=False),
    sa.Column('installed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('origin', name=op.f('pk_installed_value'))
    )
    op.create_table('job',
    sa.Column('job_id', sa.UUID(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('lane', sa.Text(), nullable=True),
    sa.Column('request', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('actor', sa.Text(), nullable=True),
    sa.Column('correlation_id', sa.Text(), nullable=True),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('done', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('total', sa.Integer(), nullable=True),
    sa.Column('position', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('result', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('problem', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('cancel_asked', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('attempts', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('lease', sa.UUID(), nullable=True),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('available_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('job_id', name=op.f('pk_job')),
    postgresql_with={'fillfactor': '50'}
    )
    op.create_index('ix_job_ended_at', 'job', ['ended_at'], unique=False, postgresql_where=sa.text('ended_at IS NOT NULL'))
    op.create_index('ix_job_open', 'job', ['job_id'], unique=False, postgresql_where=sa.text('ended_at IS NULL'))
    op.create_index('ix_job_state', 'job', ['state', 'job_id'], unique=False)
    op.create_table('list_series',
    sa.Column('list', sa.Text(), nullable=False),
    sa.Column('last_number', sa.Integer(), nullable=False),
    sa.Column('version', sa.BigInteger(), server_default=sa.text('1'), nullable=False),
    sa.Column('own_tab', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('list', name=op.f('pk_list_series'))
    )
    op.create_table('list_value',
    sa.Column('value_id', sa.UUID(), nullable=False),
    sa.Column('key', sa.Integer(), sa.Identity(always=True), nullable=False),
    sa.Column('list', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('titles', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('position', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('parent', sa.Integer(), nullable=True),
    sa.Column('members', postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('facts', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('archived_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['parent'], ['list_value.key'], name=op.f('fk_list_value_parent_list_value')),
    sa.PrimaryKeyConstraint('value_id', name=op.f('pk_list_value')),
    sa.UniqueConstraint('key', name=op.f('uq_list_value_key')),
    sa.UniqueConstraint('list', 'number', name=op.f('uq_list_value_list_number'))
    )
    op.create_index('ix_list_value_default', 'list_value', ['list'], unique=True, postgresql_where=sa.text('facts @> \'{"default": true}\''))
    op.create_index(op.f('ix_list_value_parent'), 'list_value', ['parent'], unique=False)
    op.create_index('ix_list_value_title', 'list_value', ['list', sa.literal_column('coalesce(parent, 0)'), sa.literal_column('lower(title)')], unique=True, postgresql_where=sa.text('archived_at IS NULL'))
    op.create_table('customer_word',
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deleted', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('merged_into', sa.UUID(), nullable=True),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('customer_id', 'version', name=op.f('pk_customer_word'))
    )
    op.create_table('milestone',
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('facts', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.PrimaryKeyConstraint('customer_id', 'key', 'kind', name=op.f('pk_milestone'))
    )
    op.create_index('ix_milestone_at', 'milestone', ['customer_id', 'at', 'kind', 'key'], unique=False, postgresql_where=sa.text('NOT withdrawn'))
    op.create_table('outbox',
    sa.Column('seq', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('message_id', sa.UUID(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('correlation_id', sa.Text(), nullable=True),
    sa.Column('time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lease', sa.UUID(), nullable=True),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('quarantined', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_outbox')),
    postgresql_with={'fillfactor': '80'}
    )
    op.create_index('ix_outbox_unsent', 'outbox', ['seq'], unique=False, postgresql_where=sa.text('sent_at IS NULL AND quarantined IS NULL'))
    op.create_table('seller',
    sa.Column('seller', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('left_on', sa.Date(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('seller', name=op.f('pk_seller'))
    )
    op.create_table('user_group',
    sa.Column('group_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('title', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('kind', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('parent_id', sa.UUID(), nullable=True),
    sa.Column('removed', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('group_id', name=op.f('pk_user_group'))
    )
    op.create_index('ix_user_group_parent_id', 'user_group', ['parent_id'], unique=False)
    op.create_table('user_group_member',
    sa.Column('group_id', sa.UUID(), nullable=False),
    sa.Column('seller', sa.Text(), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('group_id', 'seller', 'since', name=op.f('pk_user_group_member'))
    )
    op.create_index('ix_user_group_member_seller', 'user_group_member', ['seller'], unique=False)
    op.create_table('activity',
    sa.Column('activity_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('contacts', postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('opportunity_id', sa.UUID(), nullable=True),
    sa.Column('follows', sa.UUID(), nullable=True),
    sa.Column('category', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Integer(), nullable=False),
    sa.Column('type', sa.Integer(), nullable=False),
    sa.Column('attributes', postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('seller', sa.Text(), nullable=True),
    sa.Column('participants', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=True),
    sa.Column('direction', sa.Text(), nullable=True),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('memo', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('result', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('counts_to_target', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('ref', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state <> 'open' OR due_at IS NOT NULL", name=op.f('ck_activity_open_is_due')),
    sa.CheckConstraint('(source IS NULL) = (ref IS NULL)', name=op.f('ck_activity_ref_has_source')),
    sa.CheckConstraint('ends_at IS NULL OR ends_at >= starts_at', name=op.f('ck_activity_ends_after_start')),
    sa.ForeignKeyConstraint(['category'], ['list_value.key'], name=op.f('fk_activity_category_list_value')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.customer_id'], name=op.f('fk_activity_customer_id_customer')),
    sa.ForeignKeyConstraint(['follows'], ['activity.activity_id'], name=op.f('fk_activity_follows_activity')),
    sa.ForeignKeyConstraint(['kind'], ['list_value.key'], name=op.f('fk_activity_kind_list_value')),
    sa.ForeignKeyConstraint(['seller'], ['seller.seller'], name=op.f('fk_activity_seller_seller')),
    sa.ForeignKeyConstraint(['type'], ['list_value.key'], name=op.f('fk_activity_type_list_value')),
    sa.PrimaryKeyConstraint('activity_id', name=op.f('pk_activity'))
    )
    op.create_index('ix_activity_attributes', 'activity', ['attributes'], unique=False, postgresql_using='gin')
    op.create_index('ix_activity_category', 'activity', ['category'], unique=False)
    op.create_index('ix_activity_customer', 'activity', ['customer_id', 'starts_at', 'activity_id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_activity_day', 'activity', ['day'], unique=False, postgresql_include=['seller', 'category', 'kind', 'type', 'attributes', 'state', 'customer_id'], postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_activity_deleted', 'activity', ['deleted_at', 'activity_id'], unique=False, postgresql_where=sa.text('deleted_at IS NOT NULL'))
    op.create_index('ix_activity_due', 'activity', ['seller', 'due_at', 'activity_id'], unique=False, postgresql_include=['category', 'kind'], postgresql_where=sa.text("deleted_at IS NULL AND state = 'open'"))
    op.create_index('ix_activity_kind', 'activity', ['kind'], unique=False)
    op.create_index('ix_activity_opportunity', 'activity', ['opportunity_id'], unique=False, postgresql_where=sa.text('opportunity_id IS NOT NULL'))
    op.create_index('ix_activity_participants', 'activity', ['participants'], unique=False, postgresql_using='gin')
    op.create_index('ix_activity_reference', 'activity', ['source', 'ref'], unique=True, postgresql_where=sa.text('source IS NOT NULL'))
    op.create_index('ix_activity_seller', 'activity', ['seller', 'starts_at', 'activity_id'], unique=False, postgresql_include=['category', 'kind', 'day'], postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_activity_starts_at', 'activity', ['starts_at', 'activity_id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_activity_type', 'activity', ['type'], unique=False)
    op.create_table('activity_import_row',
    sa.Column('import_id', sa.UUID(), nullable=False),
    sa.Column('line', sa.Integer(), nullable=False),
    sa.Column('cells', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('fate', sa.Text(), nullable=True),
    sa.Column('ref', sa.Text(), nullable=True),
    sa.Column('activity_id', sa.UUID(), nullable=True),
    sa.Column('problems', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
    sa.ForeignKeyConstraint(['import_id'], ['activity_import.import_id'], name=op.f('fk_activity_import_row_import_id_activity_import'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('import_id', 'line', name=op.f('pk_activity_import_row'))
    )
    op.create_index('ix_activity_import_row_activity', 'activity_import_row', ['activity_id'], unique=False, postgresql_where=sa.text('activity_id IS NOT NULL'))
    op.create_index('ix_activity_import_row_fate', 'activity_import_row', ['import_id', 'fate', 'line'], unique=False)
    op.create_index('ix_activity_import_row_ref', 'activity_import_row', ['import_id', 'ref'], unique=False)
    op.create_table('calendar_feed',
    sa.Column('feed_id', sa.UUID(), nullable=False),
    sa.Column('seller', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['seller'], ['seller.seller'], name=op.f('fk_calendar_feed_seller_seller')),
    sa.PrimaryKeyConstraint('feed_id', name=op.f('pk_calendar_feed')),
    sa.UniqueConstraint('secret_hash', name=op.f('uq_calendar_feed_secret_hash'))
    )
    op.create_index(op.f('ix_calendar_feed_seller'), 'calendar_feed', ['seller'], unique=False)
    op.create_table('tally',
    sa.Column('seller', sa.Text(), nullable=False),
    sa.Column('category', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('seller', 'category', 'day', name=op.f('pk_tally'))
    )
    op.create_index(op.f('ix_tally_category'), 'tally', ['category'], unique=False)
    op.create_table('target',
    sa.Column('target_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('seller', sa.Text(), nullable=True),
    sa.Column('group_id', sa.UUID(), nullable=True),
    sa.Column('category', sa.Integer(), nullable=False),
    sa.Column('period', sa.Text(), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('wanted', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(seller IS NULL) <> (group_id IS NULL)', name=op.f('ck_target_seller_or_group')),
    sa.ForeignKeyConstraint(['category'], ['list_value.key'], name=op.f('fk_target_category_list_value')),
    sa.ForeignKeyConstraint(['seller'], ['seller.seller'], name=op.f('fk_target_seller_seller')),
    sa.PrimaryKeyConstraint('target_id', name=op.f('pk_target'))
    )
    op.create_index(op.f('ix_target_category'), 'target', ['category'], unique=False)
    op.create_index('ix_target_subject', 'target', [sa.literal_column('coalesce(seller, CAST(group_id AS text))'), 'category', 'period', 'first_day'], unique=True)
    op.create_table('target_exception',
    sa.Column('exception_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('seller', sa.Text(), nullable=True),
    sa.Column('group_id', sa.UUID(), nullable=True),
    sa.Column('period', sa.Text(), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('percent', sa.SmallInteger(), nullable=False),
    sa.Column('reason', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('seller IS NULL OR group_id IS NULL', name=op.f('ck_target_exception_one_subject')),
    sa.ForeignKeyConstraint(['seller'], ['seller.seller'], name=op.f('fk_target_exception_seller_seller')),
    sa.PrimaryKeyConstraint('exception_id', name=op.f('pk_target_exception'))
    )
    op.create_index('ix_target_exception_period', 'target_exception', ['period', 'first_day', sa.literal_column("coalesce(seller, CAST(group_id AS text), '')")], unique=True)
    op.create_table('activity_contact',
    sa.Column('activity_id', sa.UUID(), nullable=False),
    sa.Column('contact_id', sa.UUID(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['activity_id'], ['activity.activity_id'], name=op.f('fk_activity_contact_activity_id_activity')),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.contact_id'], name=op.f('fk_activity_contact_contact_id_contact')),
    sa.PrimaryKeyConstraint('activity_id', 'contact_id', name=op.f('pk_activity_contact'))
    )
    op.create_index('ix_activity_contact_timeline', 'activity_contact', ['contact_id', 'starts_at', 'activity_id'], unique=False)
    op.create_table('attachment',
    sa.Column('attachment_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('activity_id', sa.UUID(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('media_type', sa.Text(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['activity_id'], ['activity.activity_id'], name=op.f('fk_attachment_activity_id_activity')),
    sa.ForeignKeyConstraint(['sha256'], ['blob.sha256'], name=op.f('fk_attachment_sha256_blob')),
    sa.PrimaryKeyConstraint('attachment_id', name=op.f('pk_attachment'))
    )
    op.create_index('ix_attachment_activity', 'attachment', ['activity_id', 'attachment_id'], unique=False)
    op.create_index('ix_attachment_deleted', 'attachment', ['deleted_at'], unique=False, postgresql_where=sa.text('deleted_at IS NOT NULL'))
    op.create_index(op.f('ix_attachment_sha256'), 'attachment', ['sha256'], unique=False)
    op.create_table('target_progress',
    sa.Column('target_id', sa.UUID(), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('wanted', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['target_id'], ['target.target_id'], name=op.f('fk_target_progress_target_id_target'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('target_id', 'first_day', name=op.f('pk_target_progress'))
    )
    keep_history_of(op, HISTORY_OF, but=("version", "updated_at", "day"))
    count_activities(op)
    tell_watchers(op)
    follow_merges(op)
