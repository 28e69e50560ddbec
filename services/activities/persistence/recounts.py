"""Statements of the recount of targets."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection


async def next_activities(
    connection: AsyncConnection, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return what counts of activities behind an id, deleted ones too, with today's flag."""
    result = await connection.execute(
        text(
            """
            SELECT activity_id, starts_at, day, counts_to_target,
                   CAST(value.facts ->> 'sales_target' AS boolean) AS sales_target
            FROM activity JOIN list_value AS value ON value.key = activity.category
            WHERE CAST(:after AS uuid) IS NULL OR activity_id > :after
            ORDER BY activity_id LIMIT :limit
            """
        ),
        {"after": after, "limit": limit},
    )
    return result.all()


async def target_flags(connection: AsyncConnection) -> dict[int, bool]:
    """Return which categories, by key, are sales targets today."""
    result = await connection.execute(
        text(
            "SELECT key, CAST(facts ->> 'sales_target' AS boolean) AS flag FROM list_value "
            "WHERE list = 'activity_category'"
        )
    )
    return {row.key: row.flag for row in result}


async def set_days(connection: AsyncConnection, days: Mapping[UUID, date]) -> None:
    """Let activities lie on these days; nobody else is shown them, so no version rises."""
    await connection.execute(
        text(
            """
            UPDATE activity SET day = given.day
            FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[])) AS given (activity_id, day)
            WHERE activity.activity_id = given.activity_id
            """
        ),
        {"ids": list(days), "days": list(days.values())},
    )


async def set_flags(
    connection: AsyncConnection, flags: Mapping[UUID, bool], *, now: datetime
) -> None:
    """Let activities count to targets, or not."""
    await connection.execute(
        text(
            """
            UPDATE activity SET counts_to_target = given.flag, version = version + 1,
                                updated_at = :now
            FROM unnest(CAST(:ids AS uuid[]), CAST(:flags AS boolean[]))
                 AS given (activity_id, flag)
            WHERE activity.activity_id = given.activity_id
            """
        ),
        {"ids": list(flags), "flags": list(flags.values()), "now": now},
    )
