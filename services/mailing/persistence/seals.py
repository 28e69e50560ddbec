"""Tokens that stand for members of an audience: kept as hashes, good once, and not for ever."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

OUTDATED = """
    DELETE FROM seal WHERE token_hash IN (
        SELECT token_hash FROM seal WHERE expires_at < :before LIMIT :chunk)
"""
"""For the housekeeper: seals that expired long ago."""


async def unsealed(
    connection: AsyncConnection, audience_id: UUID, *, now: datetime, limit: int
) -> list[UUID]:
    """Return members who are to be handed off and for whom no token stands now."""
    result = await connection.execute(
        _UNSEALED, {"audience_id": audience_id, "now": now, "limit": limit}
    )
    return list(result.scalars())


async def add(
    connection: AsyncConnection,
    audience_id: UUID,
    sealed: Mapping[bytes, UUID],
    *,
    expires_at: datetime,
) -> None:
    """Keep which contact each hash stands for."""
    await connection.execute(
        _ADD,
        {
            "audience_id": audience_id,
            "hashes": list(sealed),
            "contacts": list(sealed.values()),
            "expires_at": expires_at,
        },
    )


async def valid(
    connection: AsyncConnection, audience_id: UUID, hashes: Collection[bytes], *, now: datetime
) -> dict[bytes, UUID]:
    """Return whom those of these stand for that are neither used nor expired."""
    result = await connection.execute(
        _VALID, {"audience_id": audience_id, "hashes": list(hashes), "now": now}
    )
    return {bytes(row.token_hash): row.contact_id for row in result}


async def use(connection: AsyncConnection, hashes: Collection[bytes], *, now: datetime) -> None:
    """Let these be good no more."""
    await connection.execute(_USE, {"hashes": list(hashes), "now": now})


async def used(
    connection: AsyncConnection, audience_id: UUID, hashes: Collection[bytes]
) -> dict[bytes, UUID]:
    """Return whom those of these stood for that were used."""
    result = await connection.execute(_USED, {"audience_id": audience_id, "hashes": list(hashes)})
    return {bytes(row.token_hash): row.contact_id for row in result}


_UNSEALED = text(
    """
    SELECT member.contact_id FROM audience_member AS member
    WHERE member.audience_id = :audience_id AND member.left_at IS NULL AND NOT member.released
      AND NOT EXISTS (SELECT FROM seal
                      WHERE seal.audience_id = member.audience_id
                        AND seal.contact_id = member.contact_id
                        AND seal.used_at IS NULL AND seal.expires_at > :now)
    ORDER BY member.contact_id LIMIT :limit
    """
)
_ADD = text(
    """
    INSERT INTO seal (token_hash, audience_id, contact_id, expires_at)
    SELECT hash, :audience_id, contact_id, :expires_at
    FROM unnest(CAST(:hashes AS bytea[]), CAST(:contacts AS uuid[])) AS new (hash, contact_id)
    """
)
_MINE = "audience_id = :audience_id AND token_hash = ANY(CAST(:hashes AS bytea[]))"
_VALID = text(
    f"""
    SELECT token_hash, contact_id FROM seal
    WHERE {_MINE} AND used_at IS NULL AND expires_at > :now
    """
)
_USED = text(f"SELECT token_hash, contact_id FROM seal WHERE {_MINE} AND used_at IS NOT NULL")
_USE = text("UPDATE seal SET used_at = :now WHERE token_hash = ANY(CAST(:hashes AS bytea[]))")
