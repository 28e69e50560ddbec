"""The pipeline service as it begins."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.pipeline.persistence.rollups import keep_rollups
from services.pipeline.persistence.states import keep_states
from shared.history.migration import keep_history_of
from shared.projection.survivors import follow_merges

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

HISTORY_OF = {"opportunity": "opportunity_id", "user_group": "group_id", "list_value": "value_id"}
# What follows from the stage, from activities and from the board is no change that somebody made.
NOT_KEPT = {"opportunity": ("entered_at", "position", "last_activity_at", "stale_reason")}


def upgrade() -> None:
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
    op.create_table('document',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('document_id', sa.Text(), nullable=False),
    sa.Column('document_version', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('voided', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('document_date', sa.Date(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('net_amount', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('source', 'kind', 'document_id', name=op.f('pk_document'))
    )
    op.create_index('ix_document_customer', 'document', ['customer_id', 'document_date'], unique=False)
    op.create_index('ix_document_date', 'document', ['document_date', 'customer_id'], unique=False)
    op.create_table('exchange_rate',
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('rate', sa.Numeric(precision=18, scale=9), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('currency', 'valid_from', name=op.f('pk_exchange_rate'))
    )
    op.create_table('forecast_shared',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('sellers', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('stage', sa.Integer(), nullable=False),
    sa.Column('type', sa.Integer(), nullable=False),
    sa.Column('probability', sa.SmallInteger(), nullable=False),
    sa.Column('opportunities', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('day', 'sellers', 'currency', 'stage', 'type', 'probability', name=op.f('pk_forecast_shared'))
    )
    op.create_table('forecast_share',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('seller', sa.Text(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('stage', sa.Integer(), nullable=False),
    sa.Column('type', sa.Integer(), nullable=False),
    sa.Column('probability', sa.SmallInteger(), nullable=False),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.Column('weighted', sa.BigInteger(), nullable=False),
    sa.Column('opportunities', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('day', 'seller', 'currency', 'stage', 'type', 'probability', name=op.f('pk_forecast_share'))
    )
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
    op.create_index('ix_history_contacts', 'history', [sa.literal_column("(before -> 'contacts')"), sa.literal_column("(after -> 'contacts')")], unique=False, postgresql_using='gin', postgresql_where=sa.text("record = 'opportunity' AND before ? 'contacts'"))
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
    op.create_table('opportunity_import',
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
    sa.PrimaryKeyConstraint('import_id', name=op.f('pk_opportunity_import'))
    )
    op.create_table('project',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('project_ref', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('violated_rule', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('source', 'project_ref', name=op.f('pk_project'))
    )
    op.create_index(op.f('ix_project_customer_id'), 'project', ['customer_id'], unique=False)
    op.create_table('user_group',
    sa.Column('group_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('parent_id', sa.UUID(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('standard', 'sales')", name=op.f('ck_user_group_kind')),
    sa.ForeignKeyConstraint(['parent_id'], ['user_group.group_id'], name=op.f('fk_user_group_parent_id_user_group')),
    sa.PrimaryKeyConstraint('group_id', name=op.f('pk_user_group'))
    )
    op.create_index(op.f('ix_user_group_parent_id'), 'user_group', ['parent_id'], unique=False)
    op.create_table('opportunity',
    sa.Column('opportunity_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('project_source', sa.Text(), nullable=True),
    sa.Column('project_ref', sa.Text(), nullable=True),
    sa.Column('rule_violated', sa.Text(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('memo', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('lines', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
    sa.Column('expected_close', sa.Date(), nullable=False),
    sa.Column('pipeline', sa.Integer(), nullable=False),
    sa.Column('stage', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('closed', sa.Boolean(), nullable=False),
    sa.Column('closed_on', sa.Date(), nullable=True),
    sa.Column('entered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('probability', sa.SmallInteger(), nullable=False),
    sa.Column('probability_source', sa.Text(), nullable=False),
    sa.Column('rejection', sa.Integer(), nullable=True),
    sa.Column('type', sa.Integer(), nullable=True),
    sa.Column('origin', sa.Integer(), nullable=True),
    sa.Column('contacts', postgresql.ARRAY(sa.UUID()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('sellers', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('weights', postgresql.ARRAY(sa.SmallInteger()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('position', sa.Numeric(), nullable=False),
    sa.Column('last_activity_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('stale_reason', sa.Text(), nullable=True),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('ref', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(outcome = 'open') = (closed_on IS NULL)", name=op.f('ck_opportunity_closed_has_day')),
    sa.CheckConstraint("outcome <> 'won' OR probability = 100", name=op.f('ck_opportunity_won_is_certain')),
    sa.CheckConstraint("outcome = 'lost' OR rejection IS NULL", name=op.f('ck_opportunity_lost_has_reason')),
    sa.CheckConstraint("outcome NOT IN ('lost', 'expired') OR probability = 0", name=op.f('ck_opportunity_lost_is_impossible')),
    sa.CheckConstraint('(project_source IS NULL) = (project_ref IS NULL)', name=op.f('ck_opportunity_project_is_whole')),
    sa.CheckConstraint('(source IS NULL) = (ref IS NULL)', name=op.f('ck_opportunity_ref_has_source')),
    sa.CheckConstraint('cardinality(sellers) = cardinality(weights)', name=op.f('ck_opportunity_sellers_have_weights')),
    sa.CheckConstraint('probability BETWEEN 0 AND 100', name=op.f('ck_opportunity_probability_is_per_cent')),
    sa.CheckConstraint('value >= 0', name=op.f('ck_opportunity_value_not_negative')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.customer_id'], name=op.f('fk_opportunity_customer_id_customer')),
    sa.ForeignKeyConstraint(['origin'], ['list_value.key'], name=op.f('fk_opportunity_origin_list_value')),
    sa.ForeignKeyConstraint(['pipeline'], ['list_value.key'], name=op.f('fk_opportunity_pipeline_list_value')),
    sa.ForeignKeyConstraint(['project_source', 'project_ref'], ['project.source', 'project.project_ref'], name=op.f('fk_opportunity_project_source_project')),
    sa.ForeignKeyConstraint(['rejection'], ['list_value.key'], name=op.f('fk_opportunity_rejection_list_value')),
    sa.ForeignKeyConstraint(['stage'], ['list_value.key'], name=op.f('fk_opportunity_stage_list_value')),
    sa.ForeignKeyConstraint(['type'], ['list_value.key'], name=op.f('fk_opportunity_type_list_value')),
    sa.PrimaryKeyConstraint('opportunity_id', name=op.f('pk_opportunity'))
    )
    op.create_index('ix_opportunity_closed', 'opportunity', ['closed_on', 'opportunity_id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_opportunity_contacts', 'opportunity', ['contacts'], unique=False, postgresql_using='gin')
    op.create_index('ix_opportunity_customer', 'opportunity', ['customer_id', 'opportunity_id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_opportunity_deleted', 'opportunity', ['deleted_at', 'opportunity_id'], unique=False, postgresql_where=sa.text('deleted_at IS NOT NULL'))
    op.create_index('ix_opportunity_due', 'opportunity', ['expected_close', 'opportunity_id'], unique=False, postgresql_where=sa.text("deleted_at IS NULL AND outcome = 'open' AND stale_reason IS NULL"))
    op.create_index('ix_opportunity_expected', 'opportunity', ['expected_close', 'opportunity_id'], unique=False, postgresql_where=sa.text("deleted_at IS NULL AND outcome = 'open'"))
    op.create_index(op.f('ix_opportunity_origin'), 'opportunity', ['origin'], unique=False)
    op.create_index(op.f('ix_opportunity_pipeline'), 'opportunity', ['pipeline'], unique=False)
    op.create_index('ix_opportunity_project', 'opportunity', ['project_source', 'project_ref'], unique=False, postgresql_where=sa.text('project_ref IS NOT NULL'))
    op.create_index('ix_opportunity_quiet', 'opportunity', [sa.literal_column('greatest(last_activity_at, updated_at)'), 'opportunity_id'], unique=False, postgresql_where=sa.text("deleted_at IS NULL AND outcome = 'open' AND stale_reason IS NULL"))
    op.create_index('ix_opportunity_reference', 'opportunity', ['source', 'ref'], unique=True, postgresql_where=sa.text('source IS NOT NULL'))
    op.create_index(op.f('ix_opportunity_rejection'), 'opportunity', ['rejection'], unique=False)
    op.create_index('ix_opportunity_sellers', 'opportunity', ['sellers'], unique=False, postgresql_using='gin')
    op.create_index('ix_opportunity_stage', 'opportunity', ['stage', 'position', 'opportunity_id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_opportunity_stage_held', 'opportunity', ['stage'], unique=False)
    op.create_index(op.f('ix_opportunity_type'), 'opportunity', ['type'], unique=False)
    op.create_table('opportunity_import_row',
    sa.Column('import_id', sa.UUID(), nullable=False),
    sa.Column('line', sa.Integer(), nullable=False),
    sa.Column('cells', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('fate', sa.Text(), nullable=True),
    sa.Column('ref', sa.Text(), nullable=True),
    sa.Column('opportunity_id', sa.UUID(), nullable=True),
    sa.Column('problems', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
    sa.ForeignKeyConstraint(['import_id'], ['opportunity_import.import_id'], name=op.f('fk_opportunity_import_row_import_id_opportunity_import'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('import_id', 'line', name=op.f('pk_opportunity_import_row'))
    )
    op.create_index('ix_opportunity_import_row_fate', 'opportunity_import_row', ['import_id', 'fate', 'line'], unique=False)
    op.create_index('ix_opportunity_import_row_ref', 'opportunity_import_row', ['import_id', 'ref'], unique=False)
    op.create_table('revenue_target',
    sa.Column('target_id', sa.UUID(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('seller', sa.Text(), nullable=True),
    sa.Column('group_id', sa.UUID(), nullable=True),
    sa.Column('period', sa.Text(), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("period IN ('month', 'quarter')", name=op.f('ck_revenue_target_period')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_revenue_target_amount_wanted')),
    sa.CheckConstraint('seller IS NULL OR group_id IS NULL', name=op.f('ck_revenue_target_one_subject')),
    sa.ForeignKeyConstraint(['group_id'], ['user_group.group_id'], name=op.f('fk_revenue_target_group_id_user_group')),
    sa.PrimaryKeyConstraint('target_id', name=op.f('pk_revenue_target'))
    )
    op.create_index(op.f('ix_revenue_target_group_id'), 'revenue_target', ['group_id'], unique=False)
    op.create_index('ix_revenue_target_subject', 'revenue_target', ['period', 'first_day', sa.literal_column("coalesce(seller, CAST(group_id AS text), '')")], unique=True)
    op.create_table('user_group_member',
    sa.Column('group_id', sa.UUID(), nullable=False),
    sa.Column('seller', sa.Text(), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['group_id'], ['user_group.group_id'], name=op.f('fk_user_group_member_group_id_user_group')),
    sa.PrimaryKeyConstraint('group_id', 'seller', 'since', name=op.f('pk_user_group_member'))
    )
    op.create_index('ix_user_group_member_seller', 'user_group_member', ['seller'], unique=False)
    op.create_table('opportunity_state',
    sa.Column('opportunity_id', sa.UUID(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deleted', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('customer_id', sa.UUID(), nullable=False),
    sa.Column('pipeline', sa.Integer(), nullable=False),
    sa.Column('stage', sa.Integer(), nullable=False),
    sa.Column('entered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('closed_on', sa.Date(), nullable=True),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('probability', sa.SmallInteger(), nullable=False),
    sa.Column('expected_close', sa.Date(), nullable=False),
    sa.Column('type', sa.Integer(), nullable=True),
    sa.Column('sellers', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('weights', postgresql.ARRAY(sa.SmallInteger()), nullable=False),
    sa.ForeignKeyConstraint(['opportunity_id'], ['opportunity.opportunity_id'], name=op.f('fk_opportunity_state_opportunity_id_opportunity')),
    sa.PrimaryKeyConstraint('opportunity_id', 'since', name=op.f('pk_opportunity_state'))
    )
    op.create_index('ix_opportunity_state_current', 'opportunity_state', ['opportunity_id'], unique=True, postgresql_where=sa.text('until IS NULL'))
    op.create_index('ix_opportunity_state_since', 'opportunity_state', ['since'], unique=False)

    follow_merges(op)
    keep_rollups(op)
    keep_history_of(op, HISTORY_OF, but_of=NOT_KEPT)
    keep_states(op)
