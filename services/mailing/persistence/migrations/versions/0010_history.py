"""What pins were is kept as facts are; the history of members is read by contact and by moment.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

# As in 0005: without nested loops, since the plan is made once.
KEEP_PAST = """
    CREATE FUNCTION keep_past_of_segment_pin() RETURNS trigger LANGUAGE plpgsql
    SET enable_nestloop = off AS $$
    BEGIN
        INSERT INTO past (kind, record_id, customer_id, contacts, since, until, fields)
        SELECT 'segment_pin', CAST(old_rows.contact_id AS text), NULL, ARRAY[old_rows.contact_id],
               old_rows.at, new_rows.at, to_jsonb(old_rows)
        FROM old_rows JOIN new_rows USING (segment_id, contact_id)
        WHERE old_rows IS DISTINCT FROM new_rows;
        RETURN NULL;
    END $$
"""
# Whoever deletes says the moment, see UnitOfWork.act_as.
KEEP_REMOVED = """
    CREATE FUNCTION keep_removed_pins() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO past (kind, record_id, customer_id, contacts, since, until, fields)
        SELECT 'segment_pin', CAST(contact_id AS text), NULL, ARRAY[contact_id], at,
               greatest(at, coalesce(
                   CAST(nullif(current_setting('suhde.moment', true), '') AS timestamptz), now())),
               to_jsonb(old_rows)
        FROM old_rows;
        RETURN NULL;
    END $$
"""


def upgrade() -> None:
    op.execute(KEEP_PAST)
    op.execute(
        'CREATE TRIGGER keep_past AFTER UPDATE ON segment_pin '
        'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows '
        'FOR EACH STATEMENT EXECUTE FUNCTION keep_past_of_segment_pin()'
    )
    op.execute(KEEP_REMOVED)
    op.execute(
        'CREATE TRIGGER keep_removed AFTER DELETE ON segment_pin '
        'REFERENCING OLD TABLE AS old_rows '
        'FOR EACH STATEMENT EXECUTE FUNCTION keep_removed_pins()'
    )
    # Of a segment by contact: who was a member at a moment, and since when one is.
    op.drop_index('ix_member_change_contact_id', table_name='member_change')
    op.create_index('ix_member_change_contact_id', 'member_change', ['segment_id', 'contact_id', 'position'], unique=False)
    op.drop_index('ix_member_change_segment_id', table_name='member_change')
    op.create_index('ix_member_change_segment_id', 'member_change', ['segment_id', 'position'], unique=False, postgresql_include=['at', 'entered', 'cause'])
    op.create_index('ix_member_change_at', 'member_change', ['at', 'position'], unique=False)
