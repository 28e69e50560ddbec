"""Statements on giving the activities of one seller to another, some at a time."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.reassignment import Reassignment


async def count_wanted(
    connection: AsyncConnection, wanted: Reassignment, *, last_day: date | None
) -> Row[Any]:
    """Return how many open and done ones can go, and how many are `left_out`."""
    result = await connection.execute(
        text(
            f"""
            SELECT count(*) FILTER (WHERE {_MAY} AND state = 'open') AS open,
                   count(*) FILTER (WHERE {_MAY} AND state = 'done') AS done,
                   count(*) FILTER (WHERE NOT {_MAY}) AS left_out
            FROM activity WHERE {_WANTED}
            """
        ),
        _values(wanted, last_day),
    )
    return result.one()


async def next_wanted(
    connection: AsyncConnection,
    wanted: Reassignment,
    *,
    last_day: date | None,
    after: UUID | None,
    limit: int,
) -> list[UUID]:
    """Return some that can go, in the order of ids behind one."""
    result = await connection.execute(
        text(
            f"""
            SELECT activity_id FROM activity
            WHERE {_WANTED} AND {_MAY}
              AND (CAST(:after AS uuid) IS NULL OR activity_id > CAST(:after AS uuid))
            ORDER BY activity_id LIMIT :limit
            """
        ),
        {**_values(wanted, last_day), "after": after, "limit": limit},
    )
    return list(result.scalars())


async def give_away(
    connection: AsyncConnection,
    wanted: Reassignment,
    activity_ids: Sequence[UUID],
    *,
    last_day: date | None,
    now: datetime,
) -> set[UUID]:
    """Give those of these locked activities away that still can go; return which."""
    result = await connection.execute(
        text(
            f"""
            UPDATE activity SET seller = :receiver, version = version + 1, updated_at = :now
            WHERE activity_id = ANY(CAST(:ids AS uuid[])) AND {_WANTED} AND {_MAY}
            RETURNING activity_id
            """
        ),
        {
            **_values(wanted, last_day),
            "receiver": wanted.receiver,
            "ids": list(activity_ids),
            "now": now,
        },
    )
    return set(result.scalars())


def _values(wanted: Reassignment, last_day: date | None) -> dict[str, Any]:
    return {
        "giver": wanted.giver,
        "takes_done": wanted.takes_done,
        "since": wanted.done_since,
        "until": wanted.done_until,
        "last_day": last_day,
    }


_WANTED = """
    seller = :giver AND deleted_at IS NULL
    AND (state = 'open'
         OR (:takes_done AND day BETWEEN coalesce(CAST(:since AS date), '-infinity')
                                     AND coalesce(CAST(:until AS date), 'infinity')))
"""
_MAY = "(CAST(:last_day AS date) IS NULL OR day <= CAST(:last_day AS date))"
