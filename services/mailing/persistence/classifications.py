"""The values of the classification lists: kept by version, and what each of them covers now."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.persistence.projection import SEPARATOR
from services.mailing.persistence.projection_tables import NOT_TOLD


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value of a list as it is to stand; what it lies in and bundles are named by tokens."""

    token: str
    list_name: str
    number: int
    version: int
    title: str
    titles: Mapping[str, str]
    above: str | None
    bundled: tuple[str, ...]
    flags: Mapping[str, bool]
    archived: bool
    removed: bool


async def save_values(connection: AsyncConnection, rows: Sequence[ValueRow]) -> None:
    """Take over the values that are newer than what stands; one row per token, please."""
    await connection.execute(
        _SAVE,
        {
            "tokens": [row.token for row in rows],
            "lists": [row.list_name for row in rows],
            "numbers": [row.number for row in rows],
            "versions": [row.version for row in rows],
            "titles": [row.title for row in rows],
            "translated": [json.dumps(dict(row.titles)) for row in rows],
            "above": [row.above for row in rows],
            "bundled": [SEPARATOR.join(row.bundled) for row in rows],
            "flags": [json.dumps(dict(row.flags)) for row in rows],
            "archived": [row.archived for row in rows],
            "removed": [row.removed for row in rows],
        },
    )


async def covered(connection: AsyncConnection, asked: Collection[str]) -> dict[str, list[str]]:
    """
    Return what each of these values covers now: itself, all below and in it, all it bundles.

    A flag of a list (`flagged`) covers the values that have it. A value that was removed covers
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


_SAVE = text(
    """
    INSERT INTO classification (token, list_name, number, version, title, titles, above, bundled,
                                flags, archived, removed)
    SELECT token, list_name, number, version, title, CAST(titles AS jsonb), above,
           string_to_array(bundled, E'\\n'), CAST(flags AS jsonb), archived, removed
    FROM unnest(CAST(:tokens AS text[]), CAST(:lists AS text[]), CAST(:numbers AS integer[]),
                CAST(:versions AS bigint[]), CAST(:titles AS text[]), CAST(:translated AS text[]),
                CAST(:above AS text[]), CAST(:bundled AS text[]), CAST(:flags AS text[]),
                CAST(:archived AS boolean[]), CAST(:removed AS boolean[]))
         AS new (token, list_name, number, version, title, titles, above, bundled, flags, archived,
                 removed)
    ORDER BY token COLLATE "C"
    ON CONFLICT (token) DO UPDATE SET
        version = EXCLUDED.version, title = EXCLUDED.title, titles = EXCLUDED.titles,
        above = EXCLUDED.above, bundled = EXCLUDED.bundled, flags = EXCLUDED.flags,
        archived = EXCLUDED.archived, removed = EXCLUDED.removed
    WHERE EXCLUDED.version > classification.version
    """
)
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
