"""The search for customers: one statement per question, its cost bounded by the page.

Where a fragment hits few, these are sorted; where it hits many, the sort order is walked instead,
since hits are then found soon, and counts are taken among the first hits. Either way the rows are
right to the last.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.lists import CUSTOMER_STATUS, LISTS, STATUS_GROUP
from services.customers.domain.search import COUNTED_AT_MOST, CustomerFilter, Ended, Sort
from services.customers.persistence.customers import COLUMNS
from services.customers.persistence.search_fragments import (
    NAME,
    NUMBER,
    PARTS,
    CustomerConditions,
    add_fragment,
)
from services.customers.persistence.search_lookups import FEW_HITS, add_lookups
from shared.chassis.conditions import Conditions

FAR_FUTURE = "CAST('9999-12-31' AS date)"

_KEYS = {
    "name": (NAME, "text"),
    "number": (NUMBER, "text"),
    "started_on": (f"coalesce(started_on, {FAR_FUTURE})", "date"),
    "created_at": ("customer_id", "uuid"),
}


@dataclass(frozen=True, slots=True)
class Query:
    """A filter turned into conditions on live customers, with the values they need."""

    conditions: tuple[str, ...]
    values: Mapping[str, Any]
    # Holds for the ended customers that the filter hides; None where it hides none.
    hidden: str | None = None
    # What finds the many hits of a common fragment, too dear to count by, and what stands for it
    # then: the first hits only.
    common: str | None = None
    sample: str = ""
    # Whether no more than some thousands can match, or are counted: they need no further bound.
    is_bounded: bool = False

    @property
    def is_countable(self) -> bool:
        """Tell whether counts are of all matches, not only of those among the first hits."""
        return self.common is None

    def counted(self, conditions: Collection[str]) -> str:
        """Return conditions as they are counted by."""
        return " AND ".join(self.sample if one == self.common else one for one in conditions)


async def prepare(
    connection: AsyncConnection, wanted: CustomerFilter, *, deleted: bool = False
) -> Query | None:
    """
    Return the filter as a query of live customers, or of deleted ones, its list values resolved.

    Returns None when a number that no list has makes the filter match nobody.
    """
    building = CustomerConditions([f"deleted_at IS {'NOT ' if deleted else ''}NULL"])
    keys = await _resolved(connection, wanted)
    for place, name in enumerate(wanted.having):
        if not keys[name]:
            return None
        building.add(
            f"classifications && CAST(:having{place} AS int[])", **{f"having{place}": keys[name]}
        )
    lacking = [key for name in wanted.lacking for key in keys[f"-{name}"]]
    if lacking:
        building.add("NOT classifications && CAST(:lacking AS int[])", lacking=lacking)
    _add_start(building, wanted)
    _add_turnover(building, wanted)
    await add_lookups(connection, building, wanted)
    await _add_documents(connection, building, wanted)
    if wanted.fragment:
        await add_fragment(connection, building, wanted.fragment, deleted=deleted)
    restricts = CUSTOMER_STATUS in wanted.having or STATUS_GROUP in wanted.having
    ended = wanted.shows_ended(restricts_status=restricts)
    conditions = tuple(building.conditions)
    query = Query(
        conditions,
        building.values,
        common=building.common,
        sample=building.sample,
        is_bounded="hits" in building.values,
    )
    if ended is Ended.SHOW:
        return query
    is_ended = "classifications && CAST(:ended AS int[])"
    values = {**building.values, "ended": await _ended_keys(connection)}
    if ended is Ended.ONLY:
        return replace(query, conditions=(*conditions, is_ended), values=values)
    shown = (*conditions, f"NOT {is_ended}")
    return replace(query, conditions=shown, values=values, hidden=is_ended)


async def find_customers(
    connection: AsyncConnection,
    query: Query,
    *,
    sort: Sort,
    after: tuple[Any, UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return one page in the order asked for; `after` is the sort key and id of the last row."""
    key, kind = _KEYS[sort.column]
    direction, beyond = ("DESC", "<") if sort.down else ("ASC", ">")
    order = f"ORDER BY sort_key {direction}, customer_id {direction}"
    values = {**query.values, "limit": limit}
    behind = "TRUE"
    if after is not None:
        behind = (
            f"({key}, customer_id) {beyond} (CAST(:after_key AS {kind}), CAST(:after_id AS uuid))"
        )
        values |= {"after_key": after[0], "after_id": after[1]}
    found = " UNION ALL ".join(
        f"(SELECT customer_id, {key} AS sort_key FROM customer WHERE {where} AND {behind} "
        f"{order} LIMIT :limit)"
        for where in _ways(query, sort)
    )
    result = await connection.execute(
        text(
            f"""
            WITH page AS MATERIALIZED (
                SELECT customer_id, sort_key FROM ({found}) AS found {order} LIMIT :limit)
            SELECT {COLUMNS}, sort_key FROM page JOIN customer USING (customer_id) {order}
            """
        ),
        values,
    )
    return result.all()


