"""Statements that delete records softly, list the deleted ones and bring them back."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

Place = tuple[datetime, UUID]
"""Where a row stands in the deleted list: when it was deleted, and its id."""


async def delete_customers(
    connection: AsyncConnection, customer_ids: Collection[UUID], *, now: datetime
) -> None:
    """Delete customers softly; with them goes their hold on number and business id."""
    await connection.execute(
        text(
            "UPDATE customer SET deleted_at = :now, version = version + 1, updated_at = :now "
            "WHERE customer_id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": list(customer_ids), "now": now},
    )


async def restore_customer(
    connection: AsyncConnection,
    customer_id: UUID,
    *,
    number: str,
    business_id: str | None,
    now: datetime,
) -> None:
    """Make a deleted customer live under these keys; one that a live customer has raises."""
    await connection.execute(
        text(
            """
            UPDATE customer SET deleted_at = NULL, merged_into = NULL, number = :number,
                                business_id = :business_id,
                                version = version + 1, updated_at = :now
            WHERE customer_id = :id
            """
        ),
        {"id": customer_id, "number": number, "business_id": business_id, "now": now},
    )


async def live_owners(
    connection: AsyncConnection, *, number: str, business_id: str | None
) -> Sequence[Row[Any]]:
    """Return the live customers that own this number or this business id."""
    result = await connection.execute(
        text(
            """
            SELECT customer_id, number, business_id, name FROM customer
            WHERE (number = :number OR business_id = CAST(:business_id AS text))
              AND deleted_at IS NULL
            ORDER BY customer_id
            """
        ),
        {"number": number, "business_id": business_id},
    )
    return result.all()


async def deleted_customers(
    connection: AsyncConnection, *, after: Place | None, limit: int
) -> Sequence[Row[Any]]:
    """Return deleted customers, the one deleted last first."""
    return await _page(
        connection, "customer", "customer_id", "number, name, business_id", after, limit
    )


async def delete_contacts(
    connection: AsyncConnection, contact_ids: Collection[UUID], *, now: datetime
) -> None:
    """Delete contacts softly."""
    await _set_contacts_deleted(connection, contact_ids, now, now=now)


async def restore_contacts(
    connection: AsyncConnection, contact_ids: Collection[UUID], *, now: datetime
) -> None:
    """Make deleted contacts live."""
    await _set_contacts_deleted(connection, contact_ids, None, now=now)


async def _set_contacts_deleted(
    connection: AsyncConnection,
    contact_ids: Collection[UUID],
    deleted_at: datetime | None,
    *,
    now: datetime,
) -> None:
    await connection.execute(
        text(
            "UPDATE contact SET deleted_at = :deleted_at, merged_into = NULL, "
            "version = version + 1, updated_at = :now WHERE contact_id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": list(contact_ids), "deleted_at": deleted_at, "now": now},
    )


async def deleted_contacts(
    connection: AsyncConnection, *, after: Place | None, limit: int
) -> Sequence[Row[Any]]:
    """Return deleted contacts, the one deleted last first."""
    return await _page(
        connection, "contact", "contact_id", "first_name, last_name, email", after, limit
    )


async def _page(
    connection: AsyncConnection, table: str, key: str, columns: str, after: Place | None, limit: int
) -> Sequence[Row[Any]]:
    at, last = after or (None, None)
    result = await connection.execute(
        text(
            f"""
            SELECT {key}, version, {columns}, deleted_at FROM {table}
            WHERE deleted_at IS NOT NULL
              AND (CAST(:at AS timestamptz) IS NULL OR (deleted_at, {key}) < (:at, :last))
            ORDER BY deleted_at DESC, {key} DESC LIMIT :limit
            """
        ),
        {"at": at, "last": last, "limit": limit},
    )
    return result.all()
