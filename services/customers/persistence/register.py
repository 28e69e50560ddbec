"""Statements on settings and the consent counter."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def fetch_settings(
    connection: AsyncConnection, *, lock: bool = False
) -> dict[str, int | None]:
    """Return all settings by name; with `lock`, hold them as they are until the commit."""
    mode = "FOR SHARE" if lock else ""
    result = await connection.execute(text(f"SELECT name, value FROM setting {mode}"))
    return {row.name: row.value for row in result}


async def setting_version(connection: AsyncConnection, name: str) -> int:
    """Lock a setting against other changes and return its version."""
    result = await connection.execute(
        text("SELECT version FROM setting WHERE name = :name FOR UPDATE"), {"name": name}
    )
    return int(result.scalar_one())


async def set_setting(connection: AsyncConnection, name: str, value: int | None) -> int:
    """Set a setting and return its new version."""
    result = await connection.execute(
        text(
            "UPDATE setting SET value = :value, version = version + 1 WHERE name = :name "
            "RETURNING version"
        ),
        {"name": name, "value": value},
    )
    return int(result.scalar_one())


async def fill_settings(connection: AsyncConnection, values: Mapping[str, int]) -> None:
    """Give settings that have no value one."""
    await connection.execute(
        text(
            """
            UPDATE setting SET value = given.value, version = version + 1
            FROM unnest(CAST(:names AS text[]), CAST(:values AS int[])) AS given (name, value)
            WHERE setting.name = given.name AND setting.value IS NULL
            """
        ),
        {"names": list(values), "values": list(values.values())},
    )


async def take_consent_numbers(connection: AsyncConnection, count: int) -> int:
    """Return the first of `count` consecutive consent numbers; a rollback leaves no gap."""
    result = await connection.execute(
        text("UPDATE consent_counter SET seq = seq + :count RETURNING seq"), {"count": count}
    )
    return int(result.scalar_one()) - count + 1


async def consent_seq(connection: AsyncConnection) -> int:
    """Return the number of the latest committed change of bans."""
    return int((await connection.execute(text("SELECT seq FROM consent_counter"))).scalar_one())


async def raise_consent_seq(connection: AsyncConnection, least: int) -> int:
    """Let consent numbers go on above `least`; return the number of the latest change of bans."""
    result = await connection.execute(
        text("UPDATE consent_counter SET seq = greatest(seq, :least) RETURNING seq"),
        {"least": least},
    )
    return int(result.scalar_one())
