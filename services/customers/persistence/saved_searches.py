"""Statements on saved searches."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.errors import Kind, Refusal

AT_MOST = 1000
_COLUMNS = "search_id, version, title, search"


class SearchNotFound(Refusal):
    """There is no such saved search."""

    kind = Kind.NOT_FOUND
    slug = "saved_search_not_found"
    remedy = "List the saved searches to find its id."


async def list_searches(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Return all saved searches by title; there are at most a thousand."""
    result = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM saved_search ORDER BY lower(title)")
    )
    return result.all()


async def count_searches(connection: AsyncConnection) -> int:
    """Return how many saved searches there are."""
    return int((await connection.execute(text("SELECT count(*) FROM saved_search"))).scalar_one())


async def fetch_search(
    connection: AsyncConnection, search_id: UUID, *, lock: bool = False
) -> Row[Any]:
    """Return a saved search; raises `SearchNotFound`."""
    mode = "FOR UPDATE" if lock else ""
    result = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM saved_search WHERE search_id = :id {mode}"),
        {"id": search_id},
    )
    row = result.one_or_none()
    if row is None:
        raise SearchNotFound(f"There is no saved search {search_id}.")
    return row


async def hold_title(connection: AsyncConnection, title: str) -> None:
    """Hold a title, whatever its case, against others who want it until the commit."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(lower(:title), 0))"), {"title": title}
    )


async def title_owner(connection: AsyncConnection, title: str) -> UUID | None:
    """Return which saved search has this title, whatever its case."""
    result = await connection.execute(
        text("SELECT search_id FROM saved_search WHERE lower(title) = lower(:title)"),
        {"title": title},
    )
    return result.scalar_one_or_none()


async def insert_search(
    connection: AsyncConnection, search_id: UUID, title: str, search: str, *, now: datetime
) -> bool:
    """Add a saved search; return False if another took the title just now."""
    result = await connection.execute(
        text(
            """
            INSERT INTO saved_search (search_id, version, title, search, created_at, updated_at)
            VALUES (:id, 1, :title, CAST(:search AS jsonb), :now, :now)
            ON CONFLICT DO NOTHING
            """
        ),
        {"id": search_id, "title": title, "search": search, "now": now},
    )
    return result.rowcount == 1


async def update_search(
    connection: AsyncConnection, search_id: UUID, title: str, search: str, *, now: datetime
) -> None:
    """Replace title and search; hold the title first, since another who has it raises."""
    await connection.execute(
        text(
            """
            UPDATE saved_search SET title = :title, search = CAST(:search AS jsonb),
                                    version = version + 1, updated_at = :now
            WHERE search_id = :id
            """
        ),
        {"id": search_id, "title": title, "search": search, "now": now},
    )


async def remove_search(connection: AsyncConnection, search_id: UUID) -> None:
    """Remove a saved search."""
    await connection.execute(
        text("DELETE FROM saved_search WHERE search_id = :id"), {"id": search_id}
    )
