"""Statements on settings, contact attributes and the consent counter."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
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


async def list_attributes(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Return all contact attributes with their group, by number."""
    result = await connection.execute(
        text(
            "SELECT attribute_id, version, number, title, group_id FROM contact_attribute "
            "ORDER BY number"
        )
    )
    return result.all()


async def known_attributes(connection: AsyncConnection) -> set[int]:
    """Return the numbers of all contact attributes."""
    result = await connection.execute(text("SELECT number FROM contact_attribute"))
    return set(result.scalars())


async def insert_attribute(
    connection: AsyncConnection,
    attribute_id: UUID,
    *,
    number: int | None,
    title: str,
    group_id: UUID | None,
) -> Row[Any] | None:
    """Add a contact attribute under a number, or the next free one; None if the number is taken."""
    result = await connection.execute(
        text(
            """
            INSERT INTO contact_attribute (attribute_id, version, number, title, group_id)
            SELECT :id, 1, coalesce(CAST(:number AS int), (
                       SELECT min(free.number)
                       FROM (SELECT 1 UNION ALL
                             SELECT number + 1 FROM contact_attribute WHERE number < 2147483647
                            ) AS free (number)
                       WHERE NOT EXISTS (SELECT FROM contact_attribute AS taken
                                         WHERE taken.number = free.number))),
                   :title, :group_id
            ON CONFLICT (number) DO NOTHING
            RETURNING attribute_id, version, number, title, group_id
            """
        ),
        {"id": attribute_id, "number": number, "title": title, "group_id": group_id},
    )
    return result.one_or_none()


async def list_groups(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Return all contact groups by title."""
    result = await connection.execute(
        text("SELECT group_id, version, title FROM contact_group ORDER BY title")
    )
    return result.all()


async def insert_group(connection: AsyncConnection, group_id: UUID, title: str) -> bool:
    """Add a contact group; return False if there is one of that title."""
    result = await connection.execute(
        text(
            "INSERT INTO contact_group (group_id, version, title) VALUES (:id, 1, :title) "
            "ON CONFLICT (title) DO NOTHING"
        ),
        {"id": group_id, "title": title},
    )
    return result.rowcount == 1


async def group_exists(connection: AsyncConnection, group_id: UUID) -> bool:
    """Tell whether there is a contact group of that id."""
    result = await connection.execute(
        text("SELECT 1 FROM contact_group WHERE group_id = :id FOR KEY SHARE"), {"id": group_id}
    )
    return result.one_or_none() is not None
