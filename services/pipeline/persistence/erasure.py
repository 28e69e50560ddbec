"""Statements that take erased persons off opportunities, now and in what they were before."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def take_off(
    connection: AsyncConnection, contact_ids: Collection[UUID], *, now: datetime
) -> list[UUID]:
    """Take these contacts off all opportunities, deleted ones too; return which had any."""
    persons = {"ids": list(contact_ids)}
    # In the order in which all lock them, so that no two wait for each other.
    result = await connection.execute(_LOCK, persons)
    found = list(result.scalars())
    await connection.execute(_TAKE_OFF, {**persons, "found": found, "now": now})
    # After that, since the database keeps what was just taken off as a change.
    await connection.execute(text(TAKE_OUT_OF_HISTORY), persons)
    return found


_LOCK = text(
    """
    SELECT opportunity_id FROM opportunity WHERE contacts && CAST(:ids AS uuid[])
    ORDER BY opportunity_id FOR NO KEY UPDATE
    """
)
_TAKE_OFF = text(
    """
    UPDATE opportunity
    SET version = version + 1, updated_at = :now,
        contacts = ARRAY(SELECT one FROM unnest(contacts) AS one
                         WHERE one <> ALL(CAST(:ids AS uuid[])) ORDER BY one)
    WHERE opportunity_id = ANY(CAST(:found AS uuid[]))
    """
)
_WITHOUT = """
    jsonb_set({side}, '{{contacts}}', coalesce(
        (SELECT jsonb_agg(one) FROM jsonb_array_elements_text({side} -> 'contacts') AS one
         WHERE one <> ALL(CAST(CAST(:ids AS uuid[]) AS text[]))), '[]'))
"""
TAKE_OUT_OF_HISTORY = f"""
    UPDATE history
    SET before = {_WITHOUT.format(side="before")}, after = {_WITHOUT.format(side="after")}
    WHERE record = 'opportunity' AND before ? 'contacts'
      AND (before -> 'contacts' ?| CAST(CAST(:ids AS uuid[]) AS text[])
           OR after -> 'contacts' ?| CAST(CAST(:ids AS uuid[]) AS text[]))
"""
"""By its index: there is much more history than there are changes of contacts."""
