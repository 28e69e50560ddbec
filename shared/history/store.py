"""Statements on what the database keeps of changes by itself: read here, and told what for."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection


async def belong_to(connection: AsyncConnection, operation_id: UUID) -> None:
    """Let what this transaction changes be remembered as part of an operation."""
    await connection.execute(
        text("SELECT set_config('suhde.operation', :id, true)"), {"id": str(operation_id)}
    )


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


async def named_keys(connection: AsyncConnection, keys: Collection[int]) -> dict[int, Row[Any]]:
    """Return list, number and title of these values; of those that are gone, as they were last."""
    result = await connection.execute(
        text(f"{NAMES} WHERE key = ANY(CAST(:keys AS int[]))"), {"keys": list(keys)}
    )
    return {row.key: row for row in result}


# List, number and title by key of all values that are, and of those that are gone.
NAMES = """
    SELECT key, list, number, title FROM (
        SELECT key, list, number, title FROM list_value
        UNION ALL
        SELECT CAST(before ->> 'key' AS integer), before ->> 'list',
               CAST(before ->> 'number' AS integer), before ->> 'title'
        FROM history WHERE record = 'list_value' AND after = '{}') AS value
"""
