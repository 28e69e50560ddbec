"""Stops of addresses by links and reports, as bans that were set here; whom hand-offs reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel
from services.mailing.domain.keys import DIRECT_PREFIX, direct_subject


@dataclass(frozen=True, slots=True)
class StopRow:
    """One stop, as it is stored."""

    stop_id: UUID
    channel: str
    address_key: str


@dataclass(frozen=True, slots=True)
class Reached:
    """Whom one hand-off reached, and whether he was erased since."""

    hand_off_id: UUID
    contact_id: UUID
    channel: Channel
    address_key: str
    erased: bool


async def find_reached(connection: AsyncConnection, hand_off_id: UUID) -> Reached | None:
    """Return whom a hand-off reached, or None."""
    row = (await connection.execute(_REACHED_BY, {"id": hand_off_id})).one_or_none()
    if row is None:
        return None
    return Reached(
        row.hand_off_id, row.contact_id, Channel(row.channel), row.address_key, row.erased
    )


async def cover(connection: AsyncConnection, rows: Sequence[StopRow]) -> set[UUID]:
    """Ban these addresses, whose gates must be held; return the stops that did not stand before."""
    result = await connection.execute(_COVER, _columns(rows))
    return {UUID(subject.removeprefix(DIRECT_PREFIX)) for (subject,) in result}


async def add_pending(
    connection: AsyncConnection, row: StopRow, *, source: str, at: datetime
) -> bool:
    """Remember a stop whose fence is still to come; return whether it is a new one."""
    result = await connection.execute(
        _ADD_PENDING,
        {
            "id": row.stop_id,
            "channel": row.channel,
            "address": row.address_key,
            "subject": direct_subject(row.stop_id),
            "source": source,
            "at": at,
        },
    )
    return result.rowcount > 0


async def take_pending(connection: AsyncConnection, rows: Sequence[StopRow]) -> set[UUID]:
    """Remove those of these stops that wait for their fence; return which did."""
    result = await connection.execute(_TAKE_PENDING, {"ids": [row.stop_id for row in rows]})
    return {ban_id for (ban_id,) in result}


def _columns(rows: Sequence[StopRow]) -> dict[str, list[str]]:
    ordered = sorted(rows, key=lambda row: (row.channel, row.address_key, row.stop_id))
    return {
        "channels": [row.channel for row in ordered],
        "addresses": [row.address_key for row in ordered],
        "subjects": [direct_subject(row.stop_id) for row in ordered],
    }


REACHED = """
    SELECT hand_off.hand_off_id, hand_off.contact_id, hand_off.channel, hand_off.address_key,
           EXISTS (SELECT FROM contact
                   WHERE contact.contact_id = hand_off.contact_id AND contact.erased) AS erased
    FROM hand_off
"""
_REACHED_BY = text(f"{REACHED} WHERE hand_off.hand_off_id = :id")
_COVER = text(
    """
    INSERT INTO ban_address (channel, address_key, subject)
    SELECT channel, address_key, subject
    FROM unnest(CAST(:channels AS text[]), CAST(:addresses AS text[]), CAST(:subjects AS text[]))
         AS new (channel, address_key, subject)
    ON CONFLICT DO NOTHING
    RETURNING subject
    """
)
_ADD_PENDING = text(
    """
    INSERT INTO pending_ban (ban_id, channel, address, source, at)
    SELECT new.ban_id, new.channel, new.address, new.source, new.at
    FROM (SELECT CAST(:id AS uuid), CAST(:channel AS text), CAST(:address AS text),
                 CAST(:source AS text), CAST(:at AS timestamptz))
         AS new (ban_id, channel, address, source, at)
    WHERE NOT EXISTS (SELECT FROM ban_address
                      WHERE ban_address.channel = new.channel
                        AND ban_address.address_key = new.address
                        AND ban_address.subject = CAST(:subject AS text))
    ON CONFLICT (ban_id) DO NOTHING
    """
)
_TAKE_PENDING = text(
    "DELETE FROM pending_ban WHERE ban_id = ANY(CAST(:ids AS uuid[])) RETURNING ban_id"
)
