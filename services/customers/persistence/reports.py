"""Statements of the reports. Each reads what it reports on once, whatever the number of lines."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection


async def find_statuses(
    connection: AsyncConnection, statuses: Sequence[int], groups: Sequence[int]
) -> list[int]:
    """Return the keys of these statuses and of those in these status groups."""
    result = await connection.execute(
        _STATUSES, {"statuses": list(statuses), "groups": list(groups)}
    )
    return list(result.scalars())


async def count_by(
    connection: AsyncConnection, first: str, second: str | None, *, among: Sequence[int] | None
) -> Sequence[Row[Any]]:
    """
    Count live customers by the values of one list, or by pairs of values of two.

    Here as in the other reports, `among` are the keys of the statuses to restrict the set to.
    """
    values: dict[str, Any] = {"first": first, "among": among}
    if second is not None:
        values["second"] = second
    result = await connection.execute(_BY_ONE if second is None else _BY_TWO, values)
    return result.all()


async def count_endings(
    connection: AsyncConnection,
    since: date | None,
    until: date | None,
    *,
    among: Sequence[int] | None,
) -> Sequence[Row[Any]]:
    """Count ended customers by month and reason; without a reason, by their status (VF-A1)."""
    values = {"since": since, "until": until, "among": among}
    result = await connection.execute(_ENDINGS, values)
    return result.all()


async def sum_turnover(
    connection: AsyncConnection,
    name: str,
    since: date | None,
    until: date | None,
    *,
    among: Sequence[int] | None,
) -> Sequence[Row[Any]]:
    """Sum invoices minus credit notes by value and currency; a tree's values with their subtree."""
    values = {"list": name, "since": since, "until": until, "among": among}
    result = await connection.execute(_TURNOVER, values)
    return result.all()


_STATUSES = text(
    """
    SELECT key FROM list_value WHERE list = 'customer_status' AND number = ANY(:statuses)
    UNION
    SELECT unnest(members) FROM list_value WHERE list = 'status_group' AND number = ANY(:groups)
    """
)
_AMONG = """(CAST(:among AS int[]) IS NULL
             OR customer.classifications && CAST(:among AS int[]))"""
_BY_ONE = text(
    f"""
    SELECT value.number AS first, CAST(NULL AS int) AS second, count(*) AS customers
    FROM customer
    LEFT JOIN list_value AS value ON value.list = :first
                                 AND value.key = ANY(customer.classifications)
    WHERE customer.deleted_at IS NULL AND {_AMONG}
    GROUP BY value.number ORDER BY value.number NULLS LAST
    """
)
_BY_TWO = text(
    f"""
    SELECT one.number AS first, other.number AS second, count(*) AS customers
    FROM customer
    LEFT JOIN list_value AS one ON one.list = :first
                               AND one.key = ANY(customer.classifications)
    LEFT JOIN list_value AS other ON other.list = :second
                                 AND other.key = ANY(customer.classifications)
    WHERE customer.deleted_at IS NULL AND {_AMONG}
    GROUP BY one.number, other.number
    ORDER BY one.number NULLS LAST, other.number NULLS LAST
    """
)
_ENDINGS = text(
    f"""
    SELECT CAST(date_trunc('month', ended_on) AS date) AS month, reason.number AS reason,
           CASE WHEN reason.key IS NULL THEN status.number END AS status, count(*) AS customers
    FROM customer
    LEFT JOIN list_value AS reason ON reason.list = 'end_reason'
                                  AND reason.key = ANY(customer.classifications)
    LEFT JOIN list_value AS status ON status.list = 'customer_status'
                                  AND status.key = ANY(customer.classifications)
    WHERE customer.deleted_at IS NULL AND ended_on IS NOT NULL AND {_AMONG}
      AND (CAST(:since AS date) IS NULL OR ended_on >= :since)
      AND (CAST(:until AS date) IS NULL OR ended_on <= :until)
    GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC, 2, 3
    """
)
# A customer in two groups of one subtree counts once in their common ancestor: hence the distinct.
_TURNOVER = text(
    f"""
    WITH RECURSIVE covers (above, key) AS (
        SELECT key, key FROM list_value WHERE list = :list
        UNION
        SELECT covers.above, below.key
        FROM covers JOIN list_value AS below ON below.parent = covers.key AND below.list = :list
    ), member AS (
        SELECT DISTINCT covers.above, customer.customer_id
        FROM customer CROSS JOIN LATERAL unnest(customer.classifications) AS held (key)
        JOIN covers ON covers.key = held.key
        WHERE customer.deleted_at IS NULL AND {_AMONG}
    ), earned AS (
        SELECT customer_id, currency, count(*) FILTER (WHERE kind = 'invoice') AS invoices,
               sum(CASE kind WHEN 'credit_note' THEN -abs(net_amount) ELSE net_amount END)
                   AS turnover,
               sum(CASE kind WHEN 'credit_note' THEN -abs(margin) ELSE margin END) AS margin
        FROM erp_document
        WHERE kind IN ('invoice', 'credit_note') AND NOT voided
          AND (CAST(:since AS date) IS NULL OR document_date >= :since)
          AND (CAST(:until AS date) IS NULL OR document_date <= :until)
        GROUP BY customer_id, currency
    )
    SELECT value.number, value.title, earned.currency, count(*) AS customers,
           sum(earned.invoices) AS invoices, sum(earned.turnover) AS turnover,
           sum(earned.margin) AS margin
    FROM member JOIN earned USING (customer_id)
    JOIN list_value AS value ON value.key = member.above
    GROUP BY value.number, value.title, earned.currency
    ORDER BY turnover DESC, value.number
    """
)
