"""Statements on customers without a value of a list of which every customer has one."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.lists import COMPULSORY
from shared.lists.store import default_values, values_in

Lists = Mapping[str, tuple[list[int], int]]
"""By list: the keys of its values, and that of the default."""


async def compulsory_lists(connection: AsyncConnection) -> Lists:
    """Return the compulsory lists that have a default, which is kept from deletion."""
    defaults = await default_values(connection, COMPULSORY)
    rows = await values_in(connection, defaults)
    return {
        name: ([row.key for row in rows if row.list == name], default.key)
        for name, default in defaults.items()
    }


async def lock_incomplete(
    connection: AsyncConnection, lists: Lists, *, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """Lock the next customers that lack a value of any of these lists, in the order of ids."""
    # Without subqueries, so that one scan of customers answers for all lists.
    lacking = " OR ".join(_lacks(name) for name in lists)
    result = await connection.execute(
        text(
            f"""
            SELECT customer_id FROM customer
            WHERE ({lacking or "false"})
              AND (CAST(:after AS uuid) IS NULL OR customer_id > :after)
            ORDER BY customer_id LIMIT :limit FOR NO KEY UPDATE
            """
        ),
        {**_held(lists), "after": after, "limit": limit},
    )
    return result.scalars().all()


async def give_defaults(
    connection: AsyncConnection, lists: Lists, customer_ids: Collection[UUID], *, now: datetime
) -> None:
    """Give locked customers the defaults of those lists of which they lack a value."""
    given = " || ".join(
        f"CASE WHEN {_lacks(name)} THEN ARRAY[CAST(:default_{name} AS int)] ELSE '{{}}' END"
        for name in lists
    )
    await connection.execute(
        text(
            f"""
            UPDATE customer SET classifications = classifications || {given},
                                version = version + 1, updated_at = :now
            WHERE customer_id = ANY(CAST(:ids AS uuid[]))
            """
        ),
        {
            **_held(lists),
            **{f"default_{name}": default for name, (_, default) in lists.items()},
            "ids": list(customer_ids),
            "now": now,
        },
    )


def _lacks(name: str) -> str:
    return f"NOT classifications && CAST(:held_{name} AS int[])"


def _held(lists: Lists) -> dict[str, Any]:
    return {f"held_{name}": keys for name, (keys, _) in lists.items()}
