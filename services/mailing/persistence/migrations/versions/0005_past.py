"""What every row was is kept by triggers; facts are kept as they come, a deletion first too.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

OF_CUSTOMER = ('old_rows.customer_id', "'{}'")
# By table: its key, and which customer and contacts a row that was goes with.
KEPT = {
    'customer': (('customer_id',), *OF_CUSTOMER),
    'contact': (('contact_id',), 'NULL', 'ARRAY[old_rows.contact_id]'),
    'contact_customer': (
        ('contact_id', 'customer_id'), 'old_rows.customer_id', 'ARRAY[old_rows.contact_id]'
    ),
    'classification': (('token',), 'NULL', "'{}'"),
    'document': (('source', 'kind', 'document_id'), *OF_CUSTOMER),
    'activity': (('activity_id',), 'old_rows.customer_id', 'old_rows.contacts'),
    'opportunity': (('opportunity_id',), 'old_rows.customer_id', 'old_rows.contacts'),
}
# In the database, so that no way of changing a row goes past it; per statement, not per row.
# Without nested loops, since the plan is made once, when perhaps one row changes, and would be
# quadratic in a batch of five hundred. Each table has a function of its own: it compares rows as
# they are, and makes JSON only of those that go to the past.
KEEP_PAST = """
    CREATE FUNCTION keep_past_of_{table}() RETURNS trigger LANGUAGE plpgsql
    SET enable_nestloop = off AS $$
    BEGIN
        INSERT INTO past (kind, record_id, customer_id, contacts, since, until, fields)
        SELECT '{table}', {record_id}, {customer_id}, {contacts},
               old_rows.told_at, new_rows.told_at, to_jsonb(old_rows)
        FROM old_rows JOIN new_rows USING ({key})
        WHERE old_rows IS DISTINCT FROM new_rows;
        RETURN NULL;
    END $$
"""
ON_UPDATE = """
    CREATE TRIGGER keep_past AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_past_of_{table}()
"""
# Only links are ever deleted; whoever deletes says the moment, see UnitOfWork.act_as.
KEEP_LINKS = """
    CREATE FUNCTION keep_removed_links() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO past (kind, record_id, customer_id, contacts, since, until, fields)
        SELECT 'contact_customer', contact_id, customer_id, ARRAY[contact_id], told_at,
               greatest(told_at, coalesce(
                   CAST(nullif(current_setting('suhde.moment', true), '') AS timestamptz), now())),
               to_jsonb(old_rows)
        FROM old_rows;
        RETURN NULL;
    END $$
"""
ON_DELETE = """
    CREATE TRIGGER keep_removed AFTER DELETE ON contact_customer
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_removed_links()
"""


def upgrade() -> None:
    for table in ('activity', 'opportunity'):
        op.alter_column(table, 'told_customer_id', nullable=True)
        op.alter_column(table, 'customer_id', nullable=True)
    for table, column in (('document', 'net_amount'), ('document', 'margin'), ('opportunity', 'value')):
        op.alter_column(table, column, type_=sa.Numeric(precision=19, scale=4))
    op.create_index('ix_contact_merged_into', 'contact', ['merged_into'], unique=False, postgresql_where=sa.text('merged_into IS NOT NULL'))
    for table, (key, customer_id, contacts) in KEPT.items():
        names = ('contact_id',) if table == 'contact_customer' else key
        record_id = " || '/' || ".join(f'CAST(old_rows.{name} AS text)' for name in names)
        op.execute(KEEP_PAST.format(table=table, key=', '.join(key), record_id=record_id, customer_id=customer_id, contacts=contacts))
        op.execute(ON_UPDATE.format(table=table))
    op.execute(KEEP_LINKS)
    op.execute(ON_DELETE)
