"""Statements on opportunities with which nothing happens."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def note_activities(connection: AsyncConnection, last: Mapping[UUID, datetime]) -> None:
    """Note when something was last done about these opportunities, unless it is known as later."""
    await connection.execute(_NOTE, {"ids": list(last), "moments": [last[one] for one in last]})


# No new version: nothing that people say about it has changed.
_NOTE = text(
    """
    WITH new AS (
        SELECT opportunity_id, new.at
        FROM opportunity
        JOIN unnest(CAST(:ids AS uuid[]), CAST(:moments AS timestamptz[])) AS new (id, at)
          ON new.id = opportunity.opportunity_id
        ORDER BY opportunity_id FOR NO KEY UPDATE OF opportunity)
    UPDATE opportunity SET last_activity_at = new.at, stale_reason = NULL
    FROM new
    WHERE opportunity.opportunity_id = new.opportunity_id
      AND (last_activity_at IS NULL OR last_activity_at < new.at)
    """
)
