"""Statements on revenue targets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.periods import Period
from services.pipeline.domain.revenue_targets import Span, TargetSubject

_COLUMNS = (
    "target_id, version, seller, group_id, period, first_day, amount, currency, created_at, "
    "updated_at"
)


async def find_target(
    connection: AsyncConnection, target_id: UUID, *, lock: bool = False
) -> Row[Any] | None:
    """Return one target, locked if asked; None if there is none."""
    mode = "FOR UPDATE" if lock else ""
    result = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM revenue_target WHERE target_id = :id {mode}"),
        {"id": target_id},
    )
    return result.one_or_none()


async def list_targets(
    connection: AsyncConnection,
    *,
    subject: TargetSubject,
    of_all: bool,
    period: Period | None,
    span: Span | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return targets behind an id, narrowed by what is given; `of_all` leaves those of all."""
    result = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM revenue_target
            WHERE (CAST(:after AS uuid) IS NULL OR target_id > :after)
              AND (CAST(:seller AS text) IS NULL OR seller = :seller)
              AND (CAST(:group AS uuid) IS NULL OR group_id = :group)
              AND (NOT :of_all OR (seller IS NULL AND group_id IS NULL))
              AND (CAST(:period AS text) IS NULL OR period = :period)
              AND (CAST(:first_day AS date) IS NULL OR first_day = :first_day)
            ORDER BY target_id LIMIT :limit
            """
        ),
        {
            "after": after,
            "seller": subject.seller,
            "group": subject.group_id,
            "of_all": of_all,
            "period": period if span is None else span.period,
            "first_day": None if span is None else span.first_day,
            "limit": limit,
        },
    )
    return result.all()


async def insert_target(
    connection: AsyncConnection,
    target_id: UUID,
    subject: TargetSubject,
    span: Span,
    *,
    amount: int,
    currency: str,
    now: datetime,
) -> bool:
    """Add a target; return whether there was none of the same subject and period."""
    result = await connection.execute(
        text(
            """
            INSERT INTO revenue_target (target_id, version, seller, group_id, period, first_day,
                                        amount, currency, created_at, updated_at)
            VALUES (:id, 1, :seller, :group, :period, :first_day, :amount, :currency, :now, :now)
            ON CONFLICT DO NOTHING
            """
        ),
        {
            "id": target_id,
            "seller": subject.seller,
            "group": subject.group_id,
            "period": span.period,
            "first_day": span.first_day,
            "amount": amount,
            "currency": currency,
            "now": now,
        },
    )
    return result.rowcount > 0


async def set_amount(
    connection: AsyncConnection, target_id: UUID, *, amount: int, currency: str, now: datetime
) -> None:
    """Want another amount."""
    await connection.execute(
        text(
            "UPDATE revenue_target SET amount = :amount, currency = :currency, "
            "version = version + 1, updated_at = :now WHERE target_id = :id"
        ),
        {"id": target_id, "amount": amount, "currency": currency, "now": now},
    )


async def remove_target(connection: AsyncConnection, target_id: UUID) -> None:
    """Take a target back as if it had never been set."""
    await connection.execute(
        text("DELETE FROM revenue_target WHERE target_id = :id"), {"id": target_id}
    )
