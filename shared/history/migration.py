"""What a migration does so that the database keeps history by itself."""

from collections.abc import Mapping
from typing import Protocol


class Operations(Protocol):
    """What is needed of `alembic.op`."""

    def execute(self, sqltext: str) -> None:
        """Run a statement."""


def keep_history_of(
    op: Operations,
    records: Mapping[str, str],
    *,
    but: tuple[str, ...] = ("version", "updated_at"),
    but_of: Mapping[str, tuple[str, ...]] | None = None,
) -> None:
    """
    Let every change of these tables be kept in `history`; `records` names their ids by table.

    A table has `updated_at`: the moment of a change is that of the change itself. The columns named
    in `but`, of whichever table, are not kept: those that follow from others, or count changes; nor
    those in `but_of` of one table.
    """
    left_out = ", ".join(f"'{column}'" for column in but)
    op.execute(_KEEP_HISTORY.replace("LEFT_OUT", left_out))
    for table, record_id in records.items():
        arguments = ", ".join(f"'{one}'" for one in (record_id, *(but_of or {}).get(table, ())))
        op.execute(
            f'CREATE TRIGGER keep_history AFTER UPDATE ON "{table}" '
            "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
            f"FOR EACH STATEMENT EXECUTE FUNCTION keep_history({arguments})"
        )


# In the database, so that no way of changing a record goes past it; per statement, not per row.
# Without nested loops, since the plan is made once, when perhaps one row changes, and would be
# quadratic in a batch of five hundred.
_KEEP_HISTORY = """
    CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
    BEGIN
        INSERT INTO history (record, record_id, at, actor, operation_id, before, after)
        SELECT TG_TABLE_NAME, changed.id, changed.at,
               nullif(current_setting('suhde.actor', true), ''),
               CAST(nullif(current_setting('suhde.operation', true), '') AS uuid),
               difference.before, difference.after
        FROM (SELECT old_fields, new_fields,
                     CAST(new_fields ->> TG_ARGV[0] AS uuid) AS id,
                     CAST(new_fields ->> 'updated_at' AS timestamptz) AS at
              FROM (SELECT to_jsonb(old_rows) AS old_fields FROM old_rows) AS old
              JOIN (SELECT to_jsonb(new_rows) AS new_fields FROM new_rows) AS new
                ON old_fields -> TG_ARGV[0] = new_fields -> TG_ARGV[0]) AS changed
        CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(field.key, field.value) AS before,
                   jsonb_object_agg(field.key, new_fields -> field.key) AS after
            FROM jsonb_each(old_fields) AS field
            WHERE field.value IS DISTINCT FROM new_fields -> field.key
              AND field.key NOT IN (LEFT_OUT) AND field.key <> ALL (TG_ARGV[1:])
        ) AS difference
        WHERE difference.before IS NOT NULL
        ORDER BY changed.id;
        RETURN NULL;
    END $$
"""
