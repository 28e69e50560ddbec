"""What values, segments and fields are called: looked up for rules as text and their builders."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.conditions import Holder
from services.mailing.domain.rule_names import SEGMENTS, Called, Id, Meaning, Title

MAX_SIMILAR = 5
MAX_SUGGESTIONS = 50
LOOKED_AT = 1_000
"""Blocks of 8 kB in which suggestions are looked for; of a larger table, a sample of so many."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Texts that a field holds, with how many of the rows looked at hold each."""

    sampled: bool
    found: Sequence[Row[Any]]


async def meanings(
    connection: AsyncConnection, titles: Collection[Title]
) -> dict[Title, list[Meaning]]:
    """Return what each of these titles means, in any language and without regard to case."""
    if not titles:
        return {}
    return _by_title(await connection.execute(_MEANINGS, _asked(titles)))


async def similar(
    connection: AsyncConnection, titles: Collection[Title]
) -> dict[Title, list[Meaning]]:
    """Return, for each of a few titles, some that begin with the same three letters."""
    return _by_title(await connection.execute(_SIMILAR, {**_asked(titles), "most": MAX_SIMILAR}))


async def titles_of(connection: AsyncConnection, called: Collection[Called]) -> dict[Called, str]:
    """Return the titles of these values and segments that mean nothing else in their lists."""
    if not called:
        return {}
    asked = sorted((one.list, str(one.id)) for one in called)
    result = await connection.execute(
        _TITLES, {"lists": [one for one, _ in asked], "ids": [one for _, one in asked]}
    )
    return {Called(row.list_name, _id(row)): row.title for row in result}


async def page_of_values(
    connection: AsyncConnection, list_name: str, fragment: str, *, after: int, limit: int
) -> Sequence[Row[Any]]:
    """Return values of a list by number: those with the fragment in a title, or of this number."""
    asked = {"list": list_name, "fragment": fragment, "after": after, "limit": limit}
    return (await connection.execute(_VALUES, asked)).all()


