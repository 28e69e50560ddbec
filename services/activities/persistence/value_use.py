"""Statements on what besides activities goes by a value of a list: cards, targets, the tally."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.impact import Held
from services.activities.domain.lists import SELLER_CARD
from shared.lists.holders import Holder


@dataclass(frozen=True, slots=True)
class Targets:
    """How many targets are set for a category, and the first of them."""

    count: int
    first: tuple[UUID, ...]


async def naming(
    connection: AsyncConnection, key: int, referring: Sequence[tuple[str, str]]
) -> Sequence[Row[Any]]:
    """Return list, number and title of the values that bundle a value or refer to it."""
    result = await connection.execute(
        text(
            """
            SELECT list, number, title FROM list_value
            WHERE list = :card AND members @> ARRAY[CAST(:key AS int)]
               OR EXISTS (
                   SELECT FROM unnest(CAST(:lists AS text[]), CAST(:facts AS text[]))
                               AS referring (list, fact)
                   WHERE referring.list = list_value.list
                     AND list_value.facts -> referring.fact = to_jsonb(CAST(:key AS int)))
            ORDER BY list, position, number
            """
        ),
        {
            "key": key,
            "card": SELLER_CARD,
            "lists": [name for name, _ in referring],
            "facts": [fact for _, fact in referring],
        },
    )
    return result.all()


async def targets_of(connection: AsyncConnection, key: int) -> Targets:
    """Count the targets of a category, and name the first ten."""
    result = await connection.execute(
        text(
            """
            SELECT (SELECT count(*) FROM target WHERE category = :key) AS targets,
                   ARRAY(SELECT target_id FROM target WHERE category = :key
                         ORDER BY target_id LIMIT 10) AS first
            """
        ),
        {"key": key},
    )
    row = result.one()
    return Targets(row.targets, tuple(row.first))


async def held_by_activities(connection: AsyncConnection, row: Row[Any], holder: Holder) -> Held:
    """Count the activities that hold a value; it costs a look at each of them."""
    result = await connection.execute(
        text(
            f"""
            SELECT count(*) FILTER (WHERE deleted_at IS NULL) AS live,
                   count(*) FILTER (WHERE deleted_at IS NOT NULL) AS deleted,
                   count(*) FILTER (WHERE deleted_at IS NULL AND state = 'open') AS open,
                   count(*) FILTER (WHERE deleted_at IS NULL AND counts_to_target) AS counting,
                   min(starts_at) FILTER (WHERE deleted_at IS NULL) AS first_at,
                   max(starts_at) FILTER (WHERE deleted_at IS NULL) AS last_at
            FROM activity WHERE {holder.held("key")}
            """
        ),
        {"key": row.key},
    )
    return Held(**result.one()._mapping)
