"""
The SQL of taking an operation back, in the order in which `undo.py` runs it.

The table `undoing` has one row per record and field; `why` is set where the field is to stay.
"""

from sqlalchemy import TextClause, text

from services.customers.domain.undo import CHANGED, GONE, TAKEN, UNITS
from services.customers.persistence.tables import ID_OF, metadata

_BANS = ("ban_email", "ban_sms", "ban_post")
# Never given back: versions only rise.
_KEPT = {"version", "created_at", "updated_at"}


def _unit(record: str) -> str:
    whens = " ".join(
        f"WHEN field.name = ANY('{{{','.join(unit)}}}') THEN CAST('{{{','.join(unit)}}}' AS text[])"
        for unit in UNITS[record]
    )
    return f"CASE {whens} ELSE ARRAY[field.name] END"


TABLE = text(
    """
    CREATE TEMPORARY TABLE undoing (
        record text NOT NULL, record_id uuid NOT NULL, field text NOT NULL, unit text[] NOT NULL,
        since bigint NOT NULL, before jsonb, after jsonb, why text,
        at_customer uuid GENERATED ALWAYS AS (
            CASE WHEN field LIKE 'place:%' THEN CAST(substr(field, 7) AS uuid) END) STORED,
        source text GENERATED ALWAYS AS (
            CASE WHEN field LIKE 'reference:%'
                 THEN CAST(substr(field, 11) AS jsonb) ->> 0 END) STORED,
        ref text GENERATED ALWAYS AS (
            CASE WHEN field LIKE 'reference:%'
                 THEN CAST(substr(field, 11) AS jsonb) ->> 1 END) STORED,
        PRIMARY KEY (record_id, field)
    ) ON COMMIT DROP
    """
)
# Several changes of one field by one operation are one: from the first value to the last.
TOUCHED = text(
    f"""
    INSERT INTO undoing (record, record_id, field, unit, since, before, after)
    SELECT record, record_id, field, unit, since, before, after
    FROM (SELECT record, record_id, field.name AS field,
                 CASE record WHEN 'customer' THEN {_unit("customer")}
                             ELSE {_unit("contact")} END AS unit,
                 min(min(history_id)) OVER (PARTITION BY record_id) AS since,
                 (array_agg(before -> field.name ORDER BY history_id))[1] AS before,
                 (array_agg(after -> field.name ORDER BY history_id DESC))[1] AS after
          FROM history CROSS JOIN LATERAL jsonb_object_keys(after) AS field (name)
          WHERE operation_id = :id AND record IN ('customer', 'contact')
          GROUP BY record, record_id, field.name) AS folded
    WHERE before IS DISTINCT FROM after
    """
)
# In the order in which all lock them, so that no two wait for each other.
LOCKS = tuple(
    text(
        f"""
        SELECT {key} FROM {record}
        WHERE {key} IN (SELECT record_id FROM undoing WHERE record = '{record}'
                        UNION SELECT CAST(heir #>> '{{}}' AS uuid)
                        FROM undoing CROSS JOIN LATERAL unnest(ARRAY[before, after]) AS heir
                        WHERE record = '{record}' AND field = 'merged_into'
                        {also})
        ORDER BY {key} FOR NO KEY UPDATE
        """
    )
    for record, key, also in (
        ("customer", "customer_id", "UNION SELECT at_customer FROM undoing"),
        ("contact", "contact_id", ""),
    )
)
# What later operations did and was undone again is as if it had not been, if the value agrees.
LATER = text(
    f"""
    UPDATE undoing SET why = '{CHANGED}'
    WHERE EXISTS (
        SELECT FROM history AS later
        WHERE later.record = undoing.record AND later.record_id = undoing.record_id
          AND later.history_id > undoing.since AND later.operation_id IS DISTINCT FROM :id
          AND (undoing.field = 'created' OR later.after ?| undoing.unit)
          AND NOT EXISTS (
              SELECT FROM operation AS done WHERE done.operation_id = later.operation_id
                AND (done.undoes IS NOT NULL OR EXISTS (
                     SELECT FROM operation AS undo WHERE undo.undoes = done.operation_id))))
       OR (SELECT later.after -> undoing.field FROM history AS later
           WHERE later.record = undoing.record AND later.record_id = undoing.record_id
             AND later.history_id > undoing.since AND later.after ? undoing.field
           ORDER BY later.history_id DESC LIMIT 1) <> undoing.after
    """
)
# Of a record that the operation created nothing is given back: it goes, or stays as it is.
CREATED_ALONE = text(
    """
    DELETE FROM undoing USING undoing AS made
    WHERE made.record_id = undoing.record_id AND made.field = 'created'
      AND undoing.field <> 'created'
    """
)
CREATED_IN_USE = text(
    f"""
    UPDATE undoing SET why = '{CHANGED}'
    WHERE record = 'customer' AND field = 'created' AND why IS NULL
      AND (EXISTS (SELECT FROM erp_document AS document
                   WHERE document.customer_id = undoing.record_id)
           OR EXISTS (SELECT FROM erp_project AS project
                      WHERE project.customer_id = undoing.record_id)
           OR EXISTS (SELECT FROM contact_customer AS place
                      WHERE place.customer_id = undoing.record_id AND NOT EXISTS (
                            SELECT FROM undoing AS made WHERE made.field = 'created'
                              AND made.record_id = place.contact_id)))
    """
)
_BANNED_BY_IT = """
    why IS NULL AND record = 'contact' AND field = 'attributes' AND EXISTS (
        SELECT FROM jsonb_array_elements(after) AS held (number)
        WHERE CAST(number AS int) = ANY(CAST(:bans AS int[])) AND NOT before @> number)
"""
_BAN_SET_BY_IT = f"why IS NULL AND record = 'customer' AND field IN {_BANS} AND after = 'true'"
BANS_KEPT = text(
    f"SELECT count(DISTINCT record_id) FROM undoing WHERE ({_BANNED_BY_IT}) OR ({_BAN_SET_BY_IT})"
)
KEEP_BANS = text(
    f"""
    UPDATE undoing SET before = CASE field WHEN 'attributes' THEN (
        SELECT jsonb_agg(DISTINCT number ORDER BY number)
        FROM (SELECT number FROM jsonb_array_elements(before) AS held (number)
              UNION ALL
              SELECT number FROM jsonb_array_elements(after) AS held (number)
              WHERE CAST(number AS int) = ANY(CAST(:bans AS int[]))) AS kept)
        ELSE after END
    WHERE ({_BANNED_BY_IT}) OR ({_BAN_SET_BY_IT})
    """
)
NOTHING = text("DELETE FROM undoing WHERE why IS NULL AND before = after")
WHOLE_UNITS = text(
    """
    UPDATE undoing SET why = other.why FROM undoing AS other
    WHERE other.record_id = undoing.record_id AND other.unit = undoing.unit
      AND other.why IS NOT NULL AND undoing.why IS NULL
    """
)
# A merge is done again as a whole or not at all, or records would be half of two.
WHOLE_MERGES = text(
    f"""
    UPDATE undoing SET why = '{GONE}'
    WHERE why IS NULL AND EXISTS (
        SELECT FROM undoing AS stays
        WHERE stays.field = 'merged_into' AND stays.before <> 'null' AND stays.why IS NOT NULL)
    """
)
TO_DELETE = text(
    """
    SELECT record_id FROM undoing
    WHERE record = :record AND why IS NULL
      AND (field = 'created' OR field = 'deleted_at' AND before <> 'null')
    ORDER BY record_id
    """
)
# Live customers alone own numbers and business ids: those that live first, then those that come
# back. Who gives a key back in the same undo stands in nobody's way.
OWNED_KEYS = tuple(
    text(
        f"""
        UPDATE undoing SET why = '{TAKEN}'
        FROM customer AS held
        LEFT JOIN undoing AS given ON given.record_id = held.customer_id
             AND given.field = '{field}' AND given.why IS NULL
        JOIN customer AS owner ON owner.deleted_at IS NULL
             AND owner.customer_id <> held.customer_id
             AND owner.{field} = CASE WHEN given.field IS NULL THEN held.{field}
                                      ELSE given.before #>> '{{}}' END
        WHERE undoing.record_id = held.customer_id AND undoing.why IS NULL
          AND {which.format(field=field)}
          AND NOT EXISTS (
              SELECT FROM undoing AS freed WHERE freed.record_id = owner.customer_id
                AND freed.field = '{field}' AND freed.why IS NULL
                AND freed.before #>> '{{}}' IS DISTINCT FROM owner.{field})
        """
    )
    for which in (
        "undoing.field = '{field}' AND held.deleted_at IS NULL",
        "undoing.field = 'deleted_at' AND undoing.before = 'null'",
    )
    for field in ("number", "business_id")
)
STAY_DELETED = text(
    """
    UPDATE undoing SET why = stays.why FROM undoing AS stays
    WHERE stays.record_id = undoing.record_id AND stays.field = 'deleted_at'
      AND stays.before = 'null' AND stays.why IS NOT NULL AND undoing.why IS NULL
    """
)