def _ways(query: Query, sort: Sort) -> Sequence[str]:
    """Return the conditions by which a page is found, one for each index that is walked.

    Where many are hit, these are met in the index, and only then looked at in the table.
    """
    if query.common is None:
        return [" AND ".join(query.conditions)]
    others = " AND ".join(one for one in query.conditions if one != query.common)
    met = (
        f"deleted_at IS NULL AND {query.common} "
        f"AND customer_id IN (SELECT customer_id FROM customer WHERE {others})"
    )
    return [f"{part} AND {met}" for part in PARTS] if sort.column == "name" else [met]


async def find_ids(connection: AsyncConnection, query: Query, *, limit: int) -> list[UUID]:
    """Return the ids of the matches in the order of creation."""
    result = await connection.execute(
        text(
            f"""
            SELECT customer_id FROM customer WHERE {" AND ".join(query.conditions)}
            ORDER BY customer_id LIMIT :limit
            """
        ),
        {**query.values, "limit": limit},
    )
    return list(result.scalars())


async def count_customers(
    connection: AsyncConnection, query: Query, *, up_to: int = COUNTED_AT_MOST
) -> int:
    """Count the matches, up to one more than `up_to`."""
    return await _counted(connection, query, query.conditions, up_to=up_to)


async def count_hidden(connection: AsyncConnection, query: Query) -> int:
    """Count the ended customers that are hidden, up to one more than `COUNTED_AT_MOST`."""
    if query.hidden is None:
        return 0
    return await _counted(connection, query, (*query.conditions[:-1], query.hidden))


async def count_matches(connection: AsyncConnection, query: Query) -> tuple[int, int]:
    """Count the matches and the ended customers that are hidden, each as the two above do."""
    if query.hidden is None or not query.is_bounded:
        return await count_customers(connection, query), await count_hidden(connection, query)
    result = await connection.execute(
        text(
            f"""
            SELECT count(*) FILTER (WHERE NOT {query.hidden}),
                   count(*) FILTER (WHERE {query.hidden})
            FROM customer WHERE {query.counted(query.conditions[:-1])}
            """
        ),
        query.values,
    )
    total, hidden = result.one()
    return total, hidden


async def count_ended(connection: AsyncConnection, customer_ids: Collection[UUID]) -> int:
    """Count which of these customers are in an ended status, which lists hide."""
    result = await connection.execute(
        text(
            "SELECT count(*) FROM customer WHERE customer_id = ANY(CAST(:ids AS uuid[])) "
            "AND classifications && CAST(:ended AS int[])"
        ),
        {"ids": list(customer_ids), "ended": await _ended_keys(connection)},
    )
    return int(result.scalar_one())


async def _counted(
    connection: AsyncConnection,
    query: Query,
    conditions: Collection[str],
    *,
    up_to: int = COUNTED_AT_MOST,
) -> int:
    # A sample is for those who want to know about how many; more than that is counted in full.
    every = up_to > COUNTED_AT_MOST
    where = " AND ".join(conditions) if every else query.counted(conditions)
    result = await connection.execute(
        text(
            f"""
            SELECT count(*) FROM (SELECT 1 FROM customer WHERE {where}
                                  LIMIT {up_to + 1}) AS found
            """
        ),
        query.values,
    )
    return int(result.scalar_one())


async def count_facets(
    connection: AsyncConnection, query: Query, names: Collection[str]
) -> dict[str, dict[int, int]]:
    """Return by list how many matches hold each value, among the first `COUNTED_AT_MOST`."""
    result = await connection.execute(
        text(
            f"""
            SELECT value.list, value.number, count(*) AS customers
            FROM (SELECT classifications FROM customer WHERE {query.counted(query.conditions)}
                  LIMIT {COUNTED_AT_MOST}) AS found
            CROSS JOIN LATERAL unnest(found.classifications) AS held (key)
            JOIN list_value AS value ON value.key = held.key
                                    AND value.list = ANY(CAST(:names AS text[]))
            GROUP BY value.list, value.number
            """
        ),
        {**query.values, "names": list(names)},
    )
    found: dict[str, dict[int, int]] = {name: {} for name in names}
    for row in result:
        found[row.list][row.number] = row.customers
    return found


async def _resolved(connection: AsyncConnection, wanted: CustomerFilter) -> dict[str, list[int]]:
    """Return by list the keys that its numbers mean; what is excluded goes by `-list`."""
    asked = [
        (label, name, number)
        for mark, chosen in (("", wanted.having), ("-", wanted.lacking))
        for name, numbers in chosen.items()
        for label in (f"{mark}{name}",)
        for number in numbers
    ]
    keys: dict[str, list[int]] = {name: [] for name in wanted.having}
    keys |= {f"-{name}": [] for name in wanted.lacking}
    if not asked:
        return keys
    result = await connection.execute(
        _RESOLVE,
        {
            "labels": [label for label, _, _ in asked],
            "lists": [name for _, name, _ in asked],
            "numbers": [number for _, _, number in asked],
            "trees": [name for name, one in LISTS.items() if one.tree],
        },
    )
    for row in result:
        keys[row.label].append(row.key)
    return keys


