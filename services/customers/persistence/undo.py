"""
Statements that take an operation back, all of them set-based: what it changed is put into a table
for the transaction, one row per record and field; `why` tells of those that are left as they are.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.persistence import undo_sql as sql
from services.customers.persistence.deleted import delete_contacts, delete_customers
from services.customers.persistence.undo_fitness import leave_unfit
from shared.chassis.chunks import chunks
from shared.lists.store import keep_all_values

CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Given:
    """What a record was given back: the fields with their values."""

    record: str
    record_id: UUID
    fields: dict[str, Any]


async def plan(connection: AsyncConnection, operation_id: UUID, bans: Collection[int]) -> int:
    """
    Lock what an operation changed and find what can be given back; return whose bans are kept.

    `bans` are the numbers of the attributes that are bans. Values of lists are locked first.
    """
    await keep_all_values(connection)
    given = {"id": operation_id, "bans": list(bans)}
    await connection.execute(sql.TABLE)
    await connection.execute(sql.TOUCHED, given)
    for lock in sql.LOCKS:
        await connection.execute(lock)
    await connection.execute(text("ANALYZE undoing"))
    await connection.execute(sql.LATER, given)
    for statement in (sql.CREATED_ALONE, sql.CREATED_IN_USE):
        await connection.execute(statement)
    await leave_unfit(connection, operation_id)
    kept: int = (await connection.execute(sql.BANS_KEPT, given)).scalar_one()
    for statement in (sql.KEEP_BANS, sql.NOTHING, sql.WHOLE_UNITS, sql.WHOLE_MERGES):
        await connection.execute(statement, given)
    return kept


async def apply(
    connection: AsyncConnection, operation_id: UUID, undo_id: UUID, *, now: datetime
) -> None:
    """
    Give back what can be given back. What another record has come to own meanwhile is left.

    A key that is taken while this runs raises; roll back to before and apply again.
    """
    for record, delete in (("customer", delete_customers), ("contact", delete_contacts)):
        gone = await connection.execute(sql.TO_DELETE, {"record": record})
        for ids in chunks(gone.scalars().all(), CHUNK):
            await delete(connection, ids, now=now)
    for statement in (
        *sql.OWNED_KEYS,
        sql.STAY_DELETED,
        *sql.AT_MERGED,
        *sql.OWNED_REFERENCES,
        sql.REFERENCES_STAY,
    ):
        await connection.execute(statement)
    for record, give_back in sql.GIVE_BACK:
        given = await connection.execute(sql.TO_GIVE, {"record": record})
        for ids in chunks(given.scalars().all(), CHUNK):
            await connection.execute(give_back, {"ids": ids, "now": now})
    for statement in sql.LINKS:
        await connection.execute(statement)
    await connection.execute(sql.GIVE_DOCUMENTS, {"id": operation_id, "undo": undo_id})


async def moved_documents(connection: AsyncConnection, operation_id: UUID) -> set[UUID]:
    """Return the customers whose documents an operation moved, from and to whom."""
    result = await connection.execute(
        text(
            "SELECT moved_from FROM moved_document WHERE operation_id = :id "
            "UNION SELECT moved_to FROM moved_document WHERE operation_id = :id"
        ),
        {"id": operation_id},
    )
    return set(result.scalars())


async def given_back(connection: AsyncConnection) -> list[Given]:
    """Return the records that were given something back, and those deleted, in one order."""
    result = await connection.execute(
        text(
            """
            SELECT record, record_id, jsonb_object_agg(field, before) AS fields FROM undoing
            WHERE why IS NULL GROUP BY record, record_id ORDER BY record DESC, record_id
            """
        )
    )
    return [Given(row.record, row.record_id, row.fields) for row in result]


async def left(connection: AsyncConnection, *, limit: int) -> tuple[int, Sequence[Row[Any]]]:
    """Return how many records were left as they are, and the first with their fields and why."""
    count = await connection.execute(
        text("SELECT count(DISTINCT record_id) FROM undoing WHERE why IS NOT NULL")
    )
    first = await connection.execute(
        text(
            """
            SELECT record, record_id, jsonb_object_agg(field, why) AS fields FROM undoing
            WHERE why IS NOT NULL GROUP BY record, record_id
            ORDER BY record DESC, record_id LIMIT :limit
            """
        ),
        {"limit": limit},
    )
    return int(count.scalar_one()), first.all()
