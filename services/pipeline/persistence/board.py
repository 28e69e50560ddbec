"""Statements on the board: what is in each stage, in which order."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.conditions import Conditions

NEAR = 100
"""So many neighbours on each side make room where there is none."""


async def place_of(connection: AsyncConnection, opportunity_id: UUID, stage: int) -> Decimal | None:
    """Return the place of a live opportunity in this stage; None if it is not there."""
    result = await connection.execute(
        text(
            "SELECT position FROM opportunity WHERE opportunity_id = :id AND stage = :stage "
            "AND deleted_at IS NULL"
        ),
        {"id": opportunity_id, "stage": stage},
    )
    return result.scalar_one_or_none()


async def places_around(
    connection: AsyncConnection, opportunity_id: UUID, *, after: bool, but: UUID
) -> tuple[Decimal | None, Decimal | None]:
    """Return the places between which it is right after (or before) an opportunity.

    None is an open end. `but` is the one that moves and so is not there.
    """
    result = await connection.execute(
        text(
            f"""
            SELECT there.position AS own,
                   (SELECT position FROM opportunity AS next
                    WHERE stage = there.stage AND deleted_at IS NULL AND opportunity_id <> :but
                      AND (position, opportunity_id)
                          {">" if after else "<"} (there.position, there.opportunity_id)
                    ORDER BY {"position, opportunity_id" if after else _BACKWARDS} LIMIT 1) AS other
            FROM opportunity AS there WHERE opportunity_id = :id
            """
        ),
        {"id": opportunity_id, "but": but},
    )
    row = result.one_or_none()
    if row is None:
        return None, None
    return (row.own, row.other) if after else (row.other, row.own)


async def neighbours(
    connection: AsyncConnection, opportunity_id: UUID, *, but: UUID
) -> Sequence[UUID]:
    """Return an opportunity with those before and after it in its stage, some on each side."""
    result = await connection.execute(
        text(
            f"""
            SELECT near.opportunity_id
            FROM opportunity AS there CROSS JOIN LATERAL (
                (SELECT opportunity_id FROM opportunity
                 WHERE stage = there.stage AND deleted_at IS NULL AND opportunity_id <> :but
                   AND (position, opportunity_id) >= (there.position, there.opportunity_id)
                 ORDER BY position, opportunity_id LIMIT :near)
                UNION ALL
                (SELECT opportunity_id FROM opportunity
                 WHERE stage = there.stage AND deleted_at IS NULL AND opportunity_id <> :but
                   AND (position, opportunity_id) < (there.position, there.opportunity_id)
                 ORDER BY {_BACKWARDS} LIMIT :near)) AS near
            WHERE there.opportunity_id = :id
            """
        ),
        {"id": opportunity_id, "but": but, "near": NEAR},
    )
    return list(result.scalars())


async def places_outside(
    connection: AsyncConnection, stage: int, first: Row[Any], last: Row[Any]
) -> tuple[Decimal | None, Decimal | None]:
    """Return the places before the first and after the last of some opportunities of a stage."""
    result = await connection.execute(
        text(
            f"""
            SELECT (SELECT position FROM opportunity
                    WHERE stage = :stage AND deleted_at IS NULL
                      AND (position, opportunity_id) < (:low, CAST(:first AS uuid))
                    ORDER BY {_BACKWARDS} LIMIT 1) AS low,
                   (SELECT position FROM opportunity
                    WHERE stage = :stage AND deleted_at IS NULL
                      AND (position, opportunity_id) > (:high, CAST(:last AS uuid))
                    ORDER BY position, opportunity_id LIMIT 1) AS high
            """
        ),
        {
            "stage": stage,
            "low": first.position,
            "first": first.opportunity_id,
            "high": last.position,
            "last": last.opportunity_id,
        },
    )
    row = result.one()
    return row.low, row.high


async def set_places(connection: AsyncConnection, places: Mapping[UUID, Decimal]) -> None:
    """Put opportunities, which are locked, to these places; nothing else about them changes."""
    await connection.execute(
        text(
            """
            UPDATE opportunity SET position = new.position
            FROM unnest(CAST(:ids AS uuid[]), CAST(:places AS numeric[])) AS new (id, position)
            WHERE opportunity_id = new.id
            """
        ),
        {"ids": list(places), "places": list(places.values())},
    )


async def stages_of(
    connection: AsyncConnection, pipeline: int | None, *, language: str | None
) -> Sequence[Row[Any]]:
    """Return the stages of a pipeline by its number, of the default one if None; in their order.

    An archived one is there while opportunities are.
    """
    result = await connection.execute(_STAGES, {"pipeline": pipeline, "language": language})
    return result.all()


async def totals(
    connection: AsyncConnection, stages: Sequence[int], wanted: Conditions
) -> Sequence[Row[Any]]:
    """Return by stage and currency: how many, their value, and the part that is to be expected."""
    result = await connection.execute(
        text(
            f"""
            SELECT stage, currency, count(*) AS opportunities, sum(value) AS value,
                   sum((value * probability + 50) / 100) AS weighted
            FROM opportunity
            WHERE stage = ANY(CAST(:stages AS int[])) AND {wanted.where}
            GROUP BY stage, currency ORDER BY stage, currency
            """
        ),
        {**wanted.values, "stages": list(stages)},
    )
    return result.all()


async def cards(
    connection: AsyncConnection,
    stages: Sequence[int],
    wanted: Conditions,
    *,
    after: tuple[Decimal, UUID] | None = None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return stage, position and id of the first opportunities of each stage behind a place."""
    behind = "" if after is None else "AND (position, opportunity_id) > (:place, :last)"
    result = await connection.execute(
        text(
            f"""
            SELECT step.stage, card.position, card.opportunity_id
            FROM unnest(CAST(:stages AS int[])) AS step (stage) CROSS JOIN LATERAL (
                SELECT position, opportunity_id FROM opportunity
                WHERE stage = step.stage AND {wanted.where} {behind}
                ORDER BY position, opportunity_id LIMIT :limit) AS card
            ORDER BY step.stage, card.position, card.opportunity_id
            """
        ),
        {
            **wanted.values,
            "stages": list(stages),
            "limit": limit,
            **({} if after is None else {"place": after[0], "last": after[1]}),
        },
    )
    return result.all()


