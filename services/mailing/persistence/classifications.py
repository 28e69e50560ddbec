"""The values of the classification lists: what each of them covers now."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.persistence.projection_tables import NOT_TOLD


async def covered(connection: AsyncConnection, asked: Collection[str]) -> dict[str, list[str]]:
    """
    Return what each of these values covers now: itself, all below and in it, all it bundles.

    A flag of a list (`flagged`) covers the values that have it. What was removed is covered by
    nothing but itself.
    """
    result = await connection.execute(_COVERED, {"asked": list(asked)})
    found: dict[str, list[str]] = {}
    for row in result:
        found.setdefault(row.asked, []).append(row.token)
    return found


def flagged(list_name: str, flag: str) -> str:
    """Return how all values of a list that have a flag are asked for."""
    return f"{list_name}?{flag}"


async def known_values(connection: AsyncConnection, tokens: Collection[str]) -> dict[str, bool]:
    """Return which of these values are known here, and whether each was removed."""
    result = await connection.execute(_KNOWN, {"tokens": list(tokens)})
    return {row.token: row.removed for row in result}


async def known_lists(connection: AsyncConnection, names: Collection[str]) -> set[str]:
    """Return which of these lists have had any value."""
    result = await connection.execute(_LISTS, {"names": list(names)})
    return set(result.scalars())


async def not_told(connection: AsyncConnection) -> tuple[bool, bool]:
    """Tell whether what some customers, and some contacts, hold was never told to us."""
    row = (await connection.execute(_NOT_TOLD)).one()
    return row.customers, row.contacts


# Values are moved by messages that may come in any order, so that for a while a tree may hold a
# ring: UNION goes round it once.
_COVERED = text(
    """
    WITH RECURSIVE asked AS (SELECT unnest(CAST(:asked AS text[])) AS token),
    down (asked, token) AS (
        SELECT token, token FROM asked
        UNION
        SELECT down.asked, below.token
        FROM down JOIN classification AS below ON below.above = down.token AND NOT below.removed)
    SELECT asked, token FROM down
    UNION
    SELECT asked.token, unnest(bundle.bundled)
    FROM asked JOIN classification AS bundle ON bundle.token = asked.token AND NOT bundle.removed
    UNION
    SELECT asked.token, value.token
    FROM asked JOIN classification AS value
        ON value.list_name = split_part(asked.token, '?', 1) AND NOT value.removed
       AND value.flags @> jsonb_build_object(split_part(asked.token, '?', 2), true)
    WHERE asked.token LIKE '%?%'
    """
)
_KNOWN = text(
    "SELECT token, removed FROM classification WHERE token = ANY(CAST(:tokens AS text[]))"
)
_LISTS = text(
    "SELECT DISTINCT list_name FROM classification WHERE list_name = ANY(CAST(:names AS text[]))"
)
# The order is that of the partial index, which is empty as a rule. By EXISTS the planner, who takes
# two columns for different, expects a hit at once and reads the whole table: 40 ms per 100,000.
_NOT_TOLD = text(
    f"""
    SELECT (SELECT customer_id FROM customer WHERE {NOT_TOLD} ORDER BY customer_id LIMIT 1)
               IS NOT NULL AS customers,
           (SELECT contact_id FROM contact WHERE {NOT_TOLD} ORDER BY contact_id LIMIT 1)
               IS NOT NULL AS contacts
    """
)
