"""Statements on imports: the files, their rows, and what becomes of each."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.import_plan import RowFate

COLUMNS = """import_id, version, source, name, encoding, delimiter, sheet, sheets, columns, rows,
             mapping, counts, rehearsal_job, run_job, created_at, updated_at"""
# What an import was is kept as the operation's record and in history; its rows go.
OUTDATED_IMPORTS = """
    DELETE FROM import WHERE import_id IN (
        SELECT import_id FROM import WHERE created_at < :before ORDER BY created_at
        LIMIT least(CAST(:chunk AS int), 1))
"""
# Each key is looked up by itself, in an index, whatever the planner believes of the tables: they
# grow while an import runs, and a plan made when they were small reads all of them at each chunk.
_EACH = "unnest(CAST(:{array} AS text[])) AS wanted (value) CROSS JOIN LATERAL"
_EACH_REF = _EACH.format(array="refs")


async def insert_import(
    connection: AsyncConnection, row: Mapping[str, Any], *, now: datetime
) -> None:
    """Insert an import; its columns come when the file is read."""
    await connection.execute(
        text(
            """
            INSERT INTO import (import_id, version, source, name, encoding, delimiter, sheet,
                                sheets, columns, rows, created_at, updated_at)
            VALUES (:import_id, 1, :source, :name, :encoding, :delimiter, :sheet,
                    CAST(:sheets AS jsonb), CAST(:columns AS jsonb), 0, :now, :now)
            """
        ),
        {
            **row,
            "sheets": json.dumps(row["sheets"]),
            "columns": json.dumps(row["columns"]),
            "now": now,
        },
    )


async def copy_rows(
    connection: AsyncConnection, import_id: UUID, rows: Sequence[tuple[int, list[str]]]
) -> None:
    """Append rows of a file."""
    records = [(import_id, line, cells) for line, cells in rows]
    await _copy(connection, "import_row", ["import_id", "line", "cells"], records)


async def _copy(
    connection: AsyncConnection,
    table: str,
    columns: Sequence[str],
    records: Sequence[tuple[Any, ...]],
) -> None:
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None
    await raw.driver_connection.copy_records_to_table(table, records=records, columns=columns)


async def set_rows(connection: AsyncConnection, import_id: UUID, rows: int) -> None:
    """Note how many rows the file has."""
    await connection.execute(
        text("UPDATE import SET rows = :rows WHERE import_id = :id"),
        {"id": import_id, "rows": rows},
    )


async def find_import(
    connection: AsyncConnection, import_id: UUID, *, lock: bool = False
) -> Row[Any] | None:
    """Return an import, or None; locked so that its mapping and jobs stay as they are."""
    mode = "FOR NO KEY UPDATE" if lock else ""
    result = await connection.execute(
        text(f"SELECT {COLUMNS} FROM import WHERE import_id = :id {mode}"), {"id": import_id}
    )
    return result.one_or_none()


async def list_imports(
    connection: AsyncConnection, *, before: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return imports, the newest first."""
    result = await connection.execute(
        text(
            f"""
            SELECT {COLUMNS} FROM import
            WHERE CAST(:before AS uuid) IS NULL OR import_id < CAST(:before AS uuid)
            ORDER BY import_id DESC LIMIT :limit
            """
        ),
        {"before": before, "limit": limit},
    )
    return result.all()


async def set_mapping(
    connection: AsyncConnection, import_id: UUID, mapping: Mapping[str, Any], *, now: datetime
) -> None:
    """Replace what the columns mean; what an earlier mapping came to is forgotten."""
    await clear_fates(connection, import_id)
    await connection.execute(
        text(
            "UPDATE import SET mapping = CAST(:mapping AS jsonb), version = version + 1, "
            "counts = '{}', rehearsal_job = NULL, updated_at = :now WHERE import_id = :id"
        ),
        {"id": import_id, "mapping": json.dumps(mapping), "now": now},
    )


async def set_job(
    connection: AsyncConnection, import_id: UUID, *, rehearsal: UUID | None, run: UUID | None
) -> None:
    """Note which job rehearses or runs the import."""
    await connection.execute(
        text(
            """
            UPDATE import SET rehearsal_job = coalesce(CAST(:rehearsal AS uuid), rehearsal_job),
                              run_job = coalesce(CAST(:run AS uuid), run_job)
            WHERE import_id = :id
            """
        ),
        {"id": import_id, "rehearsal": rehearsal, "run": run},
    )


