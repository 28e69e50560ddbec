"""Take audiences of segments for campaigns; show, count, close and remove them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.gate import Reason, refuses_channel
from services.mailing.domain.refusals import AudienceClosed, AudienceNotFound, channel_refusal
from services.mailing.handlers.evaluate_rule import find_segment, members_of
from services.mailing.persistence import audiences
from services.mailing.persistence.audiences import Audience, AudienceCounts
from services.mailing.persistence.gate import read_consent
from shared.chassis.errors import StaleVersion
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class TakeAudience:
    """Whom to take, and for what; `keep_up` follows the segment from then on."""

    segment_id: UUID
    channel: Channel
    purpose: Purpose
    campaign: str
    keep_up: bool
    customer_id: UUID | None = None


async def take_audience(
    command: TakeAudience, uow: UnitOfWork, *, limit_seconds: float
) -> Audience:
    """Take those members of a segment whom the gate lets through now; refuse a closed channel."""
    await refuse_closed_channel(command.channel, command.purpose, uow, limit_seconds=limit_seconds)
    await members_of(await find_segment(command.segment_id, uow.connection), uow.connection)
    audience_id = new_id()
    await audiences.take(
        uow.connection,
        audience_id,
        segment_id=command.segment_id,
        channel=command.channel,
        purpose=command.purpose,
        campaign=command.campaign,
        customer_id=command.customer_id,
        keep_up=command.keep_up,
        now=uow.now,
    )
    return await find_audience(audience_id, uow.connection)


async def find_audience(
    audience_id: UUID, connection: AsyncConnection, *, lock: bool = False
) -> Audience:
    """Return one audience; refuse an unknown one."""
    audience = await audiences.find(connection, audience_id, lock=lock)
    if audience is None:
        raise AudienceNotFound(f"There is no audience {audience_id}.")
    return audience


async def find_open_audience(
    audience_id: UUID, connection: AsyncConnection, *, lock: bool = False
) -> Audience:
    """Return an audience of which something is to be released; refuse a closed one."""
    audience = await find_audience(audience_id, connection, lock=lock)
    if audience.closed_at is not None:
        raise AudienceClosed(f"The audience was closed at {audience.closed_at.isoformat()}.")
    return audience


async def list_audiences(uow: UnitOfWork, *, after: UUID | None, limit: int) -> list[Audience]:
    """Return audiences in the order they were made in."""
    return await audiences.page(uow.connection, after=after, limit=limit)


async def list_audience_members(
    audience_id: UUID, uow: UnitOfWork, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return whom an audience took, in the order of their ids."""
    await find_audience(audience_id, uow.connection)
    return await audiences.members(uow.connection, audience_id, after=after, limit=limit)


async def count_audience(
    audience_id: UUID, uow: UnitOfWork, *, limit_seconds: float
) -> tuple[AudienceCounts, Reason | None]:
    """Count an audience by the gate, and tell why its channel is closed, if it is."""
    audience = await find_audience(audience_id, uow.connection)
    consent = await read_consent(uow.connection, limit_seconds=limit_seconds)
    counted = await audiences.count(uow.connection, audience, now=uow.now)
    return counted, refuses_channel(audience.channel, audience.purpose, consent)


async def close_audience(audience_id: UUID, uow: UnitOfWork, *, expected: int) -> Audience:
    """Let nothing more be released by way of an audience of the expected version."""
    audience = await find_audience(audience_id, uow.connection)
    if not await audiences.close(uow.connection, audience_id, expected=expected, now=uow.now):
        _refuse_stale(audience, expected)
    return await find_audience(audience_id, uow.connection)


async def remove_audience(audience_id: UUID, uow: UnitOfWork, *, expected: int) -> None:
    """Remove an audience of the expected version; what was handed off keeps its receipts."""
    audience = await find_audience(audience_id, uow.connection)
    if not await audiences.remove(uow.connection, audience_id, expected=expected):
        _refuse_stale(audience, expected)


async def refuse_closed_channel(
    channel: Channel, purpose: Purpose, uow: UnitOfWork, *, limit_seconds: float
) -> None:
    """Refuse where nobody at all may be written to now."""
    consent = await read_consent(uow.connection, limit_seconds=limit_seconds)
    refused = refuses_channel(channel, purpose, consent)
    if refused is not None:
        raise channel_refusal(refused)


def _refuse_stale(audience: Audience, expected: int) -> None:
    raise StaleVersion(f"The audience is at version {audience.version}, not {expected}.")
