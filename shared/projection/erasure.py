"""Statements that remove a person from the projection, with all who were merged into him."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def erase_contacts(connection: AsyncConnection, contact_ids: Collection[UUID]) -> list[UUID]:
    """
    Empty these contacts and all that were merged into them, and return them.

    Whoever records something of one of them has committed by then, or will find it erased.
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
