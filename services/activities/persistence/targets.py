"""Statements on targets and on the exceptions from them."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.periods import Period
from services.activities.persistence.progress import Subject

_SUBJECT = "coalesce(seller, CAST(group_id AS text))"
# `replaced_on` is when the next one begins, None while there is none.
_TARGET = """
    target.target_id, target.version, target.seller, target.group_id, target.category,
    (SELECT number FROM list_value WHERE key = target.category) AS category_number,
    target.period, target.first_day, target.wanted, target.created_at, target.updated_at,
    (SELECT min(later.first_day) FROM target AS later
     WHERE coalesce(later.seller, CAST(later.group_id AS text))
               = coalesce(target.seller, CAST(target.group_id AS text))
       AND later.category = target.category AND later.period = target.period
       AND later.first_day > target.first_day) AS replaced_on
"""
_EXCEPTION = (
    "exception_id, version, seller, group_id, period, first_day, percent, reason, created_at"
)


async def find_target(
    connection: AsyncConnection, target_id: UUID, *, lock: bool = False
) -> Row[Any] | None:
    """Return one target, locked if asked; None if there is none."""
    mode = "FOR UPDATE OF target" if lock else ""
    result = await connection.execute(
        text(f"SELECT {_TARGET} FROM target WHERE target_id = :id {mode}"), {"id": target_id}
    )
    return result.one_or_none()


async def list_targets(
    connection: AsyncConnection,
    *,
    subject: Subject | None,
    category: int | None,
    period: Period | None,
    day: date | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return targets behind an id; with a day, only those that hold on it."""
    mine = "" if subject is None else f"AND {_SUBJECT} = :subject"
    result = await connection.execute(
        text(
            f"""
            SELECT target_id, version, seller, group_id, category, category_number, period,
                   first_day, wanted, created_at, updated_at, replaced_on
            FROM (
                SELECT {_TARGET} FROM target
                WHERE (CAST(:after AS uuid) IS NULL OR target_id > :after) {mine}
                  AND (CAST(:category AS int) IS NULL OR category
                       = (SELECT key FROM list_value
                          WHERE list = 'activity_category' AND number = :category))
                  AND (CAST(:period AS text) IS NULL OR period = :period)) AS target
            WHERE CAST(:day AS date) IS NULL
               OR (first_day <= :day AND (replaced_on IS NULL OR replaced_on > :day))
            ORDER BY target_id LIMIT :limit
            """
        ),
        {
            "after": after,
            "category": category,
            "period": period,
            "day": day,
            "limit": limit,
            **({} if subject is None else {"subject": subject.key}),
        },
    )
    return result.all()


async def insert_target(
    connection: AsyncConnection,
    target_id: UUID,
    subject: Subject,
    *,
    category: int,
    period: Period,
    first_day: date,
    wanted: int,
    now: datetime,
) -> bool:
    """Add a target; return whether there was none that begins with that period."""
    result = await connection.execute(
        text(
            """
            INSERT INTO target (target_id, version, seller, group_id, category, period, first_day,
                                wanted, created_at, updated_at)
            VALUES (:id, 1, :seller, :group_id, :category, :period, :first_day, :wanted, :now, :now)
            ON CONFLICT DO NOTHING
            """
        ),
        {
            "id": target_id,
            "seller": subject.seller,
            "group_id": subject.group_id,
            "category": category,
            "period": period,
            "first_day": first_day,
            "wanted": wanted,
            "now": now,
        },
    )
    return result.rowcount > 0


async def copy_targets(
    connection: AsyncConnection,
    target_ids: Sequence[UUID],
    sellers: Collection[str],
    copies: Sequence[UUID],
    *,
    first_day: date,
    now: datetime,
) -> list[UUID]:
    """Give sellers these targets from a day on, instead of what begins there; return theirs.

    `copies` are ids for them, one for each target and seller.
    """
    result = await connection.execute(
        text(
            """
            INSERT INTO target (target_id, version, seller, category, period, first_day, wanted,
                                created_at, updated_at)
            SELECT (CAST(:copies AS uuid[]))[row_number() OVER ()], 1, given.seller,
                   target.category, target.period, :first_day, target.wanted, :now, :now
            FROM target CROSS JOIN unnest(CAST(:sellers AS text[])) AS given (seller)
            WHERE target.target_id = ANY(CAST(:ids AS uuid[]))
            ON CONFLICT (coalesce(seller, CAST(group_id AS text)), category, period, first_day)
            DO UPDATE SET wanted = EXCLUDED.wanted, version = target.version + 1,
                          updated_at = EXCLUDED.updated_at
            RETURNING target_id
            """
        ),
        {
            "ids": list(target_ids),
            "sellers": list(sellers),
            "copies": list(copies),
            "first_day": first_day,
            "now": now,
        },
    )
    return list(result.scalars())


