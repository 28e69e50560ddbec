"""Statements that make one record of several, set-based: their cost follows what is moved."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.persistence.tables import ID_OF
from services.customers.persistence.undo_sql import columns_set


@dataclass(frozen=True, slots=True)
class Movable:
    """How much belongs to customers that are to be merged."""

    contacts: int
    documents: int
    references: int


async def lock_records(
    connection: AsyncConnection, record: str, ids: Collection[UUID]
) -> dict[UUID, Row[Any]]:
    """
    Lock records so that nobody else can even refer to them anew; return them as they are.

    `held` has all their columns.
    """
    key = ID_OF[record]
    result = await connection.execute(
        text(
            f"""
            SELECT {key} AS id, version, deleted_at, merged_into,
                   to_jsonb({record}) - 'search_text' AS held
            FROM {record} WHERE {key} = ANY(CAST(:ids AS uuid[])) ORDER BY {key} FOR UPDATE
            """
        ),
        {"ids": list(ids)},
    )
    return {row.id: row for row in result}


async def hold_places(connection: AsyncConnection, contact_ids: Collection[UUID]) -> None:
    """Keep the customers of contacts from being merged, before any contact is locked."""
    await connection.execute(
        text(
            """
            SELECT customer_id FROM customer
            WHERE customer_id IN (SELECT customer_id FROM contact_customer
                                  WHERE contact_id = ANY(CAST(:ids AS uuid[])))
            ORDER BY customer_id FOR KEY SHARE
            """
        ),
        {"ids": list(contact_ids)},
    )


async def contacts_at(connection: AsyncConnection, customer_ids: Collection[UUID]) -> list[UUID]:
    """Return the contacts of customers, deleted ones too."""
    result = await connection.execute(
        text(
            "SELECT DISTINCT contact_id FROM contact_customer "
            "WHERE customer_id = ANY(CAST(:ids AS uuid[])) ORDER BY contact_id"
        ),
        {"ids": list(customer_ids)},
    )
    return list(result.scalars())


async def movable(connection: AsyncConnection, customer_ids: Collection[UUID]) -> Movable:
    """Count what belongs to customers."""
    result = await connection.execute(
        text(
            """
            SELECT (SELECT count(DISTINCT contact_id) FROM contact_customer
                    WHERE customer_id = ANY(CAST(:ids AS uuid[]))) AS contacts,
                   (SELECT count(*) FROM erp_document
                    WHERE customer_id = ANY(CAST(:ids AS uuid[]))) AS documents,
                   (SELECT count(*) FROM customer_reference
                    WHERE customer_id = ANY(CAST(:ids AS uuid[]))) AS "references"
            """
        ),
        {"ids": list(customer_ids)},
    )
    return Movable(**result.one()._mapping)


async def change_record(
    connection: AsyncConnection,
    record: str,
    record_id: UUID,
    fields: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    """Give a record these columns, named and written as in JSON."""
    key = ID_OF[record]
    await connection.execute(
        text(
            f"""
            UPDATE {record} SET {columns_set(record)}, version = {record}.version + 1,
                                updated_at = :now
            FROM {record} AS held
            CROSS JOIN LATERAL jsonb_populate_record(held, CAST(:fields AS jsonb)) AS past
            WHERE held.{key} = :id AND {record}.{key} = :id
            """
        ),
        {"id": record_id, "fields": json.dumps(fields), "now": now},
    )


async def set_merged(
    connection: AsyncConnection,
    record: str,
    record_ids: Collection[UUID],
    into: UUID,
    *,
    now: datetime,
) -> None:
    """Delete records as merged into another; those that are deleted are merged only."""
    await connection.execute(
        text(
            f"""
            UPDATE {record} SET merged_into = :into, deleted_at = coalesce(deleted_at, :now),
                                version = version + 1, updated_at = :now
            WHERE {ID_OF[record]} = ANY(CAST(:ids AS uuid[]))
            """
        ),
        {"ids": list(record_ids), "into": into, "now": now},
    )


async def move_references(
    connection: AsyncConnection, record: str, losers: Collection[UUID], into: UUID
) -> None:
    """Let what an ERP calls the merged records mean the survivor."""
    await connection.execute(
        text(
            f"UPDATE {record}_reference SET {ID_OF[record]} = :into "
            f"WHERE {ID_OF[record]} = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": list(losers), "into": into},
    )


async def move_places(connection: AsyncConnection, losers: Collection[UUID], into: UUID) -> None:
    """Let the contacts of merged customers be those of the survivor; its own roles stay."""
    given = {"ids": list(losers), "into": into}
    await connection.execute(_GIVE_PLACES, given)
    await connection.execute(
        text("DELETE FROM contact_customer WHERE customer_id = ANY(CAST(:ids AS uuid[]))"),
        {"ids": list(losers)},
    )


async def raise_versions(
    connection: AsyncConnection, contact_ids: Sequence[UUID], *, now: datetime
) -> None:
    """Make contacts other ones to their listeners, since their places changed."""
    await connection.execute(
        text(
            "UPDATE contact SET version = version + 1, updated_at = :now "
            "WHERE contact_id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": list(contact_ids), "now": now},
    )


async def unite_places(connection: AsyncConnection, losers: Collection[UUID], into: UUID) -> None:
    """Let a contact be at all customers where the merged ones are; its own roles stay."""
    await connection.execute(_UNITE_PLACES, {"ids": list(losers), "into": into})


async def move_documents(
    connection: AsyncConnection, operation_id: UUID, losers: Collection[UUID], into: UUID
) -> None:
    """Let the documents of merged customers be the survivor's, and remember whose they were."""
    await connection.execute(
        _MOVE_DOCUMENTS, {"id": operation_id, "ids": list(losers), "into": into}
    )


