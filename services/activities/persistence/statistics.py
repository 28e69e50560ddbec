"""The statement of statistics: one reading of what is counted, whatever it is counted by.

What is by seller, category, kind, type and day comes from `activity_count`; what is by attribute or
customer is asked of the activities themselves.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.lists import (
    ACTIVITY_ATTRIBUTE,
    ACTIVITY_CATEGORY,
    ACTIVITY_KIND,
    ACTIVITY_TYPE,
)
from services.activities.domain.statistics import Dimension, Question
from services.activities.persistence.groups import MEMBERSHIPS
from shared.projection.held import COVERS, STANDING


@dataclass(frozen=True, slots=True)
class _Part:
    """What a dimension adds to the statement: the columns it reads, a join, the key of a line."""

    reads: tuple[str, ...]
    key: str
    join: str = ""


async def count_lines(
    connection: AsyncConnection, question: Question, *, limit: int
) -> Sequence[Row[Any]]:
    """
    Return lines of `first`, `second` (keys as texts or days), `done` and `open`, and the totals.

    The totals, `all_done` and `all_open`, count every activity once; they are on each line, or on a
    single one without `done` where there is no line.
    """
    parts = [_part(name, place) for place, name in enumerate(question.by)]
    reads = sorted({column for part in parts for column in part.reads})
    conditions, values = _filters(question)
    raw = bool({"attributes", "holding"} & set(reads) or question.attributes or question.held)
    holder = "JOIN holder USING (customer_id)" if "holding" in reads else ""
    keys = [f"{part.key} AS {name}" for part, name in zip(parts, ("first", "second"), strict=False)]
    grouped = ", ".join(str(place + 1) for place in range(len(parts)))
    statement = f"""
        WITH RECURSIVE {_SHARED},
        counted AS MATERIALIZED (
            SELECT {", ".join(f"{_COLUMNS[one]} AS {one}" for one in reads)},
                   sum(done) AS done, sum(open) AS open
            FROM {_ACTIVITIES if raw else "activity_count"} AS source {holder}
            WHERE {" AND ".join(("day BETWEEN :since AND :until", *conditions))}
            GROUP BY {", ".join(_COLUMNS[one] for one in reads)}
        ), line AS (
            SELECT {", ".join(keys)}, CAST(sum(done) AS int) AS done, CAST(sum(open) AS int) AS open
            FROM counted {"".join(part.join for part in parts)}
            GROUP BY {grouped} HAVING sum(done + open) <> 0
            ORDER BY {grouped} LIMIT :limit
        )
        SELECT line.*, total.done AS all_done, total.open AS all_open
        FROM (SELECT CAST(coalesce(sum(done), 0) AS int) AS done,
                     CAST(coalesce(sum(open), 0) AS int) AS open FROM counted) AS total
        LEFT JOIN line ON true ORDER BY {grouped}
    """
    values |= {"since": question.since, "until": question.until, "limit": limit}
    values |= {f"list_{place}": name for place, name in enumerate(question.by)}
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    if raw:
        # A table of all customers by hash needs some 20 MB; on disk it takes twice the time.
        await connection.execute(text("SET LOCAL work_mem = '32MB'"))
    return (await connection.execute(text(statement), used)).all()


async def group_titles(connection: AsyncConnection, groups: Collection[str]) -> dict[str, str]:
    """Return the titles of user groups by their id."""
    result = await connection.execute(
        text(
            "SELECT group_id, title FROM user_group "
            "WHERE group_id = ANY(CAST(CAST(:ids AS text[]) AS uuid[]))"
        ),
        {"ids": list(groups)},
    )
    return {str(row.group_id): row.title for row in result}


async def seller_names(connection: AsyncConnection, sellers: Collection[str]) -> dict[str, str]:
    """Return the names of sellers by their key."""
    result = await connection.execute(
        text("SELECT seller, name FROM seller WHERE seller = ANY(CAST(:sellers AS text[]))"),
        {"sellers": list(sellers)},
    )
    return {row.seller: row.name for row in result}


async def customer_lists(connection: AsyncConnection) -> list[str]:
    """Return the names of the lists of customers that are known here."""
    result = await connection.execute(
        text("SELECT DISTINCT list_name FROM classification WHERE NOT removed ORDER BY list_name")
    )
    return list(result.scalars())


def _part(name: str, place: int) -> _Part:
    match name:
        case Dimension.KIND | Dimension.TYPE | Dimension.CATEGORY:
            return _Part((name,), f"CAST(counted.{name} AS text)")
        case Dimension.SELLER:
            return _Part((name,), "nullif(counted.seller, '')")
        case Dimension.DAY | Dimension.WEEK | Dimension.MONTH:
            return _Part((name,), f"counted.{name}")
        case Dimension.ATTRIBUTE:
            return _Part(
                ("attributes",),
                "CAST(attribute.key AS text)",
                " LEFT JOIN LATERAL unnest(counted.attributes) AS attribute (key) ON true",
            )
        case Dimension.GROUP:
            return _Part(
                ("seller", "day"),
                "CAST(membership.group_id AS text)",
                " LEFT JOIN membership ON membership.seller = counted.seller"
                " AND membership.days @> counted.day",
            )
    value = f"value_{place}"
    return _Part(
        ("holding",),
        f"{value}.token",
        f" LEFT JOIN ({_VALUES.format(list=f':list_{place}')}) AS {value} USING (holding)",
    )


def _filters(question: Question) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions on what is counted, and their values."""
    found = [
        (question.sellers, "seller = ANY(CAST(:sellers AS text[]))", "sellers"),
        (question.groups, _IN_GROUPS, "groups"),
        (question.attributes, f"attributes && {_keys(ACTIVITY_ATTRIBUTE)}", "activity_attribute"),
        (question.held, _HOLDS, "held"),
        *(
            (numbers, f"{column} = ANY({_keys(name)})", name)
            for numbers, column, name in (
                (question.categories, "category", ACTIVITY_CATEGORY),
                (question.kinds, "kind", ACTIVITY_KIND),
                (question.types, "type", ACTIVITY_TYPE),
            )
        ),
    ]
    asked = [(values, condition, name) for values, condition, name in found if values]
    return [condition for _, condition, _ in asked], {name: list(one) for one, _, name in asked}