async def lists(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Return the lists of which values are known, with the flags that some of these have."""
    return (await connection.execute(_LISTS)).all()


async def suggestions(
    connection: AsyncConnection, holder: Holder, field: str, beginning: str
) -> Suggestions:
    """Return what a field of contacts or customers holds that begins so, most frequent first."""
    table, live = _HOLDING[holder, field]
    blocks = (await connection.execute(_BLOCKS, {"table": table})).scalar_one()
    percent = min(100.0, 100 * LOOKED_AT / max(blocks, 1))
    statement = text(_SUGGESTED.format(table=table, field=field, live=live))
    asked = {"percent": percent, "beginning": beginning, "most": MAX_SUGGESTIONS}
    found = (await connection.execute(statement, asked)).all()
    return Suggestions(percent < 100, found)


def _asked(titles: Collection[Title]) -> dict[str, Any]:
    asked = sorted(titles)
    return {"lists": [one.list for one in asked], "texts": [one.text for one in asked]}


def _by_title(rows: Iterable[Row[Any]]) -> dict[Title, list[Meaning]]:
    found = defaultdict(list)
    for row in rows:
        found[Title(row.list_name, row.asked)].append(Meaning(_id(row), row.title))
    return dict(found)


def _id(row: Row[Any]) -> Id:
    return UUID(row.id) if row.list_name == SEGMENTS else int(row.id)


_CONTACT = ("contact", "NOT deleted AND")
_CUSTOMER = ("customer", "NOT deleted AND")
_HOLDING = {
    (Holder.CUSTOMER, "city"): _CUSTOMER,
    (Holder.CUSTOMER, "country"): _CUSTOMER,
    (Holder.CUSTOMER, "postal_code"): _CUSTOMER,
    (Holder.CONTACT, "city"): _CONTACT,
    (Holder.CONTACT, "country"): _CONTACT,
    (Holder.CONTACT, "postal_code"): _CONTACT,
    (Holder.CONTACT, "language"): _CONTACT,
    (Holder.CONTACT, "role"): ("contact_customer", ""),
}
SUGGESTED = frozenset(_HOLDING)
"""The fields whose texts are suggested, by whom they are of."""

# All that values of the lists asked about are called, in every language, and segments; `main` marks
# the title that is shown.
_NAMED = f"""
    named AS (
        SELECT list_name, CAST(number AS text) AS id, title, TRUE AS main
        FROM classification WHERE list_name = ANY(CAST(:lists AS text[])) AND NOT removed
        UNION ALL
        SELECT list_name, CAST(number AS text), translated.value, FALSE
        FROM classification CROSS JOIN LATERAL jsonb_each_text(titles) AS translated
        WHERE list_name = ANY(CAST(:lists AS text[])) AND NOT removed
        UNION ALL
        SELECT '{SEGMENTS}', CAST(segment_id AS text), name, TRUE
        FROM segment WHERE '{SEGMENTS}' = ANY(CAST(:lists AS text[])) AND NOT removed)"""
_ASKED = """
    asked AS (
        SELECT list_name, asked FROM unnest(CAST(:lists AS text[]), CAST(:texts AS text[]))
            AS asked (list_name, asked))"""
_MEANINGS = text(
    f"""
    WITH {_ASKED}, {_NAMED},
    meant AS (
        SELECT DISTINCT list_name, asked, id
        FROM asked JOIN named USING (list_name) WHERE lower(named.title) = lower(asked))
    SELECT list_name, asked, id, named.title
    FROM meant JOIN named USING (list_name, id) WHERE named.main
    ORDER BY list_name, asked, length(id), id
    """
)
# One pass over the lists, however many titles are asked about.
_SIMILAR = text(
    f"""
    WITH {_ASKED}, {_NAMED},
    begun AS (SELECT list_name, asked, lower(left(asked, 3)) AS beginning FROM asked),
    near AS (
        SELECT list_name, beginning, id, min(title) AS title,
               row_number() OVER (
                   PARTITION BY list_name, beginning ORDER BY length(id), id) AS place
        FROM named CROSS JOIN LATERAL (SELECT lower(left(title, 3)) AS beginning) AS first
        WHERE (list_name, beginning) IN (SELECT list_name, beginning FROM begun)
        GROUP BY list_name, beginning, id)
    SELECT list_name, asked, id, title
    FROM begun JOIN near USING (list_name, beginning)
    WHERE place <= :most ORDER BY list_name, asked, place
    """
)
_TITLES = text(
    f"""
    WITH {_NAMED},
    asked AS (
        SELECT list_name, id FROM unnest(CAST(:lists AS text[]), CAST(:ids AS text[]))
            AS asked (list_name, id)),
    alone AS (
        SELECT list_name, lower(title) AS folded FROM named
        GROUP BY list_name, folded HAVING count(DISTINCT id) = 1)
    SELECT list_name, id, named.title
    FROM asked JOIN named USING (list_name, id) JOIN alone USING (list_name)
    WHERE named.main AND alone.folded = lower(named.title)
    """
)
_VALUES = text(
    """
    SELECT number, title, titles, above, archived FROM classification
    WHERE list_name = :list AND NOT removed AND number > CAST(:after AS bigint)
      AND (CAST(number AS text) = CAST(:fragment AS text)
           OR position(lower(:fragment) IN lower(title)) > 0
           OR EXISTS (SELECT FROM jsonb_each_text(titles) AS translated
                      WHERE position(lower(:fragment) IN lower(translated.value)) > 0))
    ORDER BY number LIMIT :limit
    """
)
_LISTS = text(
    """
    SELECT list_name, count(DISTINCT number) AS values,
           coalesce(array_agg(DISTINCT flag ORDER BY flag) FILTER (WHERE flag IS NOT NULL), '{}')
               AS flags
    FROM classification LEFT JOIN LATERAL jsonb_object_keys(flags) AS flag ON TRUE
    WHERE NOT removed GROUP BY list_name ORDER BY list_name COLLATE "C"
    """
)
_BLOCKS = text("SELECT pg_relation_size(CAST(:table AS regclass)) / 8192")
# The same sample each time: what is suggested does not flicker while somebody types.
_SUGGESTED = """
    SELECT min({field}) AS value, count(*) AS rows
    FROM {table} TABLESAMPLE SYSTEM (:percent) REPEATABLE (0)
    WHERE {live} starts_with(lower({field}), lower(:beginning)) AND {field} <> ''
    GROUP BY lower({field}) ORDER BY count(*) DESC, lower({field}) COLLATE "C" LIMIT :most
"""
