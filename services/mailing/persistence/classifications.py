"""The values of the classification lists: what each of them covers now."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.persistence.projection_tables import NOT_TOLD


async def covered(
    connection: AsyncConnection, asked: Collection[str], at: datetime | None = None
) -> dict[str, list[str]]:
    """
    Return what each of these values covers now: itself, all below and in it, all it bundles.

    With `at`, what it covered at that moment. A flag of a list (`flagged`) covers the values that
    have it. What was removed is covered by nothing but itself.
    """
    statement = _COVERED if at is None else _COVERED_THEN
    moment = {} if at is None else {"at": at}
    result = await connection.execute(statement, {"asked": list(asked), **moment})
    found: dict[str, list[str]] = {}
    for row in result:
        found.setdefault(row.asked, []).append(row.token)
    return found


def flagged(list_name: str, flag: str) -> str:
    """Return how all values of a list that have a flag are asked for."""
    return f"{list_name}?{flag}"


async def titles(
    connection: AsyncConnection, tokens: Collection[str], lists: Collection[str], at: datetime
) -> dict[str, str]:
    """Return, by token, the titles then of these values and of some others of these lists."""
    result = await connection.execute(
        _TITLES, {"tokens": list(tokens), "lists": list(lists), "at": at}
    )
    return {row.token: row.title for row in result}


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
_COVERED_SQL = """
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
_COVERED = text(_COVERED_SQL)
# The table as it was, by the same name.
_THEN = """
    WITH classification AS (
        SELECT stands.* FROM classification AS stands WHERE told_at <= :at
        UNION ALL
        SELECT (jsonb_populate_record(CAST(NULL AS classification), fields)).* FROM past
        WHERE kind = 'classification' AND since <= :at AND until > :at)
"""
_COVERED_THEN = text(f"{_THEN} SELECT asked, token FROM ({_COVERED_SQL}) AS covered")
_TITLES = text(
    f"""
    {_THEN}
    SELECT token, title FROM classification WHERE token = ANY(CAST(:tokens AS text[]))
    UNION
    SELECT other.token, other.title
    FROM unnest(CAST(:lists AS text[])) AS wanted (list_name)
    CROSS JOIN LATERAL (
        SELECT token, title FROM classification
        WHERE classification.list_name = wanted.list_name AND NOT removed AND NOT archived
        ORDER BY number LIMIT 20) AS other
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
