"""Statements of the seller view: what it counts comes from counts, what it lists from indexes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.cards import Card, When
from shared.projection.survivors import survivor_of

# Days are days somewhere; no zone is further from UTC.
ZONE_MARGIN = timedelta(days=1)


async def count_for_cards(
    connection: AsyncConnection,
    seller: str,
    *,
    today: date,
    week: tuple[date, date],
    now: datetime,
) -> Sequence[Row[Any]]:
    """Return category, kind and a count for each `When` of a seller's live activities."""
    result = await connection.execute(
        _COUNT,
        {"seller": seller, "today": today, "monday": week[0], "sunday": week[1], "now": now},
    )
    return result.all()


async def find_on_card(
    connection: AsyncConnection,
    seller: str,
    card: Card | None,
    when: When,
    *,
    days: tuple[date, date] | None,
    now: datetime,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """
    Return a seller's activities on a card, or all, behind a place in their order.

    What is open goes by due time, the most urgent first, all else by start, the newest first;
    `days` are the first and the last to look at. Who stands for the customer is shown in its place.
    """
    conditions = ["deleted_at IS NULL", "seller = :seller"]
    values: dict[str, Any] = {"seller": seller, "limit": limit}
    column, sign, order = ("due_at", ">", "ASC") if when.is_due else ("starts_at", "<", "DESC")
    if when.is_due:
        conditions.append("state = 'open'")
    if when is When.OVERDUE:
        conditions.append("due_at < :now")
        values["now"] = now
    if card is not None and card.categories:
        conditions.append("category = ANY(CAST(:categories AS int[]))")
        values["categories"] = sorted(card.categories)
    if card is not None and card.kind is not None:
        conditions.append("kind = :kind")
        values["kind"] = card.kind
    if days is not None:
        conditions.append("day BETWEEN :since AND :until")
        conditions.append("starts_at BETWEEN :earliest AND :latest")
        values |= {"since": days[0], "until": days[1], **_around(days)}
    if after is not None:
        conditions.append(f"({column}, activity_id) {sign} (:after, CAST(:after_id AS uuid))")
        values |= {"after": after[0], "after_id": after[1]}
    result = await connection.execute(
        text(
            f"""
            SELECT activity.activity_id, activity.version, activity.state, activity.starts_at,
                   activity.ends_at, activity.due_at, activity.channel, activity.direction,
                   activity.subject, category.number AS category, kind.number AS kind,
                   type.number AS type, survivor.customer_id, survivor.number AS customer_number,
                   survivor.name AS customer_name
            FROM (SELECT activity_id FROM activity WHERE {" AND ".join(conditions)}
                  ORDER BY {column} {order}, activity_id {order} LIMIT :limit) AS found
            JOIN activity USING (activity_id)
            JOIN list_value AS category ON category.key = activity.category
            JOIN list_value AS kind ON kind.key = activity.kind
            JOIN list_value AS type ON type.key = activity.type
            JOIN customer USING (customer_id)
            JOIN customer AS survivor ON survivor.customer_id = {survivor_of("customer")}
            ORDER BY activity.{column} {order}, activity.activity_id {order}
            """
        ),
        values,
    )
    return result.all()


def _around(days: tuple[date, date]) -> dict[str, datetime]:
    """Return moments around days, so that the index finds them; the days themselves decide."""
    first, last = (datetime.combine(day, time.min, tzinfo=UTC) for day in days)
    return {"earliest": first - ZONE_MARGIN, "latest": last + 2 * ZONE_MARGIN}


_COUNT = text(
    """
    SELECT category, kind, CAST(sum("all") AS int) AS "all", CAST(sum(today) AS int) AS today,
           CAST(sum(week) AS int) AS week, CAST(sum(open) AS int) AS open,
           CAST(sum(overdue) AS int) AS overdue
    FROM (SELECT category, kind, sum(done + open) AS "all",
                 coalesce(sum(done + open) FILTER (WHERE day = :today), 0) AS today,
                 coalesce(sum(done + open) FILTER (WHERE day BETWEEN :monday AND :sunday), 0)
                     AS week,
                 sum(open) AS open, 0 AS overdue
          FROM activity_count WHERE seller = :seller GROUP BY category, kind
          UNION ALL
          SELECT category, kind, 0, 0, 0, 0, count(*)
          FROM activity WHERE seller = :seller AND deleted_at IS NULL AND state = 'open'
                          AND due_at < :now
          GROUP BY category, kind) AS counted
    GROUP BY category, kind
    """
)
