"""The history of many records created at once costs less, and says what it said.

Of a new record its key is taken, not the whole row as JSON, twice. Links of a record that the same
unit has created are passed over before anything is made of them.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

WHO = """nullif(current_setting('suhde.actor', true), ''),
               CAST(nullif(current_setting('suhde.operation', true), '') AS uuid)"""
# Dynamic, for the key has another name in each table.
KEEP_CREATION = f"""
    CREATE OR REPLACE FUNCTION keep_creation() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE format($do$
            INSERT INTO history (record, record_id, at, actor, operation_id, before, after)
            SELECT %L, %I, created_at, {WHO}, '{{}}', '{{"created": true}}'
            FROM new_rows ORDER BY %I
            $do$, TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[0]);
        RETURN NULL;
    END $$
"""
RECORDS = {"customer": "customer_id", "contact": "contact_id"}
REFERENCE = ("'reference:' || CAST(jsonb_build_array(source, ref) AS text)", "CAST('true' AS jsonb)")
PLACE = ("'place:' || customer_id", "jsonb_build_object('role', role, 'position', position)")
# Table: whose history it belongs to, the field's name and its value.
LINKS = {
    "contact_customer": ("contact", *PLACE),
    "contact_reference": ("contact", *REFERENCE),
    "customer_reference": ("customer", *REFERENCE),
}
SIDES = {"INSERT": ("new",), "UPDATE": ("old", "new"), "DELETE": ("old",)}


def keep_links(table: str) -> str:
    """Return the function that keeps what changed of such links, as fields of their record."""
    record, field, value = LINKS[table]
    key = RECORDS[record]

    def kept(event: str) -> str:
        sides = " UNION ALL ".join(
            f"SELECT {key} AS id, {field} AS field, {value} AS value, {side == 'old'} AS was "
            f"FROM {side}_rows WHERE (SELECT created_at FROM {record} "
            f"WHERE {record}.{key} = {side}_rows.{key}) IS DISTINCT FROM moment"
            for side in SIDES[event]
        )
        # Both sides meet by grouping, not by a join: its plan is made once, for one row perhaps.
        return f"""
        IF TG_OP = '{event}' THEN
            INSERT INTO history (record, record_id, at, actor, operation_id, before, after)
            SELECT '{record}', link.id, moment, {WHO},
                   jsonb_object_agg(field, before), jsonb_object_agg(field, after)
            FROM (SELECT id, field, jsonb_agg(value) FILTER (WHERE was) -> 0 AS before,
                         jsonb_agg(value) FILTER (WHERE NOT was) -> 0 AS after
                  FROM ({sides}) AS side GROUP BY id, field) AS link
            WHERE before IS DISTINCT FROM after
            GROUP BY link.id ORDER BY link.id;
        END IF;"""

    return f"""
    CREATE OR REPLACE FUNCTION keep_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        moment timestamptz := kept_at();
    BEGIN
        {"".join(kept(event) for event in SIDES)}
        RETURN NULL;
    END $$
    """


def upgrade() -> None:
    op.execute(KEEP_CREATION)
    for table in LINKS:
        op.execute(keep_links(table))