async def set_counts(
    connection: AsyncConnection, import_id: UUID, counts: Mapping[str, int]
) -> None:
    """Note how many rows have met which fate so far."""
    await connection.execute(
        text("UPDATE import SET counts = CAST(:counts AS jsonb) WHERE import_id = :id"),
        {"id": import_id, "counts": json.dumps(counts)},
    )


async def delete_import(connection: AsyncConnection, import_id: UUID) -> None:
    """Remove an import with its rows; what it did to customers and contacts stays."""
    await connection.execute(text("DELETE FROM import WHERE import_id = :id"), {"id": import_id})


async def next_rows(
    connection: AsyncConnection, import_id: UUID, *, after: int, limit: int
) -> list[tuple[int, list[str]]]:
    """Return the next rows in the order of the file."""
    result = await connection.execute(
        text(
            "SELECT line, cells FROM import_row WHERE import_id = :id AND line > :after "
            "ORDER BY line LIMIT :limit"
        ),
        {"id": import_id, "after": after, "limit": limit},
    )
    return [(row.line, row.cells) for row in result]


async def clear_fates(connection: AsyncConnection, import_id: UUID) -> None:
    """Forget what rows have come to, and what a rehearsal planned."""
    for table in ("import_fate", "import_planned"):
        await connection.execute(
            text(f"DELETE FROM {table} WHERE import_id = :id"), {"id": import_id}
        )


async def insert_fates(
    connection: AsyncConnection, import_id: UUID, fates: Sequence[RowFate]
) -> None:
    """Keep what has become of rows."""
    await _copy(
        connection,
        "import_fate",
        ["import_id", "line", "fate", "changes", "problems", "customer_id", "contact_id"],
        [
            (
                import_id,
                one.line,
                one.fate,
                to_json(one.changes).decode(),
                to_json(
                    [
                        {
                            "column": problem.field,
                            "reason": problem.reason,
                            "remedy": problem.remedy,
                        }
                        for problem in one.problems
                    ]
                ).decode(),
                one.customer_id,
                one.contact_id,
            )
            for one in fates
        ],
    )


async def list_fates(
    connection: AsyncConnection, import_id: UUID, *, fate: str | None, after: int, limit: int
) -> Sequence[Row[Any]]:
    """Return rows with what has become of them, in the order of the file."""
    result = await connection.execute(
        text(
            f"""
            SELECT line, cells, fate, changes, problems, customer_id, contact_id
            FROM import_fate JOIN import_row USING (import_id, line)
            WHERE import_id = :id AND line > :after {"AND fate = :fate" if fate else ""}
            ORDER BY line LIMIT :limit
            """
        ),
        {"id": import_id, "after": after, "limit": limit, **({"fate": fate} if fate else {})},
    )
    return result.all()


async def save_planned(
    connection: AsyncConnection, import_id: UUID, states: Mapping[tuple[str, str], Any]
) -> None:
    """Remember how a rehearsal lets records stand, by (kind, key)."""
    await connection.execute(
        text(
            """
            INSERT INTO import_planned (import_id, kind, key, state)
            SELECT :id, kind, key, CAST(state AS jsonb)
            FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:states AS text[]))
                 AS new (kind, key, state)
            ON CONFLICT (import_id, kind, key) DO UPDATE SET state = excluded.state
            """
        ),
        {
            "id": import_id,
            "kinds": [kind for kind, _ in states],
            "keys": [key for _, key in states],
            "states": [to_json(state).decode() for state in states.values()],
        },
    )


async def find_planned(
    connection: AsyncConnection, import_id: UUID, kind: str, keys: Collection[str]
) -> dict[str, Any]:
    """Return how a rehearsal lets these stand, by key."""
    result = await connection.execute(
        text(
            f"""
            SELECT value AS key, state FROM {_EACH.format(array="keys")} (
                SELECT state FROM import_planned
                WHERE import_id = :id AND kind = :kind AND key = wanted.value LIMIT 1) AS found
            """
        ),
        {"id": import_id, "kind": kind, "keys": list(keys)},
    )
    return {row.key: row.state for row in result}


