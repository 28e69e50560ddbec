"""Statements on operations that change many customers at once."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = """operation_id, at, request, customers, deleted, undoes,
              (SELECT undo.operation_id FROM operation AS undo
               WHERE undo.undoes = operation.operation_id) AS undone_by"""


async def belong_to(connection: AsyncConnection, operation_id: UUID) -> None:
    """Let what this transaction changes be remembered as part of an operation."""
    await connection.execute(
        text("SELECT set_config('suhde.operation', :id, true)"), {"id": str(operation_id)}
    )


async def insert_operation(
    connection: AsyncConnection,
    operation_id: UUID,
    request: Mapping[str, Any],
    *,
    customers: int,
    deleted: int,
    now: datetime,
    undoes: UUID | None = None,
) -> None:
    """Remember an operation and how many live and deleted customers it changed."""
    await connection.execute(
        text(
            """
            INSERT INTO operation (operation_id, at, request, customers, deleted, undoes)
            VALUES (:id, :now, CAST(:request AS jsonb), :customers, :deleted, :undoes)
            """
        ),
        {
            "id": operation_id,
            "now": now,
            "request": json.dumps(request),
            "customers": customers,
            "deleted": deleted,
            "undoes": undoes,
        },
    )


async def find_operation(
    connection: AsyncConnection, operation_id: UUID, *, lock: bool = False
) -> Row[Any] | None:
    """Return an operation, or None; locked so that it is undone once."""
    if lock:
        # Apart, since whoever waits here is to read who has undone it meanwhile.
        await connection.execute(
            text("SELECT FROM operation WHERE operation_id = :id FOR UPDATE"), {"id": operation_id}
        )
    result = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM operation WHERE operation_id = :id"), {"id": operation_id}
    )
    return result.one_or_none()


async def list_operations(
    connection: AsyncConnection, *, before: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return operations, the newest first."""
    result = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM operation
            WHERE CAST(:before AS uuid) IS NULL OR operation_id < :before
            ORDER BY operation_id DESC LIMIT :limit
            """
        ),
        {"before": before, "limit": limit},
    )
    return result.all()


async def revert(
    connection: AsyncConnection, operation_id: UUID, *, now: datetime
) -> tuple[list[UUID], int, list[UUID]]:
    """
    Give customers back what they held before an operation, where nothing has changed it since.

    Returns those reverted, how many of them are deleted, and those that somebody has changed or
    whose values are gone.
    """
    await connection.execute(text("SELECT key FROM list_value ORDER BY key FOR KEY SHARE"))
    # In the order in which all lock them, so that no two wait for each other.
    await connection.execute(_LOCK, {"id": operation_id})
    reverted = (await connection.execute(_REVERT, {"id": operation_id, "now": now})).all()
    done = {row.customer_id for row in reverted}
    touched = await connection.execute(
        text(
            "SELECT DISTINCT record_id FROM history "
            "WHERE operation_id = :id AND record = 'customer' ORDER BY record_id"
        ),
        {"id": operation_id},
    )
    deleted = sum(row.deleted_at is not None for row in reverted)
    return sorted(done), deleted, [one for one in touched.scalars() if one not in done]


_LOCK = text(
    """
    SELECT customer_id FROM customer
    WHERE customer_id IN (SELECT record_id FROM history
                          WHERE operation_id = :id AND record = 'customer')
    ORDER BY customer_id FOR NO KEY UPDATE
    """
)
_REVERT = text(
    """
    UPDATE customer SET
        classifications = ARRAY(
            SELECT CAST(held AS int)
            FROM jsonb_array_elements_text(past.before -> 'classifications') AS held),
        ended_on = CASE WHEN past.before ? 'ended_on'
                        THEN CAST(past.before ->> 'ended_on' AS date) ELSE ended_on END,
        version = version + 1, updated_at = :now
    FROM history AS past
    WHERE past.operation_id = :id AND past.record = 'customer'
      AND customer.customer_id = past.record_id AND past.after ? 'classifications'
      AND to_jsonb(customer.classifications) = past.after -> 'classifications'
      AND (NOT past.after ? 'ended_on'
           OR coalesce(to_jsonb(customer.ended_on), 'null') = past.after -> 'ended_on')
      AND NOT EXISTS (
          SELECT FROM jsonb_array_elements_text(past.before -> 'classifications') AS held
          WHERE NOT EXISTS (SELECT FROM list_value WHERE key = CAST(held AS int)))
    RETURNING customer.customer_id, customer.deleted_at
    """
)
