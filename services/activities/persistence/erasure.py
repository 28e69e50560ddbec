"""Statements that remove what is known of a person."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def erase_contacts(connection: AsyncConnection, contact_ids: Collection[UUID]) -> list[UUID]:
    """
    Empty these contacts and all that were merged into them, and return them.

    Whoever records an activity with one of them has committed by then, or will find it erased.
    """
    result = await connection.execute(_PERSONS, {"ids": list(contact_ids)})
    persons = list(result.scalars())
    await connection.execute(
        text(
            "UPDATE contact SET erased = true, name = '' "
            "WHERE contact_id = ANY(CAST(:ids AS uuid[])) AND (NOT erased OR name <> '')"
        ),
        {"ids": persons},
    )
    return persons


async def merged_into_erased(
    connection: AsyncConnection, contact_ids: Collection[UUID]
) -> list[UUID]:
    """Return those of these contacts that were merged into somebody who is erased."""
    result = await connection.execute(_MERGED, {"ids": list(contact_ids)})
    return list(result.scalars())


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


_PERSONS = text(
    """
    WITH RECURSIVE person (contact_id) AS (
        SELECT unnest(CAST(:ids AS uuid[]))
        UNION SELECT merged.contact_id
        FROM contact AS merged JOIN person ON merged.merged_into = person.contact_id)
    SELECT contact_id FROM contact WHERE contact_id IN (SELECT contact_id FROM person)
    ORDER BY contact_id FOR UPDATE
    """
)
_MERGED = text(
    """
    WITH RECURSIVE above (contact_id, survivor) AS (
        SELECT contact_id, merged_into FROM contact
        WHERE contact_id = ANY(CAST(:ids AS uuid[])) AND NOT erased AND merged_into IS NOT NULL
        UNION SELECT above.contact_id, contact.merged_into
        FROM above JOIN contact ON contact.contact_id = above.survivor
        WHERE contact.merged_into IS NOT NULL)
    SELECT DISTINCT above.contact_id
    FROM above JOIN contact ON contact.contact_id = above.survivor WHERE contact.erased
    """
)
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