async def _ended_keys(connection: AsyncConnection) -> list[int]:
    result = await connection.execute(
        text(
            "SELECT key FROM list_value "
            "WHERE list = 'customer_status' AND facts @> '{\"ended\": true}'"
        )
    )
    return list(result.scalars())


def _add_start(building: Conditions, wanted: CustomerFilter) -> None:
    if wanted.started is not None:
        building.add(f"(started_on IS NOT NULL) = {str(wanted.started).lower()}")
    if wanted.started_since is not None:
        building.add("started_on >= :started_since", started_since=wanted.started_since)
    if wanted.started_until is not None:
        building.add("started_on <= :started_until", started_until=wanted.started_until)


def _add_turnover(building: Conditions, wanted: CustomerFilter) -> None:
    turnover = wanted.turnover
    if turnover is None:
        return
    amount = """(SELECT coalesce(sum(CASE kind WHEN 'credit_note' THEN -abs(net_amount)
                                                ELSE net_amount END), 0)
                 FROM erp_document AS document
                 WHERE document.customer_id = customer.customer_id
                   AND document.kind IN ('invoice', 'credit_note') AND NOT document.voided
                   AND document.currency = :currency
                   AND (CAST(:turnover_since AS date) IS NULL
                        OR document.document_date >= :turnover_since)
                   AND (CAST(:turnover_until AS date) IS NULL
                        OR document.document_date <= :turnover_until))"""
    values = {
        "currency": turnover.currency,
        "turnover_since": turnover.since,
        "turnover_until": turnover.until,
    }
    if turnover.least is not None:
        building.add(f"{amount} >= :turnover_least", **values, turnover_least=turnover.least)
    if turnover.most is not None:
        building.add(f"{amount} <= :turnover_most", **values, turnover_most=turnover.most)


async def _add_documents(
    connection: AsyncConnection, building: Conditions, wanted: CustomerFilter
) -> None:
    documents = wanted.documents
    if documents is None:
        return
    conditions = ["NOT document.voided"]
    values: dict[str, Any] = {}
    for column, sign, name, value in (
        ("kind", "=", "documents_kind", documents.kind),
        ("document_date", ">=", "documents_since", documents.since),
        ("document_date", "<=", "documents_until", documents.until),
    ):
        if value is not None:
            conditions.append(f"document.{column} {sign} :{name}")
            values[name] = value
    some = f"FROM erp_document AS document WHERE {' AND '.join(conditions)}"
    of_one = f"SELECT {some} AND document.customer_id = customer.customer_id"

    async def add_more_than(number: int, *, negated: bool) -> None:
        sign = "NOT " if negated else ""
        if number == 0:
            # A join, which the planner does the better way round.
            building.add(f"{sign}EXISTS ({of_one})", **values)
            return
        result = await connection.execute(
            text(
                f"SELECT customer_id {some} GROUP BY customer_id HAVING count(*) > :number "
                "LIMIT :limit"
            ),
            {**values, "number": number, "limit": FEW_HITS + 1},
        )
        # As with fragments: few are named, and where they are many, each row is asked.
        hits = list(result.scalars())
        if len(hits) > FEW_HITS:
            building.add(f"{sign}EXISTS ({of_one} OFFSET {number})", **values)
        else:
            name = "documents_over" if negated else "documents_enough"
            building.add(f"{sign}customer_id = ANY(CAST(:{name} AS uuid[]))", **{name: hits})

    at_least = documents.at_least
    if at_least is None and documents.at_most is None:
        at_least = 1
    if at_least:
        await add_more_than(at_least - 1, negated=False)
    if documents.at_most is not None:
        await add_more_than(documents.at_most, negated=True)


_RESOLVE = text(
    """
    WITH RECURSIVE named (label, key, list) AS (
        SELECT asked.label, value.key, value.list
        FROM unnest(CAST(:labels AS text[]), CAST(:lists AS text[]), CAST(:numbers AS int[]))
             AS asked (label, list, number)
        JOIN list_value AS value ON value.list = asked.list AND value.number = asked.number
        UNION
        SELECT named.label, below.key, below.list
        FROM named JOIN list_value AS below ON below.parent = named.key
                                           AND below.list = named.list
        WHERE named.list = ANY(CAST(:trees AS text[]))
    )
    SELECT label, key FROM named WHERE list <> 'status_group'
    UNION
    SELECT named.label, member.key
    FROM named JOIN list_value AS bundle ON bundle.key = named.key
    CROSS JOIN LATERAL unnest(bundle.members) AS member (key)
    WHERE named.list = 'status_group'
    """
)