async def find_owners(
    connection: AsyncConnection,
    source: str,
    *,
    refs: Collection[str],
    numbers: Collection[str],
    business_ids: Collection[str],
) -> dict[tuple[str, str], UUID]:
    """Return whose these keys are: references of anybody, numbers and business ids of the live."""
    result = await connection.execute(
        text(
            f"""
            SELECT 'ref' AS kind, value, customer_id FROM {_EACH_REF} (
                SELECT customer_id FROM customer_reference
                WHERE source = :source AND ref = wanted.value LIMIT 1) AS found
            UNION ALL
            SELECT 'number', value, customer_id FROM {_EACH.format(array="numbers")} (
                SELECT customer_id FROM customer
                WHERE number = wanted.value AND deleted_at IS NULL LIMIT 1) AS found
            UNION ALL
            SELECT 'business_id', value, customer_id FROM {_EACH.format(array="business_ids")} (
                SELECT customer_id FROM customer
                WHERE business_id = wanted.value AND deleted_at IS NULL LIMIT 1) AS found
            """
        ),
        {
            "source": source,
            "refs": list(refs),
            "numbers": list(numbers),
            "business_ids": list(business_ids),
        },
    )
    return {(row.kind, row.value): row.customer_id for row in result}


async def customers_as_they_are(
    connection: AsyncConnection, customer_ids: Collection[UUID], *, lock: bool
) -> Sequence[Row[Any]]:
    """Return customers with what an import may change, locked in one order if asked."""
    result = await connection.execute(
        text(
            f"""
            SELECT customer_id, number, name, business_id, email, phone, headcount, street,
                   postal_code, city, country, classifications, attribute_values, ended_on,
                   started_on, start_source, deleted_at
            FROM customer WHERE customer_id = ANY(CAST(:ids AS uuid[]))
            ORDER BY customer_id {"FOR NO KEY UPDATE" if lock else ""}
            """
        ),
        {"ids": list(customer_ids)},
    )
    return result.all()


async def contacts_as_they_are(
    connection: AsyncConnection, source: str, refs: Collection[str], *, lock: bool
) -> Sequence[Row[Any]]:
    """Return contacts by outside key with places, locked in one order if asked."""
    if lock:
        await connection.execute(
            text(
                f"""
                SELECT FROM contact WHERE contact_id = ANY(ARRAY(
                    SELECT contact_id FROM {_EACH_REF} (
                        SELECT contact_id FROM contact_reference
                        WHERE source = :source AND ref = wanted.value LIMIT 1) AS found))
                ORDER BY contact_id FOR NO KEY UPDATE
                """
            ),
            {"source": source, "refs": list(refs)},
        )
    result = await connection.execute(
        text(
            f"""
            SELECT value AS ref, contact_id, first_name, last_name, email, mobile, phone, street,
                   postal_code, city, country, language, attributes, classifications,
                   attribute_values, deleted_at, places
            FROM {_EACH_REF} (
                SELECT contact_id, first_name, last_name, email, mobile, phone, street,
                       postal_code, city, country, language, attributes, classifications,
                       attribute_values, deleted_at,
                       (SELECT jsonb_object_agg(place.customer_id, place.role)
                        FROM contact_customer AS place
                        WHERE place.contact_id = contact.contact_id) AS places
                FROM contact_reference JOIN contact USING (contact_id)
                WHERE source = :source AND ref = wanted.value LIMIT 1) AS found
            """
        ),
        {"source": source, "refs": list(refs)},
    )
    return result.all()


async def keep_lists(connection: AsyncConnection, names: Collection[str]) -> Sequence[Row[Any]]:
    """Return the values of lists with their titles, kept from deletion until the commit."""
    result = await connection.execute(
        text(
            """
            SELECT key, list, number, title, titles, parent, facts, archived_at FROM list_value
            WHERE list = ANY(CAST(:names AS text[])) ORDER BY key FOR KEY SHARE
            """
        ),
        {"names": list(names)},
    )
    return result.all()


async def raise_operation(
    connection: AsyncConnection, operation_id: UUID, *, customers: int
) -> None:
    """Count more customers as changed by an operation that goes on."""
    await connection.execute(
        text("UPDATE operation SET customers = customers + :customers WHERE operation_id = :id"),
        {"id": operation_id, "customers": customers},
    )
