"""Statements on what the database kept of changes: it writes by itself, here it is read."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection


async def changes_of(
    connection: AsyncConnection,
    record: str,
    record_id: UUID,
    *,
    before: int | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return changes of a record older than `before`, the newest first; its cost is its limit."""
    result = await connection.execute(
        text(
            """
            SELECT history_id, at, actor, operation_id, before, after FROM history
            WHERE record = :record AND record_id = :id
              AND (CAST(:before AS bigint) IS NULL OR history_id < :before)
            ORDER BY history_id DESC LIMIT :limit
            """
        ),
        {"record": record, "id": record_id, "before": before, "limit": limit},
    )
    return result.all()


async def classification_changes(
    connection: AsyncConnection, customer_id: UUID, *, limit: int
) -> Sequence[Row[Any]]:
    """Return the newest changes of what a customer holds: at, before and after, as keys."""
    result = await connection.execute(
        text(
            """
            SELECT at, before -> 'classifications' AS before, after -> 'classifications' AS after
            FROM history
            WHERE record = 'customer' AND record_id = :id AND before ? 'classifications'
            ORDER BY history_id DESC LIMIT :limit
            """
        ),
        {"id": customer_id, "limit": limit},
    )
    return result.all()


async def named_keys(connection: AsyncConnection, keys: Collection[int]) -> dict[int, Row[Any]]:
    """Return list, number and title of these values; of those that are gone, as they were last."""
    result = await connection.execute(
        text(f"{_NAMES} WHERE key = ANY(CAST(:keys AS int[]))"), {"keys": list(keys)}
    )
    return {row.key: row for row in result}


async def named_attributes(
    connection: AsyncConnection, name: str, numbers: Collection[int]
) -> dict[int, Row[Any]]:
    """Return list, number and title of attributes where they, or their values, go by number."""
    result = await connection.execute(
        text(f"{_NAMES} WHERE list = :list AND number = ANY(CAST(:numbers AS int[])) ORDER BY key"),
        {"list": name, "numbers": list(numbers)},
    )
    # A number may have been given again by hand after its first value was removed.
    return {row.number: row for row in result}


async def named_customers(
    connection: AsyncConnection, customer_ids: Collection[UUID]
) -> dict[UUID, Row[Any]]:
    """Return number and name of these customers as they are now, deleted ones too."""
    result = await connection.execute(
        text(
            "SELECT customer_id, number, name FROM customer "
            "WHERE customer_id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": list(customer_ids)},
    )
    return {row.customer_id: row for row in result}


_NAMES = """
    SELECT key, list, number, title FROM (
        SELECT key, list, number, title FROM list_value
        UNION ALL
        SELECT CAST(before ->> 'key' AS integer), before ->> 'list',
               CAST(before ->> 'number' AS integer), before ->> 'title'
        FROM history WHERE record = 'list_value' AND after = '{}') AS value
"""
