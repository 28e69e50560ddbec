"""Statements that let opportunities follow the stage they are on."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def follow_stage(
    connection: AsyncConnection, stage: int, *, probability: int, closed: bool, now: datetime
) -> list[UUID]:
    """
    Let those on a stage, deleted ones too, be as it now is; return who changed.

    Open ones whose probability is the stage's take its probability; all take its closed bit.
    """
    result = await connection.execute(
        _FOLLOW, {"stage": stage, "probability": probability, "closed": closed, "now": now}
    )
    return list(result.scalars())


async def enter_stage(
    connection: AsyncConnection,
    opportunity_ids: Collection[UUID],
    *,
    probability: int,
    closed: bool,
    now: datetime,
) -> None:
    """Let opportunities whose stage was just replaced by this one be as it is, under the version
    they have got for it.
    """
    await connection.execute(
        _ENTER,
        {"ids": list(opportunity_ids), "probability": probability, "closed": closed, "now": now},
    )


async def count_lacking(
    connection: AsyncConnection, stage: int, fields: Sequence[str]
) -> dict[str, int]:
    """Return how many live ones on a stage lack each of these fields; those that none lacks not."""
    counts = ", ".join(f"count(*) FILTER (WHERE {_EMPTY[one]}) AS {one}" for one in fields)
    result = await connection.execute(
        text(f"SELECT {counts} FROM opportunity WHERE stage = :stage AND deleted_at IS NULL"),
        {"stage": stage},
    )
    return {field: count for field, count in result.one()._mapping.items() if count}


# By what a stage may ask for (`REQUIREMENTS`).
_EMPTY = {
    "value": "value = 0",
    "sellers": "sellers = '{}'",
    "contacts": "contacts = '{}'",
    "type": "type IS NULL",
    "source": "origin IS NULL",
}
_FROM_STAGE = "outcome = 'open' AND probability_source = 'stage'"
_FOLLOW = text(
    f"""
    WITH held AS (
        SELECT opportunity_id AS id FROM opportunity
        WHERE stage = :stage
          AND (closed <> :closed OR ({_FROM_STAGE} AND probability <> :probability))
        ORDER BY opportunity_id FOR NO KEY UPDATE)
    UPDATE opportunity SET
        version = version + 1, updated_at = :now, closed = :closed,
        probability = CASE WHEN {_FROM_STAGE} THEN :probability ELSE probability END
    FROM held WHERE opportunity_id = held.id
    RETURNING opportunity_id
    """
)
_ENTER = text(
    f"""
    UPDATE opportunity SET
        entered_at = :now, closed = :closed,
        probability = CASE WHEN {_FROM_STAGE} THEN :probability ELSE probability END
    WHERE opportunity_id = ANY(CAST(:ids AS uuid[]))
    """
)
