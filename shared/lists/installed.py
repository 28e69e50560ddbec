"""Statements on what profiles have installed."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def fetch_installed(
    connection: AsyncConnection, origins: Collection[str]
) -> dict[str, int | None]:
    """Return which of these origins were ever installed, with the value's key if it is there."""
    result = await connection.execute(
        text(
            """
            SELECT origin, key FROM installed_value LEFT JOIN list_value USING (value_id)
            WHERE origin = ANY(CAST(:origins AS text[]))
            """
        ),
        {"origins": list(origins)},
    )
    return {row.origin: row.key for row in result}


async def keep_installed(
    connection: AsyncConnection, keys: Mapping[str, int | None], *, now: datetime
) -> None:
    """Remember which value each origin has become, even when it is deleted one day."""
    await connection.execute(
        text(
            """
            INSERT INTO installed_value (origin, value_id, installed_at)
            SELECT origin, value_id, :now
            FROM unnest(CAST(:origins AS text[]), CAST(:keys AS int[])) AS new (origin, key)
            JOIN list_value USING (key)
            """
        ),
        {"origins": list(keys), "keys": list(keys.values()), "now": now},
    )


async def installed_origins(connection: AsyncConnection) -> set[str]:
    """Return the origins of all that was ever installed."""
    return set((await connection.execute(text("SELECT origin FROM installed_value"))).scalars())
