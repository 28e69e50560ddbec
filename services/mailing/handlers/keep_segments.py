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
from services.mailing.handlers.evaluate_rule import (
    UnknownValue,
    condition_of,
    refuse_unknown,
    unknown_values,
)
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
    unknown: list[UnknownValue]


@dataclass(frozen=True, slots=True)
class Members:
    """Some members of a segment, and the values that its rule names in vain."""

    rows: Sequence[Row[Any]]
    unknown: list[UnknownValue]


async def make_segment(name: str, rule: Rule, uow: UnitOfWork) -> Segment:
    """Store a new segment and return it; refuse a rule that names what is not known."""
    await refuse_unknown(rule, uow.connection)
    segment = Segment(new_id(), name, rule, 1, uow.now, uow.now)
    await segments.add(uow.connection, segment)
    return segment


async def named_in_vain(
    found: Sequence[Segment], uow: UnitOfWork
) -> list[tuple[Segment, list[UnknownValue]]]:
    """Return segments, each with the values that its rule names and that match nobody."""
    unknown = await unknown_values([segment.rule for segment in found], uow.connection)
    return list(zip(found, unknown, strict=True))


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
    await refuse_unknown(rule, uow.connection)
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
    condition = await condition_of(segment.rule, uow.connection)
    (unknown,) = await unknown_values([segment.rule], uow.connection)
    consent = await read_consent(uow.connection, limit_seconds=limit_seconds)
    return {
        channel: ChannelCounts(
            await segments.count(uow.connection, condition, channel, now=uow.now),
            refuses_channel(channel, Purpose.MARKETING, consent),
            unknown,
        )
        for channel in Channel
    }


async def list_members(
    segment_id: UUID, uow: UnitOfWork, *, after: UUID | None, limit: int
) -> Members:
    """Return members in the order of their ids."""
    segment = await show_segment(segment_id, uow)
    condition = await condition_of(segment.rule, uow.connection)
    (unknown,) = await unknown_values([segment.rule], uow.connection)
    rows = await segments.members(uow.connection, condition, after=after, limit=limit)
    return Members(rows, unknown)


async def _refuse_stale(segment_id: UUID, expected: int, uow: UnitOfWork) -> None:
    held = await show_segment(segment_id, uow)
    raise StaleVersion(f"The segment is at version {held.version}, not {expected}.")
