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