def columns_set(record: str) -> str:
    """Return what sets every column of a record from `past`, also those that are yet to come."""
    columns = metadata.tables[record].columns
    return ", ".join(
        f"{column.name} = past.{column.name}"
        for column in columns
        if column.computed is None and not column.primary_key and column.name not in _KEPT
    )


TO_GIVE = text(
    """
    SELECT DISTINCT record_id FROM undoing
    WHERE record = :record AND why IS NULL AND field <> 'created' ORDER BY record_id
    """
)


def _give_back(record: str, key: str, *, restores: bool) -> TextClause:
    return text(
        f"""
        UPDATE {record} SET {columns_set(record)}, version = {record}.version + 1,
                            updated_at = :now
        FROM (SELECT record_id, jsonb_object_agg(field, before) AS fields FROM undoing
              WHERE record_id = ANY(CAST(:ids AS uuid[])) AND why IS NULL AND field <> 'created'
                AND NOT (field = 'deleted_at' AND before <> 'null')
              GROUP BY record_id
              HAVING bool_or(field = 'deleted_at') = {restores}) AS given
        JOIN {record} AS held ON held.{key} = given.record_id
        CROSS JOIN LATERAL jsonb_populate_record(held, given.fields) AS past
        WHERE {record}.{key} = given.record_id
        """
    )


