"""Statements on what is set for a list as a whole."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection


async def list_settings(connection: AsyncConnection) -> dict[str, Row[Any]]:
    """Return version and settings of the lists that ever had a value or a setting, by name."""
    result = await connection.execute(text("SELECT list, version, own_tab FROM list_series"))
    return {row.list: row for row in result}


async def save_list_settings(connection: AsyncConnection, name: str, *, own_tab: bool) -> None:
    """Set how a list, which is held, is laid out."""
    await connection.execute(
        text("UPDATE list_series SET own_tab = :own_tab, version = version + 1 WHERE list = :name"),
        {"name": name, "own_tab": own_tab},
    )
