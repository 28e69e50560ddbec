"""Statements on customers with whom there was no contact for some time, or never.

Each walks an index from the place where the page before ended. What was merged is shown as who
stands for it now, at its latest contact.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.projection.survivors import one_merged_into, survivor_of

ANYBODY = ""


async def find_lapsed(
    connection: AsyncConnection,
    seller: str,
    *,
    before: date,
    today: date,
    after: tuple[date, UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return customers whose last contact lies before a day, the longest ago first.

    `contacted` is the one of the merged who had it; with `day` it is the place in the order.
    """
    statement, place = (_LAPSED, {}) if after is None else (_LAPSED_AFTER, _place(after))
    result = await connection.execute(
        statement, {"seller": seller, "before": before, "today": today, "limit": limit, **place}
    )
    return result.all()


async def find_never_contacted(
    connection: AsyncConnection, seller: str, *, today: date, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return customers with whom there was no contact ever, in the order of ids."""
    statement, place = (_NEVER, {}) if after is None else (_NEVER_AFTER, {"after": after})
    result = await connection.execute(
        statement, {"seller": seller, "today": today, "limit": limit, **place}
    )
    return result.all()


def _place(after: tuple[date, UUID]) -> dict[str, Any]:
    return {"after": after[0], "after_id": after[1]}


_IS_THERE = "NOT {0}.deleted AND ({0}.ended_on IS NULL OR {0}.ended_on > :today)"
_LATER = """
    EXISTS (SELECT FROM last_contact AS later
            WHERE later.seller = :seller AND later.customer_id = {}
              AND (later.day, later.customer_id) > (last.day, last.customer_id))
"""


def _lapsed(place: str) -> str:
    # LIMIT 1 in the LATERAL: one by one in the order of the index, as far as the page; the planner
    # would rather read all customers, and sort.
    return f"""
        SELECT found.customer_id, found.number, found.name, last.day,
               last.customer_id AS contacted
        FROM last_contact AS last
        CROSS JOIN LATERAL (
            SELECT survivor.customer_id, survivor.number, survivor.name
            FROM customer AS contacted
            JOIN customer AS survivor ON survivor.customer_id = {survivor_of("contacted")}
            WHERE contacted.customer_id = last.customer_id
              AND {_IS_THERE.format("survivor")}
              AND NOT ({_LATER.format("survivor.customer_id")})
              AND NOT {one_merged_into("survivor", _LATER.format("below.customer_id"))}
            LIMIT 1) AS found
        WHERE last.seller = :seller AND last.day < :before {place}
        ORDER BY last.day, last.customer_id LIMIT :limit
    """


def _never(place: str) -> str:
    had_some = """
        EXISTS (SELECT FROM last_contact AS last
                WHERE last.seller = :seller AND last.customer_id = {} AND last.day IS NOT NULL)
    """
    return f"""
        SELECT customer.customer_id, customer.number, customer.name, CAST(NULL AS date) AS day,
               customer.customer_id AS contacted
        FROM customer
        WHERE {_IS_THERE.format("customer")} {place}
          AND NOT {had_some.format("customer.customer_id")}
          AND NOT {one_merged_into("customer", had_some.format("below.customer_id"))}
        ORDER BY customer.customer_id LIMIT :limit
    """


_LAPSED = text(_lapsed(""))
_LAPSED_AFTER = text(
    _lapsed("AND (last.day, last.customer_id) > (:after, CAST(:after_id AS uuid))")
)
_NEVER = text(_never(""))
_NEVER_AFTER = text(_never("AND customer.customer_id > CAST(:after AS uuid)"))
