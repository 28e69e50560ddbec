"""Statements on opportunities with which nothing happens."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.opportunity import StaleReason


async def note_activities(connection: AsyncConnection, last: Mapping[UUID, datetime]) -> None:
    """Note when something was last done about these opportunities, unless it is known as later."""
    await connection.execute(_NOTE, {"ids": list(last), "moments": [last[one] for one in last]})


# No new version: nothing that people say about it has changed. A day that has passed still has.
_NOTE = text(
    f"""
    WITH new AS (
        SELECT opportunity_id, new.at
        FROM opportunity
        JOIN unnest(CAST(:ids AS uuid[]), CAST(:moments AS timestamptz[])) AS new (id, at)
          ON new.id = opportunity.opportunity_id
        WHERE last_activity_at IS NULL OR last_activity_at < new.at
        ORDER BY opportunity_id FOR NO KEY UPDATE OF opportunity)
    UPDATE opportunity
    SET last_activity_at = new.at,
        stale_reason = nullif(stale_reason, '{StaleReason.NO_ACTIVITY}')
    FROM new
    WHERE opportunity.opportunity_id = new.opportunity_id
    """
)


async def mark_stale(
    connection: AsyncConnection, *, today: date, quiet_before: datetime, limit: int
) -> Sequence[Row[Any]]:
    """
    Mark open opportunities as stale that were not yet; return id, version, customer, reason, since.

    Those whose day has passed, and those to which nothing has happened since a moment. Some at a
    time; of those that somebody is changing now, none.
    """
    result = await connection.execute(
        _MARK,
        {
            "today": today,
            "quiet_before": quiet_before,
            "limit": limit,
            "date_passed": StaleReason.DATE_PASSED,
            "no_activity": StaleReason.NO_ACTIVITY,
        },
    )
    return result.all()


# Two statements would find one twice; an OR would use neither index.
_MARK = text(
    """
    WITH found AS (
        SELECT opportunity_id, CAST(:date_passed AS text) AS reason FROM (
            SELECT opportunity_id FROM opportunity
            WHERE deleted_at IS NULL AND outcome = 'open' AND stale_reason IS NULL
              AND expected_close < :today
            ORDER BY expected_close, opportunity_id LIMIT :limit
            FOR NO KEY UPDATE SKIP LOCKED) AS due
        UNION ALL
        SELECT opportunity_id, CAST(:no_activity AS text) FROM (
            SELECT opportunity_id FROM opportunity
            WHERE deleted_at IS NULL AND outcome = 'open' AND stale_reason IS NULL
              AND expected_close >= :today
              AND greatest(last_activity_at, updated_at) < :quiet_before
            ORDER BY greatest(last_activity_at, updated_at), opportunity_id LIMIT :limit
            FOR NO KEY UPDATE SKIP LOCKED) AS quiet)
    UPDATE opportunity SET stale_reason = found.reason
    FROM found WHERE opportunity.opportunity_id = found.opportunity_id
    RETURNING opportunity.opportunity_id, version, customer_id, stale_reason, expected_close,
              greatest(last_activity_at, updated_at) AS quiet_since
    """
)