async def set_wanted(
    connection: AsyncConnection, target_ids: Collection[UUID], wanted: int, *, now: datetime
) -> None:
    """Want another number of pieces."""
    await connection.execute(
        text(
            "UPDATE target SET wanted = :wanted, version = version + 1, updated_at = :now "
            "WHERE target_id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": list(target_ids), "wanted": wanted, "now": now},
    )


async def remove_targets(connection: AsyncConnection, target_ids: Collection[UUID]) -> None:
    """Delete targets, and what was told of them."""
    await connection.execute(
        text("DELETE FROM target WHERE target_id = ANY(CAST(:ids AS uuid[]))"),
        {"ids": list(target_ids)},
    )


async def alike(connection: AsyncConnection, target_ids: Collection[UUID]) -> list[UUID]:
    """Return all targets of the same subject, category and kind of period as one of these."""
    result = await connection.execute(
        text(
            """
            SELECT DISTINCT other.target_id FROM target
            JOIN target AS other
              ON coalesce(other.seller, CAST(other.group_id AS text))
                     = coalesce(target.seller, CAST(target.group_id AS text))
             AND other.category = target.category AND other.period = target.period
            WHERE target.target_id = ANY(CAST(:ids AS uuid[]))
            """
        ),
        {"ids": list(target_ids)},
    )
    return list(result.scalars())


async def targets_in(connection: AsyncConnection, category: int) -> list[UUID]:
    """Return the targets of a category."""
    result = await connection.execute(
        text("SELECT target_id FROM target WHERE category = :category"), {"category": category}
    )
    return list(result.scalars())


async def without_heir(connection: AsyncConnection, category: int, heir: int) -> list[UUID]:
    """Return the targets of a category whose subject has none in the heir for such periods."""
    result = await connection.execute(
        text(
            """
            SELECT target_id FROM target WHERE category = :category AND NOT EXISTS (
                SELECT FROM target AS other
                WHERE coalesce(other.seller, CAST(other.group_id AS text))
                          = coalesce(target.seller, CAST(target.group_id AS text))
                  AND other.category = :heir AND other.period = target.period)
            """
        ),
        {"category": category, "heir": heir},
    )
    return list(result.scalars())


async def set_category(
    connection: AsyncConnection, target_ids: Collection[UUID], category: int, *, now: datetime
) -> None:
    """Let targets be of another category."""
    await connection.execute(
        text(
            """
            UPDATE target SET category = :category, version = version + 1, updated_at = :now
            WHERE target_id = ANY(CAST(:ids AS uuid[]))
            """
        ),
        {"ids": list(target_ids), "category": category, "now": now},
    )


async def group_is_known(connection: AsyncConnection, group_id: UUID) -> bool:
    """Tell whether there is such a user group."""
    result = await connection.execute(
        text("SELECT true FROM user_group WHERE group_id = :id AND NOT removed"), {"id": group_id}
    )
    return result.one_or_none() is not None


async def find_exception(connection: AsyncConnection, exception_id: UUID) -> Row[Any] | None:
    """Return one exception, or None."""
    result = await connection.execute(
        text(f"SELECT {_EXCEPTION} FROM target_exception WHERE exception_id = :id"),
        {"id": exception_id},
    )
    return result.one_or_none()


async def list_exceptions(
    connection: AsyncConnection, *, period: Period | None, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return exceptions behind an id."""
    result = await connection.execute(
        text(
            f"""
            SELECT {_EXCEPTION} FROM target_exception
            WHERE (CAST(:after AS uuid) IS NULL OR exception_id > :after)
              AND (CAST(:period AS text) IS NULL OR period = :period)
            ORDER BY exception_id LIMIT :limit
            """
        ),
        {"after": after, "period": period, "limit": limit},
    )
    return result.all()


async def insert_exception(
    connection: AsyncConnection,
    exception_id: UUID,
    subject: Subject,
    *,
    period: Period,
    first_day: date,
    percent: int,
    reason: str,
    now: datetime,
) -> bool:
    """Add an exception; return whether there was none for that subject and period."""
    result = await connection.execute(
        text(
            """
            INSERT INTO target_exception (exception_id, version, seller, group_id, period,
                                          first_day, percent, reason, created_at, updated_at)
            VALUES (:id, 1, :seller, :group_id, :period, :first_day, :percent, :reason, :now, :now)
            ON CONFLICT DO NOTHING
            """
        ),
        {
            "id": exception_id,
            "seller": subject.seller,
            "group_id": subject.group_id,
            "period": period,
            "first_day": first_day,
            "percent": percent,
            "reason": reason,
            "now": now,
        },
    )
    return result.rowcount > 0


async def remove_exception(connection: AsyncConnection, exception_id: UUID) -> None:
    """Delete an exception."""
    await connection.execute(
        text("DELETE FROM target_exception WHERE exception_id = :id"), {"id": exception_id}
    )
