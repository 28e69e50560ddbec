"""Statements on what the history of customers and contacts names."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.history.store import NAMES


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


async def named_attributes(
    connection: AsyncConnection, name: str, numbers: Collection[int]
) -> dict[int, Row[Any]]:
    """Return list, number and title of attributes where they, or their values, go by number."""
    result = await connection.execute(
        text(f"{NAMES} WHERE list = :list AND number = ANY(CAST(:numbers AS int[])) ORDER BY key"),
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
