"""History keeps places, references and who was created by an operation, so that all can be undone.

A place is kept as the contact's field `place:<customer_id>`, a reference as the record's field
`reference:["<source>", "<ref>"]`. What a record is created with needs no history.

Old code must survive this schema: add, backfill, then enforce; remove when nobody reads any more.
"""

from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

WHO = """nullif(current_setting('suhde.actor', true), ''),
               CAST(nullif(current_setting('suhde.operation', true), '') AS uuid)"""
# `suhde.moment` is the clock of whoever writes; these rows have no moment of their own.
KEPT_AT = """
    CREATE FUNCTION kept_at() RETURNS timestamptz LANGUAGE sql STABLE AS $$
        SELECT coalesce(CAST(nullif(current_setting('suhde.moment', true), '') AS timestamptz), now())
    $$
"""
KEEP_CREATION = f"""
    CREATE FUNCTION keep_creation() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO history (record, record_id, at, actor, operation_id, before, after)
        SELECT TG_TABLE_NAME, CAST(to_jsonb(new_rows) ->> TG_ARGV[0] AS uuid), created_at,
               {WHO}, '{{}}', '{{"created": true}}'
        FROM new_rows ORDER BY to_jsonb(new_rows) ->> TG_ARGV[0];
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
            f"FROM {side}_rows"
            for side in SIDES[event]
        )
        # Both sides meet by grouping, not by a join: its plan is made once, for one row perhaps.
        return f"""
        IF TG_OP = '{event}' THEN
            INSERT INTO history (record, record_id, at, actor, operation_id, before, after)
            SELECT '{record}', link.id, kept_at(), {WHO},
                   jsonb_object_agg(field, before), jsonb_object_agg(field, after)
            FROM (SELECT id, field, jsonb_agg(value) FILTER (WHERE was) -> 0 AS before,
                         jsonb_agg(value) FILTER (WHERE NOT was) -> 0 AS after
                  FROM ({sides}) AS side GROUP BY id, field) AS link
            WHERE before IS DISTINCT FROM after
              AND (SELECT created_at FROM {record} WHERE {key} = link.id)
                  IS DISTINCT FROM kept_at()
            GROUP BY link.id ORDER BY link.id;
        END IF;"""

    return f"""
    CREATE FUNCTION keep_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {"".join(kept(event) for event in SIDES)}
        RETURN NULL;
    END $$
    """


def upgrade() -> None:
    op.execute(KEPT_AT)
    op.execute(KEEP_CREATION)
    for table, key in RECORDS.items():
        op.execute(
            f"CREATE TRIGGER keep_creation AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows "
            "FOR EACH STATEMENT WHEN (current_setting('suhde.operation', true) <> '') "
            f"EXECUTE FUNCTION keep_creation('{key}')"
        )
    for table in LINKS:
        op.execute(keep_links(table))
        for event, sides in SIDES.items():
            rows = " ".join(f"{side.upper()} TABLE AS {side}_rows" for side in sides)
            op.execute(
                f"CREATE TRIGGER keep_{event.lower()} AFTER {event} ON {table} "
                f"REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION keep_{table}()"
            )
