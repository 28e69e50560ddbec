"""Make, change, remove and list segments, and count and list their members."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.gate import Reason, refuses_channel
from services.mailing.domain.refusals import SegmentNotFound
from services.mailing.domain.rules import Rule
from services.mailing.persistence import segments
from services.mailing.persistence.gate import read_consent
from services.mailing.persistence.segments import Counts, Segment
from shared.chassis.errors import StaleVersion
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """The members of a segment on one channel, and why marketing is closed there, if it is."""

    counts: Counts
    refused: Reason | None


async def make_segment(name: str, rule: Rule, uow: UnitOfWork) -> Segment:
    """Store a new segment and return it."""
    segment = Segment(new_id(), name, rule, 1, uow.now, uow.now)
    await segments.add(uow.connection, segment)
    return segment


async def show_segment(segment_id: UUID, uow: UnitOfWork) -> Segment:
    """Return one segment; refuse an unknown one."""
    segment = await segments.find(uow.connection, segment_id)
    if segment is None:
        raise SegmentNotFound(f"There is no segment {segment_id}.")
    return segment


async def list_segments(uow: UnitOfWork, *, after: UUID | None, limit: int) -> list[Segment]:
    """Return segments in the order they were made in."""
    return await segments.page(uow.connection, after=after, limit=limit)


async def change_segment(
    segment_id: UUID, name: str, rule: Rule, uow: UnitOfWork, *, expected: int
) -> Segment:
    """Replace name and rule of a segment that still has the expected version."""
    if not await segments.change(
        uow.connection, segment_id, expected=expected, name=name, rule=rule, now=uow.now
    ):
        await _refuse_stale(segment_id, expected, uow)
    return await show_segment(segment_id, uow)


async def remove_segment(segment_id: UUID, uow: UnitOfWork, *, expected: int) -> None:
    """Remove a segment that still has the expected version."""
    if not await segments.remove(uow.connection, segment_id, expected=expected):
        await _refuse_stale(segment_id, expected, uow)


async def count_segment(
    segment_id: UUID, uow: UnitOfWork, *, limit_seconds: float
) -> dict[Channel, ChannelCounts]:
    """Count the members per channel, for marketing, by the same gate that hand-offs ask."""
    segment = await show_segment(segment_id, uow)
    consent = await read_consent(uow.connection, limit_seconds=limit_seconds)
    return {
        channel: ChannelCounts(
            await segments.count(uow.connection, segment.rule, channel),
            refuses_channel(channel, Purpose.MARKETING, consent),
        )
        for channel in Channel
    }


async def list_members(
    segment_id: UUID, uow: UnitOfWork, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return members in the order of their ids."""
    segment = await show_segment(segment_id, uow)
    return await segments.members(uow.connection, segment.rule, after=after, limit=limit)


async def _refuse_stale(segment_id: UUID, expected: int, uow: UnitOfWork) -> None:
    held = await show_segment(segment_id, uow)
    raise StaleVersion(f"The segment is at version {held.version}, not {expected}.")
