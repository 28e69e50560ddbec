"""Statements that remove what was said wherever a person took part."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def has_erased_contact(connection: AsyncConnection, activity_id: UUID) -> bool:
    """Tell whether somebody who is erased takes part in an activity."""
    result = await connection.execute(
        text(
            """
            SELECT EXISTS (SELECT FROM activity_contact JOIN contact USING (contact_id)
                           WHERE activity_id = :id AND contact.erased)
            """
        ),
        {"id": activity_id},
    )
    return bool(result.scalar_one())


async def lock_activities_of(
    connection: AsyncConnection, contact_ids: Collection[UUID]
) -> list[UUID]:
    """Lock the activities in which these contacts take part, deleted ones too; return their ids."""
    result = await connection.execute(
        text(
            """
            SELECT activity_id FROM activity WHERE activity_id IN (
                SELECT activity_id FROM activity_contact
                WHERE contact_id = ANY(CAST(:ids AS uuid[])))
            ORDER BY activity_id FOR NO KEY UPDATE
            """
        ),
        {"ids": list(contact_ids)},
    )
    return list(result.scalars())


async def empty_activities(
    connection: AsyncConnection, activity_ids: Collection[UUID], *, now: datetime
) -> list[UUID]:
    """Remove what was said in these activities, now and before; return those that had any."""
    result = await connection.execute(_TEXTS, {"ids": list(activity_ids), "now": now})
    changed = list(result.scalars())
    for statement in (_HISTORY, _IMPORTED):
        await connection.execute(statement, {"ids": list(activity_ids)})
    return changed


_TEXTS = text(
    """
    UPDATE activity SET subject = '', memo = '', result = '', version = version + 1,
                        updated_at = :now
    WHERE activity_id = ANY(CAST(:ids AS uuid[])) AND (subject, memo, result) <> ('', '', '')
    RETURNING activity_id
    """
)
_EMPTIED = """
    coalesce((SELECT jsonb_object_agg(field.key, CASE
        WHEN field.key IN ('subject', 'memo', 'result', 'attachment')
             AND jsonb_typeof(field.value) = 'string' THEN '""' ELSE field.value END)
     FROM jsonb_each({side}) AS field), '{{}}')
"""
# The changes stay, without what was said: that somebody wrote then is no secret.
_HISTORY = text(
    f"""
    UPDATE history SET before = {_EMPTIED.format(side="before")},
                       after = {_EMPTIED.format(side="after")}
    WHERE record = 'activity' AND record_id = ANY(CAST(:ids AS uuid[]))
      AND (before ?| ARRAY['subject', 'memo', 'result', 'attachment'])
    """
)
_IMPORTED = text(
    """
    UPDATE activity_import_row
    SET cells = array_fill(CAST('' AS text), ARRAY[cardinality(cells)]), problems = '[]'
    WHERE activity_id = ANY(CAST(:ids AS uuid[]))
    """
)