def _keys(name: str) -> str:
    """Return the keys of values given by number."""
    return (
        f"ARRAY(SELECT key FROM list_value WHERE list = '{name}' "
        f"AND number = ANY(CAST(:{name} AS int[])))"
    )


_DATE_OF = "CAST(date_trunc('{}', CAST(day AS timestamp)) AS date)"
_COLUMNS: dict[str, str] = {
    **{one: one for one in ("kind", "type", "category", "seller", "day", "attributes", "holding")},
    **{str(one): _DATE_OF.format(one) for one in (Dimension.WEEK, Dimension.MONTH)},
}
_ACTIVITIES = """
    (SELECT day, coalesce(seller, '') AS seller, category, kind, type, attributes, customer_id,
            CASE state WHEN 'done' THEN 1 ELSE 0 END AS done,
            CASE state WHEN 'open' THEN 1 ELSE 0 END AS open
     FROM activity WHERE deleted_at IS NULL)
"""
_SHARED = f"""
    {MEMBERSHIPS}, {COVERS}, {STANDING},
    -- Texts are slow to hash and to compare: a number of 64 bits stands for all that a customer
    -- holds. It is reckoned once for each; without the OFFSET, once for each activity.
    holder AS (
        SELECT customer_id, hash_array_extended(held, 0) AS holding FROM standing OFFSET 0
    ), holding AS (
        SELECT hash_array_extended(held, 0) AS holding, held FROM customer GROUP BY held
    )
"""
_IN_GROUPS = """
    EXISTS (SELECT FROM membership
            WHERE membership.group_id = ANY(CAST(:groups AS uuid[]))
              AND membership.seller = source.seller AND membership.days @> source.day)
"""
_HOLDS = """
    customer_id IN (
        SELECT customer_id FROM standing
        WHERE held && ARRAY(SELECT token FROM covers WHERE above = ANY(CAST(:held AS text[]))))
"""
_VALUES = """
    SELECT DISTINCT holding, covers.above AS token
    FROM holding CROSS JOIN unnest(held) AS one (token) JOIN covers USING (token)
    WHERE split_part(covers.above, '/', 1) = {list}
"""
