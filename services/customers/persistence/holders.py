"""Statements on who holds a list value, and on letting all of them hold another."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.lists import CHOICES_OF, CONTACT_ATTRIBUTE, ListDefinition


@dataclass(frozen=True, slots=True)
class Holder:
    """A column that holds values: as keys, or as numbers where settings go by number."""

    table: str
    id: str
    column: str
    reference: str


CUSTOMERS = Holder("customer", "customer_id", "classifications", "key")
CONTACTS = Holder("contact", "contact_id", "classifications", "key")
CONTACT_ATTRIBUTES = Holder("contact", "contact_id", "attributes", "number")


def holders_of(definition: ListDefinition) -> list[Holder]:
    """Return the columns in which values of a list may be held."""
    if definition.name == CONTACT_ATTRIBUTE:
        return [CONTACT_ATTRIBUTES]
    held = [CUSTOMERS] if definition.held_by_customers else []
    return held + ([CONTACTS] if definition.held_by_contacts else [])


@dataclass(frozen=True, slots=True)
class Usage:
    """How many live and deleted holders a value has, and the first of the live ones."""

    live: int
    deleted: int
    first: tuple[UUID, ...]


async def usage(connection: AsyncConnection, row: Row[Any], holder: Holder) -> Usage:
    """Count who holds a value, and name the first ten live ones."""
    held = f"{holder.column} @> ARRAY[CAST(:reference AS int)]"
    result = await connection.execute(
        text(
            f"""
            SELECT count(*) FILTER (WHERE deleted_at IS NULL) AS live,
                   count(*) FILTER (WHERE deleted_at IS NOT NULL) AS deleted,
                   ARRAY(SELECT {holder.id} FROM {holder.table} WHERE {held}
                         AND deleted_at IS NULL ORDER BY {holder.id} LIMIT 10) AS first
            FROM {holder.table} WHERE {held}
            """
        ),
        {"reference": getattr(row, holder.reference)},
    )
    counted = result.one()
    return Usage(counted.live, counted.deleted, tuple(counted.first))


async def count_usage(connection: AsyncConnection, name: str, holder: Holder) -> dict[int, int]:
    """Return how many live holders each value of a list has, by number; its cost is one scan."""
    result = await connection.execute(
        text(
            f"""
            SELECT value.number, count(*) AS live
            FROM {holder.table} CROSS JOIN LATERAL unnest({holder.column}) AS held (reference)
            JOIN list_value AS value ON value.{holder.reference} = held.reference
                                    AND value.list = :list
            WHERE deleted_at IS NULL GROUP BY value.number
            """
        ),
        {"list": name},
    )
    return {row.number: row.live for row in result}


async def holder_ids(connection: AsyncConnection, key: int, *, limit: int) -> list[UUID]:
    """Return the customers that hold a value, deleted ones too."""
    result = await connection.execute(
        text(
            "SELECT customer_id FROM customer WHERE classifications @> ARRAY[CAST(:key AS int)] "
            "ORDER BY customer_id LIMIT :limit"
        ),
        {"key": key, "limit": limit},
    )
    return list(result.scalars())


async def move_holders(
    connection: AsyncConnection,
    holder: Holder,
    source: Row[Any],
    target: Row[Any],
    *,
    now: datetime,
) -> list[UUID]:
    """
    Let everybody who holds the source hold the target instead, deleted ones too; return whom.

    The value of an attribute goes along, unless its holder has one of the target already.
    """
    moved = _VALUES_MOVE if source.list in CHOICES_OF else ""
    numbers = {"old": str(source.number), "new": str(target.number)} if moved else {}
    # In the order in which all lock them, so that no two wait for each other.
    await connection.execute(
        text(
            f"SELECT {holder.id} FROM {holder.table} "
            f"WHERE {holder.column} @> ARRAY[CAST(:source AS int)] "
            f"ORDER BY {holder.id} FOR NO KEY UPDATE"
        ),
        {"source": getattr(source, holder.reference)},
    )
    result = await connection.execute(
        text(
            f"""
            UPDATE {holder.table} SET version = version + 1, updated_at = :now, {moved}
                {holder.column} = (
                SELECT array_agg(DISTINCT CASE reference WHEN :source THEN CAST(:target AS int)
                                                         ELSE reference END)
                FROM unnest({holder.column}) AS held (reference))
            WHERE {holder.column} @> ARRAY[CAST(:source AS int)]
            RETURNING {holder.id}
            """
        ),
        {
            "source": getattr(source, holder.reference),
            "target": getattr(target, holder.reference),
            "now": now,
            **numbers,
        },
    )
    return list(result.scalars())


async def take_from_holders(
    connection: AsyncConnection, holder: Holder, row: Row[Any], *, now: datetime
) -> list[tuple[UUID, bool]]:
    """Let nobody hold a value any more; return whom, and whether each is deleted."""
    reference = {"reference": getattr(row, holder.reference)}
    held = f"{holder.column} @> ARRAY[CAST(:reference AS int)]"
    # In the order in which all lock them, so that no two wait for each other.
    await connection.execute(
        text(
            f"SELECT {holder.id} FROM {holder.table} WHERE {held} "
            f"ORDER BY {holder.id} FOR NO KEY UPDATE"
        ),
        reference,
    )
    result = await connection.execute(
        text(
            f"""
            UPDATE {holder.table} SET version = version + 1, updated_at = :now,
                {holder.column} = array_remove({holder.column}, CAST(:reference AS int))
            WHERE {held} RETURNING {holder.id} AS id, deleted_at
            """
        ),
        {**reference, "now": now},
    )
    return [(one.id, one.deleted_at is not None) for one in result]


async def count_holding_both(
    connection: AsyncConnection, holder: Holder, keys: Collection[int], others: Collection[int]
) -> int:
    """Count the holders, deleted ones too, that hold a value of each."""
    result = await connection.execute(
        text(
            f"SELECT count(*) FROM {holder.table} "
            f"WHERE {holder.column} && CAST(:keys AS int[]) "
            f"AND {holder.column} && CAST(:others AS int[])"
        ),
        {"keys": list(keys), "others": list(others)},
    )
    return int(result.scalar_one())


# What is on the right wins: a value of the target stays.
_VALUES_MOVE = """
    attribute_values = CASE WHEN attribute_values ? CAST(:old AS text)
        THEN jsonb_build_object(CAST(:new AS text), attribute_values -> CAST(:old AS text))
             || (attribute_values - CAST(:old AS text))
        ELSE attribute_values END,
"""
