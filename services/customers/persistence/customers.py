"""Statements on customers."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.attribute_values import Value
from services.customers.domain.lists import COMPULSORY, CUSTOMER_STATUS
from services.customers.domain.relationship import Relationship
from shared.lists.holders import classified
from shared.lists.store import default_values

COLUMNS = f"""customer_id, version, number, name, business_id, email, phone, headcount,
              classifications, {classified("customer")},
              (SELECT facts ->> 'colour' FROM list_value AS status
               WHERE status.list = '{CUSTOMER_STATUS}'
                 AND status.key = ANY(customer.classifications)) AS colour,
              attribute_values, street, postal_code, city, country, ended_on, ban_email,
              ban_sms, ban_post, started_on, start_source, start_document_source,
              start_document_id, start_recorded_at, start_decided_at, created_at, updated_at,
              deleted_at, merged_into,
              CASE WHEN merged_into IS NOT NULL THEN customer_survivor(customer_id) END
              AS survivor"""


FIELDS = {
    "name": "text",
    "business_id": "text",
    "email": "text",
    "phone": "text",
    "headcount": "int",
    "street": "text",
    "postal_code": "text",
    "city": "text",
    "country": "text",
}
"""What is said of a customer, by column, with its type."""


class KeyTakenMeanwhile(ConnectionError):
    """Somebody was given a key between our look and our change; another look sees by whom."""


async def open_number_series(connection: AsyncConnection, prefixes: Collection[str]) -> None:
    """Create the series of these prefixes that do not exist; kinds of one prefix share a series.

    They are sequences: nobody waits for another's number, and who rolls back leaves a gap (LS-A9).
    """
    await connection.execute(
        text("SELECT open_number_series(CAST(:prefixes AS text[]))"),
        {"prefixes": sorted(prefixes)},
    )


async def next_numbers(
    connection: AsyncConnection,
    count: int,
    *,
    prefix: str = "",
    besides: Collection[str] = (),
) -> list[str]:
    """Return new customer numbers from a series, passing over those given by hand before."""
    series = f"customer_number_{prefix}" if prefix else "customer_number"
    numbers: list[str] = []
    drawn = count
    while len(numbers) < count:
        result = await connection.execute(
            text(
                """
                WITH drawn AS MATERIALIZED (
                    SELECT CAST(:prefix AS text)
                           || nextval(CAST(quote_ident(:series) AS regclass)) AS number
                    FROM generate_series(1, :drawn))
                SELECT number FROM drawn
                WHERE NOT EXISTS (SELECT FROM customer
                                  WHERE customer.number = drawn.number AND deleted_at IS NULL)
                  AND NOT EXISTS (SELECT FROM customer
                                  WHERE customer.number = drawn.number AND deleted_at IS NOT NULL)
                """
            ),
            {"prefix": prefix, "series": series, "drawn": drawn},
        )
        numbers += [number for number in result.scalars() if number not in besides]
        # A long run of numbers given by hand is passed in few steps; gaps are allowed.
        drawn *= 2
    return numbers[:count]


async def insert_customers(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """Insert new customers: customer_id, number, the fields; ended_on, attribute_values if given.

    Each holds the keys that are given, else the default of every compulsory list; a number or
    business id that a live customer has raises.
    """
    defaults = await default_values(connection, COMPULSORY)
    await connection.execute(
        _INSERT,
        {
            **_columns(rows),
            "numbers": [row["number"] for row in rows],
            "keys": [
                None if row.get("keys") is None else ",".join(map(str, sorted(row["keys"])))
                for row in rows
            ],
            "ended": [row.get("ended_on") for row in rows],
            "values": [json.dumps(row.get("attribute_values", {})) for row in rows],
            "defaults": sorted(row.key for row in defaults.values()),
            "now": now,
        },
    )


async def update_customers(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """Change those customers of which a field differs from what is given."""
    await connection.execute(_UPDATE, {**_columns(rows), "now": now})


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in ("customer_id", *FIELDS)}


async def insert_references(
    connection: AsyncConnection, references: Sequence[tuple[str, str, UUID]]
) -> int:
    """Add references by (source, ref), also those of deleted customers; return how many are new."""
    result = await connection.execute(
        text(
            """
            INSERT INTO customer_reference (source, ref, customer_id)
            SELECT DISTINCT source, ref, id
            FROM unnest(CAST(:sources AS text[]), CAST(:refs AS text[]), CAST(:ids AS uuid[]))
                 AS new (source, ref, id)
            ON CONFLICT (source, ref) DO UPDATE SET customer_id = excluded.customer_id
            WHERE EXISTS (SELECT FROM customer AS owner WHERE owner.deleted_at IS NOT NULL
                            AND owner.customer_id = customer_reference.customer_id)
            """
        ),
        {
            "sources": [source for source, _, _ in references],
            "refs": [ref for _, ref, _ in references],
            "ids": [customer_id for _, _, customer_id in references],
        },
    )
    return result.rowcount


async def set_relationships(
    connection: AsyncConnection,
    starts: Mapping[UUID, Relationship | None],
    *,
    now: datetime,
) -> None:
    """Set or clear relationship starts, each with its source and the moment of the decision."""
    await connection.execute(
        text(
            """
            UPDATE customer SET started_on = new.started_on, start_source = new.source,
                                start_document_source = new.document_source,
                                start_document_id = new.document_id,
                                start_recorded_at = new.recorded_at, start_decided_at = :now,
                                version = customer.version + 1, updated_at = :now
            FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[]), CAST(:sources AS text[]),
                        CAST(:document_sources AS text[]), CAST(:document_ids AS text[]),
                        CAST(:recorded AS timestamptz[]))
                 AS new (id, started_on, source, document_source, document_id, recorded_at)
            WHERE customer.customer_id = new.id
            """
        ),
        {
            "ids": list(starts),
            "days": [start and start.started_on for start in starts.values()],
            "sources": [start and start.source for start in starts.values()],
            "document_sources": [start and start.document_source for start in starts.values()],
            "document_ids": [start and start.document_id for start in starts.values()],
            "recorded": [start and start.recorded_at for start in starts.values()],
            "now": now,
        },
    )


async def set_classifications(
    connection: AsyncConnection,
    changes: Mapping[UUID, tuple[Collection[int], date | None, Mapping[int, Value]]],
    *,
    now: datetime,
) -> None:
    """Replace the keys that customers hold, the day they ended, and values of attributes."""
    await connection.execute(
        text(
            """
            UPDATE customer SET classifications = CAST(string_to_array(new.keys, ',') AS int[]),
                                ended_on = new.ended_on,
                                attribute_values = CAST(new.attribute_values AS jsonb),
                                version = version + 1, updated_at = :now
            FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[]), CAST(:days AS date[]),
                        CAST(:attribute_values AS text[]))
                 AS new (id, keys, ended_on, attribute_values)
            WHERE customer.customer_id = new.id
            """
        ),
        {
            "ids": list(changes),
            "keys": [",".join(map(str, sorted(keys))) for keys, _, _ in changes.values()],
            "days": [ended_on for _, ended_on, _ in changes.values()],
            "attribute_values": [json.dumps(values) for _, _, values in changes.values()],
            "now": now,
        },
    )


async def fetch_customers(
    connection: AsyncConnection, customer_ids: Collection[UUID]
) -> dict[UUID, Row[Any]]:
    """Return the rows of these customers, by id."""
    result = await connection.execute(
        text(f"SELECT {COLUMNS} FROM customer WHERE customer_id = ANY(CAST(:ids AS uuid[]))"),
        {"ids": list(customer_ids)},
    )
    return {row.customer_id: row for row in result}


async def keep_customers(
    connection: AsyncConnection, customer_ids: Collection[UUID]
) -> dict[UUID, Row[Any]]:
    """Return customer_id, deleted_at and merged_into, kept from being merged until the commit."""
    result = await connection.execute(
        text(
            "SELECT customer_id, deleted_at, merged_into FROM customer "
            "WHERE customer_id = ANY(CAST(:ids AS uuid[])) ORDER BY customer_id FOR KEY SHARE"
        ),
        {"ids": list(customer_ids)},
    )
    return {row.customer_id: row for row in result}


async def fetch_references(
    connection: AsyncConnection, customer_ids: Collection[UUID]
) -> dict[UUID, list[tuple[str, str]]]:
    """Return the (source, ref) pairs of these customers."""
    result = await connection.execute(
        text(
            "SELECT customer_id, source, ref FROM customer_reference "
            "WHERE customer_id = ANY(CAST(:ids AS uuid[])) ORDER BY source, ref"
        ),
        {"ids": list(customer_ids)},
    )
    found: dict[UUID, list[tuple[str, str]]] = {}
    for row in result:
        found.setdefault(row.customer_id, []).append((row.source, row.ref))
    return found


async def customer_ids(
    connection: AsyncConnection, *, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """Return the ids of the next customers in the order of their ids."""
    result = await connection.execute(
        text(
            "SELECT customer_id FROM customer "
            "WHERE CAST(:after AS uuid) IS NULL OR customer_id > :after "
            "ORDER BY customer_id LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return result.scalars().all()


_NAMES = ", ".join(FIELDS)
_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in FIELDS.items())
_INSERT = text(
    f"""
    INSERT INTO customer (customer_id, number, version, {_NAMES}, ended_on, attribute_values,
                          classifications, created_at, updated_at)
    SELECT customer_id, number, 1, {_NAMES}, ended_on, CAST(attribute_values AS jsonb),
           coalesce(CAST(string_to_array(keys, ',') AS int[]), CAST(:defaults AS int[])), :now, :now
    FROM unnest(CAST(:customer_id AS uuid[]), CAST(:numbers AS text[]), CAST(:keys AS text[]),
                CAST(:ended AS date[]), CAST(:values AS text[]), {_ARRAYS})
         AS new (customer_id, number, keys, ended_on, attribute_values, {_NAMES})
    """
)
_UPDATE = text(
    f"""
    UPDATE customer SET {", ".join(f"{name} = new.{name}" for name in FIELDS)},
                        version = customer.version + 1, updated_at = :now
    FROM unnest(CAST(:customer_id AS uuid[]), {_ARRAYS}) AS new (customer_id, {_NAMES})
    WHERE customer.customer_id = new.customer_id
      AND ({", ".join(f"customer.{name}" for name in FIELDS)})
          IS DISTINCT FROM ({", ".join(f"new.{name}" for name in FIELDS)})
    """
)