# Who lives gives keys back before those come who had them.
GIVE_BACK = tuple(
    (record, _give_back(record, key, restores=restores))
    for record, key in ID_OF.items()
    for restores in (False, True)
)
_TAKE_PLACES = text(
    """
    DELETE FROM contact_customer AS place USING undoing
    WHERE place.contact_id = record_id AND record = 'contact' AND why IS NULL
      AND place.customer_id = at_customer AND before = 'null'
    """
)
_GIVE_PLACES = text(
    """
    INSERT INTO contact_customer (contact_id, customer_id, role, position)
    SELECT record_id, at_customer, before ->> 'role', CAST(before ->> 'position' AS int)
    FROM undoing WHERE at_customer IS NOT NULL AND why IS NULL AND before <> 'null'
    ON CONFLICT (contact_id, customer_id)
    DO UPDATE SET role = excluded.role, position = excluded.position
    """
)


def _links_of(record: str, key: str) -> tuple[str, ...]:
    """Return the statements that find owned references, move back, take back and give back."""
    table = f"{record}_reference"
    return (
        f"""
        UPDATE undoing AS given SET why = '{TAKEN}' FROM {table} AS owned
        WHERE owned.source = given.source AND owned.ref = given.ref
          AND owned.{key} <> given.record_id
          AND given.record = '{record}' AND given.before = 'true' AND given.why IS NULL
          AND NOT EXISTS (SELECT FROM undoing AS taken
                          WHERE taken.record_id = owned.{key} AND taken.field = given.field
                            AND taken.before = 'null' AND taken.why IS NULL)
        """,
        f"""
        UPDATE {table} AS owned SET {key} = given.record_id
        FROM undoing AS given JOIN undoing AS taken ON taken.field = given.field
        WHERE owned.source = given.source AND owned.ref = given.ref
          AND owned.{key} = taken.record_id
          AND given.record = '{record}' AND given.before = 'true' AND given.why IS NULL
          AND taken.before = 'null' AND taken.why IS NULL
        """,
        f"""
        DELETE FROM {table} AS owned USING undoing AS taken
        WHERE owned.source = taken.source AND owned.ref = taken.ref
          AND owned.{key} = taken.record_id
          AND taken.record = '{record}' AND taken.before = 'null' AND taken.why IS NULL
        """,
        f"""
        INSERT INTO {table} (source, ref, {key})
        SELECT source, ref, record_id FROM undoing
        WHERE record = '{record}' AND source IS NOT NULL AND before = 'true' AND why IS NULL
        ON CONFLICT DO NOTHING
        """,
    )


