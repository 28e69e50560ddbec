"""Statements on operations that change many customers at once."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.lists import ATTRIBUTES_OF, CHOICES_OF, COMPULSORY, LISTS

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
    whose values are gone, or have become others that they could not be given.
    """
    await connection.execute(text("SELECT key FROM list_value ORDER BY key FOR KEY SHARE"))
    # In the order in which all lock them, so that no two wait for each other.
    await connection.execute(_LOCK, {"id": operation_id})
    lists = {
        "lists": [*CHOICES_OF, *ATTRIBUTES_OF],
        "choices": list(ATTRIBUTES_OF),
        "compulsory": list(COMPULSORY),
        "single": [one.name for one in LISTS.values() if not one.several],
    }
    values = {"id": operation_id, "now": now, **lists}
    reverted = (await connection.execute(_REVERT, values)).all()
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
    WITH altered AS (  -- attributes of another type, and choices of another attribute, since then
        SELECT DISTINCT value.key
        FROM list_value AS value JOIN history AS change ON change.record = 'list_value'
                                                       AND change.record_id = value.value_id
        WHERE value.list = ANY(CAST(:lists AS text[]))
          AND change.history_id > (SELECT min(history_id) FROM history WHERE operation_id = :id)
          AND (coalesce(change.before #>> '{facts,value_type}', 'tick')
                   <> coalesce(change.after #>> '{facts,value_type}', 'tick')
               OR value.list = ANY(CAST(:choices AS text[])) AND change.before ? 'parent')
    ), past AS (
        SELECT record_id, before, after,
               ARRAY(SELECT CAST(held AS int)
                     FROM jsonb_array_elements_text(before -> 'classifications') AS held) AS held
        FROM history WHERE operation_id = :id AND record = 'customer'
    )
    UPDATE customer SET
        classifications = CASE WHEN past.before ? 'classifications' THEN past.held
                               ELSE classifications END,
        attribute_values = coalesce(past.before -> 'attribute_values', attribute_values),
        ended_on = CASE WHEN past.before ? 'ended_on'
                        THEN CAST(past.before ->> 'ended_on' AS date) ELSE ended_on END,
        version = version + 1, updated_at = :now
    FROM past
    WHERE customer.customer_id = past.record_id
      AND (past.after ? 'classifications' OR past.after ? 'attribute_values')
      AND to_jsonb(customer.classifications)
          = coalesce(past.after -> 'classifications', to_jsonb(customer.classifications))
      AND customer.attribute_values
          = coalesce(past.after -> 'attribute_values', customer.attribute_values)
      AND (NOT past.after ? 'ended_on'
           OR coalesce(to_jsonb(customer.ended_on), 'null') = past.after -> 'ended_on')
      AND NOT EXISTS (
          SELECT FROM unnest(past.held) AS held
          WHERE NOT EXISTS (SELECT FROM list_value
                            WHERE key = held AND coalesce(facts ->> 'scope', '') <> 'contact'))
      AND NOT past.held && ARRAY(SELECT key FROM altered)
      AND NOT customer.classifications && ARRAY(SELECT key FROM altered)
      AND (NOT past.before ? 'classifications'
           OR (SELECT count(*) FROM list_value WHERE key = ANY(past.held)
                 AND list = ANY(CAST(:compulsory AS text[])))
              = cardinality(CAST(:compulsory AS text[])))
      AND NOT EXISTS (SELECT FROM list_value WHERE key = ANY(past.held)
                        AND list = ANY(CAST(:single AS text[]))
                      GROUP BY list HAVING count(*) > 1)
    RETURNING customer.customer_id, customer.deleted_at
    """
)