_GIVE_PLACES = text(
    """
    INSERT INTO contact_customer (contact_id, customer_id, role, position)
    SELECT DISTINCT ON (contact_id) contact_id, CAST(:into AS uuid), role, position
    FROM contact_customer WHERE customer_id = ANY(CAST(:ids AS uuid[]))
    ORDER BY contact_id, role IS NULL, position, customer_id
    ON CONFLICT (contact_id, customer_id) DO UPDATE SET role = excluded.role
    WHERE contact_customer.role IS NULL AND excluded.role IS NOT NULL
    """
)
_UNITE_PLACES = text(
    """
    INSERT INTO contact_customer (contact_id, customer_id, role, position)
    SELECT DISTINCT ON (customer_id) CAST(:into AS uuid), customer_id, role, position
    FROM contact_customer WHERE contact_id = ANY(CAST(:ids AS uuid[]))
    ORDER BY customer_id, role IS NULL, position, contact_id
    ON CONFLICT (contact_id, customer_id) DO UPDATE SET role = excluded.role
    WHERE contact_customer.role IS NULL AND excluded.role IS NOT NULL
    """
)
_MOVE_DOCUMENTS = text(
    """
    WITH losers AS (
        SELECT source, kind, document_id, customer_id AS moved_from FROM erp_document
        WHERE customer_id = ANY(CAST(:ids AS uuid[]))
    ), moved AS (
        UPDATE erp_document AS document SET customer_id = :into,
            hashed_for = nullif(coalesce(hashed_for, customer_id), CAST(:into AS uuid))
        FROM losers
        WHERE (document.source, document.kind, document.document_id)
            = (losers.source, losers.kind, losers.document_id)
        RETURNING document.source, document.kind, document.document_id, losers.moved_from)
    INSERT INTO moved_document (operation_id, source, kind, document_id, moved_from, moved_to)
    SELECT :id, source, kind, document_id, moved_from, CAST(:into AS uuid) FROM moved
    """
)