_OF_REFERENCES = [_links_of(record, key) for record, key in ID_OF.items()]
OWNED_REFERENCES = tuple(text(owned) for owned, *_ in _OF_REFERENCES)
# A reference goes from one record to the other, or stays.
REFERENCES_STAY = text(
    """
    UPDATE undoing SET why = stays.why FROM undoing AS stays
    WHERE stays.record = undoing.record AND stays.field = undoing.field
      AND undoing.source IS NOT NULL AND stays.why IS NOT NULL AND undoing.why IS NULL
    """
)
# A place at a customer that stays merged is at its survivor, where the operation has moved it.
AT_MERGED = (
    text(
        f"""
        UPDATE undoing SET why = '{GONE}' FROM customer AS merged
        WHERE merged.customer_id = undoing.at_customer AND merged.merged_into IS NOT NULL
          AND undoing.before <> 'null' AND undoing.why IS NULL
          AND NOT EXISTS (SELECT FROM undoing AS back
                          WHERE back.record_id = merged.customer_id AND back.field = 'merged_into'
                            AND back.before = 'null' AND back.why IS NULL)
        """
    ),
    text(
        """
        UPDATE undoing SET why = stays.why FROM undoing AS stays
        JOIN customer AS merged ON merged.customer_id = stays.at_customer
        WHERE stays.record_id = undoing.record_id AND undoing.at_customer = merged.merged_into
          AND stays.why IS NOT NULL AND undoing.before = 'null' AND undoing.why IS NULL
        """
    ),
)
# Whatever came since for the survivor stays with it, and so do those of customers that stay merged.
GIVE_DOCUMENTS = text(
    """
    WITH moved AS (
        UPDATE erp_document AS document SET customer_id = past.moved_from,
            hashed_for = nullif(coalesce(document.hashed_for, document.customer_id),
                                past.moved_from)
        FROM moved_document AS past
        WHERE past.operation_id = :id AND document.source = past.source
          AND document.kind = past.kind AND document.document_id = past.document_id
          AND document.customer_id = past.moved_to
          AND NOT EXISTS (SELECT FROM undoing WHERE undoing.why IS NOT NULL
                            AND undoing.record_id IN (past.moved_from, past.moved_to)
                            AND undoing.field = 'merged_into')
        RETURNING document.source, document.kind, document.document_id, past.moved_from,
                  past.moved_to)
    INSERT INTO moved_document (operation_id, source, kind, document_id, moved_from, moved_to)
    SELECT :undo, source, kind, document_id, moved_to, moved_from FROM moved
    """
)
LINKS = (
    _TAKE_PLACES,
    _GIVE_PLACES,
    *(text(statement) for _, *changes in _OF_REFERENCES for statement in changes),
)