async def few_cards(
    connection: AsyncConnection, stages: Sequence[int], wanted: Conditions, *, limit: int
) -> Sequence[Row[Any]]:
    """Return the same of the first, where few of a stage are wanted: all of these are read once."""
    result = await connection.execute(
        text(
            f"""
            SELECT stage, position, opportunity_id
            FROM (SELECT stage, position, opportunity_id, row_number() OVER (
                      PARTITION BY stage ORDER BY position, opportunity_id) AS place
                  FROM opportunity
                  WHERE stage = ANY(CAST(:stages AS int[])) AND {wanted.where}) AS card
            WHERE place <= :limit ORDER BY stage, place
            """
        ),
        {**wanted.values, "stages": list(stages), "limit": limit},
    )
    return result.all()


_BACKWARDS = "position DESC, opportunity_id DESC"
_STAGES = text(
    """
    SELECT stage.key, stage.number,
           coalesce(stage.titles ->> CAST(:language AS text), stage.title) AS title,
           stage.facts ->> 'outcome' AS outcome,
           CAST(stage.facts ->> 'closed' AS boolean) AS closed,
           CAST(stage.facts ->> 'probability' AS int) AS probability,
           pipeline.number AS pipeline
    FROM list_value AS pipeline
    JOIN list_value AS stage ON stage.parent = pipeline.key AND stage.list = 'stage'
    WHERE pipeline.list = 'pipeline'
      AND CASE WHEN CAST(:pipeline AS int) IS NULL THEN pipeline.facts @> '{"default": true}'
               ELSE pipeline.number = :pipeline END
      AND (stage.archived_at IS NULL
           OR EXISTS (SELECT FROM opportunity WHERE opportunity.stage = stage.key
                                                AND opportunity.deleted_at IS NULL))
    ORDER BY stage.position, lower(stage.title), stage.number
    """
)
