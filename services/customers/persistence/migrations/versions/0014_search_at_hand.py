"""What a fragment is searched in lies at hand: a place has the text of its contact, and the order by
name has the text of its customer.

Old code must survive this schema: it inserts places without a text, and triggers fill it in.
"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


# The contact is held, so that no text of it that is being changed right now is taken over.
TAKE_TEXT = """
    CREATE FUNCTION take_contact_text() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT search_text INTO NEW.search_text FROM contact
        WHERE contact_id = NEW.contact_id AND deleted_at IS NULL FOR NO KEY UPDATE;
        RETURN NEW;
    END $$
"""
GIVE_TEXT = """
    CREATE FUNCTION give_contact_text() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE contact_customer
        SET search_text = CASE WHEN NEW.deleted_at IS NULL THEN NEW.search_text END
        WHERE contact_id = NEW.contact_id;
        RETURN NULL;
    END $$
"""
TRIGGERS = """
    CREATE TRIGGER take_text BEFORE INSERT ON contact_customer
        FOR EACH ROW EXECUTE FUNCTION take_contact_text();
    CREATE TRIGGER give_text AFTER UPDATE ON contact FOR EACH ROW
        WHEN (OLD.search_text <> NEW.search_text
              OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL))
        EXECUTE FUNCTION give_contact_text()
"""
BACKFILL = """
    UPDATE contact_customer AS place SET search_text = contact.search_text
    FROM contact WHERE contact.contact_id = place.contact_id AND contact.deleted_at IS NULL
"""
# An accelerator only: where the extension is missing, fragments are still found, more slowly. Trigrams
# end at the border of a word; with borders as letters, "a oy" has trigrams of its own.
FRAGMENTS = """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
            CREATE INDEX ix_customer_fragments ON customer
                USING gin (translate(search_text, ' .@-', 'qqqq') gin_trgm_ops)
                WHERE deleted_at IS NULL;
            CREATE INDEX ix_contact_customer_fragments ON contact_customer
                USING gin (translate(search_text, ' .@-', 'qqqq') gin_trgm_ops);
        END IF;
    END $$
"""


def upgrade() -> None:
    op.add_column('contact_customer', sa.Column('search_text', sa.Text(), nullable=True))
    for statement in (TAKE_TEXT, GIVE_TEXT, *TRIGGERS.split(';')):
        op.execute(statement)
    op.execute('ALTER TABLE contact_customer DISABLE TRIGGER keep_update')
    op.execute(BACKFILL)
    op.execute('ALTER TABLE contact_customer ENABLE TRIGGER keep_update')
    op.execute(FRAGMENTS)
    for table in ('customer', 'contact'):
        op.drop_index(f'ix_{table}_search_text', table, if_exists=True)
    order = [sa.text('lower(name) COLLATE "C"'), 'customer_id']
    live = 'deleted_at IS NULL AND octet_length(search_text)'
    op.create_index('ix_customer_name_walk', 'customer', order, postgresql_include=['name', 'search_text'], postgresql_where=sa.text(f'{live} <= 600'))
    op.create_index('ix_customer_name_walk_long', 'customer', order, postgresql_where=sa.text(f'{live} > 600'))
