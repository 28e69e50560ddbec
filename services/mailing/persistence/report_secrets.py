"""The secrets of providers of reports, by id; and which of them are still valid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

OUTDATED = """
    DELETE FROM report_secret WHERE secret_id IN (
        SELECT secret_id FROM report_secret WHERE valid_until < :before LIMIT :chunk)
"""
"""For the housekeeper: secrets that ran out long ago."""


@dataclass(frozen=True, slots=True)
class SecretRow:
    """One secret of a provider; `valid_until` is None for the one that is given out now."""

    secret_id: UUID
    provider: str
    key_id: bytes
    made_at: datetime
    valid_until: datetime | None


async def lock_secrets(connection: AsyncConnection) -> None:
    """Let one transaction at a time make or remove secrets, since they are counted."""
    await connection.execute(text("LOCK TABLE report_secret IN SHARE ROW EXCLUSIVE MODE"))


async def valid_secrets(
    connection: AsyncConnection, *, now: datetime, provider: str | None = None
) -> list[SecretRow]:
    """Return the secrets that are valid now, of one provider or of all, the newest first."""
    result = await connection.execute(_VALID, {"now": now, "provider": provider})
    return [
        SecretRow(row.secret_id, row.provider, bytes(row.key_id), row.made_at, row.valid_until)
        for row in result
    ]


async def add_secret(connection: AsyncConnection, row: SecretRow) -> None:
    """Keep that a secret was made."""
    await connection.execute(
        _ADD,
        {
            "id": row.secret_id,
            "provider": row.provider,
            "key_id": row.key_id,
            "made_at": row.made_at,
        },
    )


async def end_secrets(connection: AsyncConnection, provider: str, *, until: datetime) -> None:
    """Let the secrets of a provider run out, if they do not sooner."""
    await connection.execute(_END, {"provider": provider, "until": until})


async def remove_secrets(connection: AsyncConnection, provider: str) -> bool:
    """Remove all secrets of a provider; return whether there was one."""
    result = await connection.execute(
        text("DELETE FROM report_secret WHERE provider = :provider"), {"provider": provider}
    )
    return result.rowcount > 0


def providers_of(rows: Sequence[SecretRow]) -> dict[str, list[SecretRow]]:
    """Return secrets by provider, in the order of names."""
    found: dict[str, list[SecretRow]] = {
        name: [] for name in sorted({row.provider for row in rows})
    }
    for row in rows:
        found[row.provider].append(row)
    return found


_VALID = text(
    """
    SELECT secret_id, provider, key_id, made_at, valid_until FROM report_secret
    WHERE (valid_until IS NULL OR valid_until > :now)
      AND (CAST(:provider AS text) IS NULL OR provider = CAST(:provider AS text))
    ORDER BY made_at DESC, secret_id DESC
    """
)
_ADD = text(
    """
    INSERT INTO report_secret (secret_id, provider, key_id, made_at)
    VALUES (:id, :provider, :key_id, :made_at)
    """
)
_END = text(
    """
    UPDATE report_secret SET valid_until = least(valid_until, :until) WHERE provider = :provider
    """
)
