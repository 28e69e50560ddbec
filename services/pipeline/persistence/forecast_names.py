"""Statements on what forecasts are about: groups, lists of customers, revenue targets."""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection


async def group_titles(
    connection: AsyncConnection, groups: Collection[str], *, live: bool = False
) -> dict[str, str]:
    """Return the titles of user groups by their id; removed ones too, unless only live ones."""
    result = await connection.execute(
        text(
            "SELECT group_id, title FROM user_group "
            "WHERE group_id = ANY(CAST(CAST(:ids AS text[]) AS uuid[])) "
            "AND (deleted_at IS NULL OR NOT :live)"
        ),
        {"ids": list(groups), "live": live},
    )
    return {str(row.group_id): row.title for row in result}


async def customer_lists(connection: AsyncConnection) -> list[str]:
    """Return the names of the lists of customers that are known here."""
    result = await connection.execute(
        text("SELECT DISTINCT list_name FROM classification WHERE NOT removed ORDER BY list_name")
    )
    return list(result.scalars())


async def find_target(
    connection: AsyncConnection,
    period: str,
    first_day: date,
    *,
    seller: str | None,
    group_id: UUID | None,
) -> Row[Any] | None:
    """Return amount and currency of the target of a seller, of a group, or (neither) of all."""
    result = await connection.execute(
        text(
            """
            SELECT amount, currency FROM revenue_target
            WHERE period = :period AND first_day = :first_day
              AND coalesce(seller, CAST(group_id AS text), '')
                  = coalesce(:seller, CAST(CAST(:group_id AS uuid) AS text), '')
              AND (group_id IS NULL) = (CAST(:group_id AS uuid) IS NULL)
            """
        ),
        {"period": period, "first_day": first_day, "seller": seller, "group_id": group_id},
    )
    return result.one_or_none()
