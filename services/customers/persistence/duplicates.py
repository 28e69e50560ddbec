"""
Statements that find records with equal keys: an index in the order of the keys is walked once, and
only as far as the page needs; the worst case, no duplicates at all, is one walk per rule.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.duplicates import Reason, Rule
from services.customers.persistence.tables import ID_OF

SHOWN = 20
_NAMES = {
    "customer": "number, name, business_id, email, phone",
    "contact": "first_name, last_name, email, mobile",
}


def _candidates(rule: Rule) -> str:
    """Return who is compared: for a business id deleted ones as well, since they own none."""
    lives = "merged_into IS NULL" if rule.reason is Reason.BUSINESS_ID else "deleted_at IS NULL"
    return " AND ".join([lives, *(f"{column} IS NOT NULL" for column in rule.columns)])


async def shared_keys(
    connection: AsyncConnection,
    record: str,
    rule: Rule,
    *,
    after: Sequence[str] | None,
    limit: int,
) -> list[tuple[str, ...]]:
    """Return the keys behind `after` that more than one record has, in their order."""
    columns = ", ".join(rule.columns)
    names = ", ".join(f":after{place}" for place in range(len(rule.columns)))
    behind = "" if after is None else f"AND ({columns}) > ({names})"
    result = await connection.execute(
        text(
            f"""
            SELECT {columns} FROM {record} WHERE {_candidates(rule)} {behind}
            GROUP BY {columns} HAVING count(*) > 1 ORDER BY {columns} LIMIT :limit
            """
        ),
        {"limit": limit, **{f"after{place}": key for place, key in enumerate(after or ())}},
    )
    return [tuple(row) for row in result]


async def holders(
    connection: AsyncConnection, record: str, rule: Rule, keys: Collection[tuple[str, ...]]
) -> dict[tuple[str, ...], list[Row[Any]]]:
    """Return the first records that have each of these keys, with how many there are."""
    columns = ", ".join(rule.columns)
    arrays = ", ".join(f"CAST(:keys{place} AS text[])" for place in range(len(rule.columns)))
    result = await connection.execute(
        text(
            f"""
            SELECT id, {_NAMES[record]}, version, deleted, key, agreeing FROM (
                SELECT {ID_OF[record]} AS id, {_NAMES[record]}, version,
                       deleted_at IS NOT NULL AS deleted, ARRAY[{columns}] AS key,
                       count(*) OVER (PARTITION BY {columns}) AS agreeing,
                       row_number() OVER (PARTITION BY {columns}
                                          ORDER BY deleted_at IS NOT NULL, {ID_OF[record]}) AS place
                FROM {record} JOIN unnest({arrays}) AS wanted ({columns}) USING ({columns})
                WHERE {_candidates(rule)}) AS holder
            WHERE place <= :shown ORDER BY key, place
            """
        ),
        {
            "shown": SHOWN,
            **{f"keys{place}": [key[place] for key in keys] for place in range(len(rule.columns))},
        },
    )
    found: dict[tuple[str, ...], list[Row[Any]]] = {}
    for row in result:
        found.setdefault(tuple(row.key), []).append(row)
    return found


async def keys_of(
    connection: AsyncConnection, record: str, record_id: UUID, rules: Sequence[Rule]
) -> Row[Any] | None:
    """Return by what a record would be found, by the names of the columns; None if unknown."""
    columns = ", ".join({column for rule in rules for column in rule.columns})
    result = await connection.execute(
        text(f"SELECT {columns} FROM {record} WHERE {ID_OF[record]} = :id"), {"id": record_id}
    )
    return result.one_or_none()


async def addresses_of(
    connection: AsyncConnection, customer_ids: Collection[UUID]
) -> dict[UUID, set[str]]:
    """Return the folded postal addresses of customers and of their live contacts."""
    result = await connection.execute(
        text(
            """
            SELECT DISTINCT customer_id,
                   folded_name(postal_code) || '|' || folded_name(street) AS address
            FROM (SELECT customer_id, postal_code, street FROM customer
                  WHERE customer_id = ANY(CAST(:ids AS uuid[]))
                  UNION ALL
                  SELECT place.customer_id, contact.postal_code, contact.street
                  FROM contact_customer AS place JOIN contact USING (contact_id)
                  WHERE place.customer_id = ANY(CAST(:ids AS uuid[]))
                    AND contact.deleted_at IS NULL) AS known
            WHERE postal_code IS NOT NULL AND street IS NOT NULL
            """
        ),
        {"ids": list(customer_ids)},
    )
    found: dict[UUID, set[str]] = {}
    for row in result:
        if row.address is not None:
            found.setdefault(row.customer_id, set()).add(row.address)
    return found


async def dismiss(
    connection: AsyncConnection, record: str, one: UUID, other: UUID, *, now: datetime
) -> None:
    """Remember that two records are different; who said so first stays."""
    await connection.execute(
        text(
            """
            INSERT INTO dismissed_duplicate (record, one, other, at, actor)
            VALUES (:record, least(CAST(:one AS uuid), :other),
                    greatest(CAST(:one AS uuid), :other), :now,
                    nullif(current_setting('suhde.actor', true), ''))
            ON CONFLICT DO NOTHING
            """
        ),
        {"record": record, "one": one, "other": other, "now": now},
    )


async def dismissed(
    connection: AsyncConnection, record: str, ids: Collection[UUID]
) -> set[frozenset[UUID]]:
    """Return the pairs among these records that are known to be different."""
    result = await connection.execute(
        text(
            "SELECT one, other FROM dismissed_duplicate WHERE record = :record "
            "AND one = ANY(CAST(:ids AS uuid[])) AND other = ANY(CAST(:ids AS uuid[]))"
        ),
        {"record": record, "ids": list(ids)},
    )
    return {frozenset((row.one, row.other)) for row in result}


async def dismissal(connection: AsyncConnection, record: str, one: UUID, other: UUID) -> Row[Any]:
    """Return who said of a pair that it is none, and when."""
    result = await connection.execute(
        text(
            "SELECT one, other, at, actor FROM dismissed_duplicate WHERE record = :record "
            "AND one = least(CAST(:one AS uuid), :other) "
            "AND other = greatest(CAST(:one AS uuid), :other)"
        ),
        {"record": record, "one": one, "other": other},
    )
    return result.one()
