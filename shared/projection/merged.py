"""Statements on who has taken whose place: what shows a survivor shows those merged into it."""

from collections.abc import Collection
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Merges of merges are few; a circle, which there is none, would end here.
DEEPEST = 100


async def with_merged(
    connection: AsyncConnection, table: Literal["customer", "contact"], record_id: UUID
) -> list[UUID]:
    """Return a customer or contact with all that were merged into it, one after another."""
    result = await connection.execute(
        text(
            f"""
            WITH RECURSIVE merged (id, depth) AS (
                SELECT CAST(:id AS uuid), 1
                UNION
                SELECT other.{table}_id, depth + 1
                FROM merged JOIN {table} AS other ON other.merged_into = merged.id
                WHERE depth < {DEEPEST})
            SELECT DISTINCT id FROM merged
            """
        ),
        {"id": record_id},
    )
    return list(result.scalars())


async def survivors(
    connection: AsyncConnection, customer_ids: Collection[UUID]
) -> dict[UUID, UUID]:
    """Return who stands for each of these customers: itself, unless it was merged."""
    result = await connection.execute(
        text(
            f"""
            WITH RECURSIVE heir (id, stands, depth) AS (
                SELECT customer_id, customer_id, 1 FROM customer
                WHERE customer_id = ANY(CAST(:ids AS uuid[]))
                UNION ALL
                SELECT heir.id, customer.merged_into, depth + 1
                FROM heir JOIN customer ON customer.customer_id = heir.stands
                WHERE customer.merged_into IS NOT NULL AND depth < {DEEPEST})
            SELECT DISTINCT ON (id) id, stands FROM heir ORDER BY id, depth DESC
            """
        ),
        {"ids": list(customer_ids)},
    )
    return {row.id: row.stands for row in result}
