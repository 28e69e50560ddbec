"""Make, change, remove and list segments, and count and list their members."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.gate import Reason, refuses_channel
from services.mailing.domain.refusals import SegmentInUse
from services.mailing.domain.rules import Rule
from services.mailing.handlers.build_segments import begin_build
from services.mailing.handlers.evaluate_rule import (
    SHOWN,
    UnknownValue,
    condition_of,
    find_segment,
    members_of,
    refuse_segments,
    refuse_unknown,
    unknown_values,
)
from services.mailing.persistence import segment_rules, segments
from services.mailing.persistence.gate import read_consent
from services.mailing.persistence.moves import give_notice
from services.mailing.persistence.rules import Condition
from services.mailing.persistence.segments import NIL, Counts, Segment
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
    """Store a new segment, whose members are then found; refuse a rule that names the unknown."""
    segment = Segment(new_id(), name, rule, 1, uow.now, uow.now)
    await segment_rules.change_alone(uow.connection)
    await refuse_unknown(rule, uow.connection)
    await refuse_segments(rule, segment.segment_id, uow.connection)
    await segments.add(uow.connection, segment)
    await _begin(segment, "made", uow)
    return await show_segment(segment.segment_id, uow)


async def named_in_vain(
    found: Sequence[Segment], uow: UnitOfWork
) -> list[tuple[Segment, list[UnknownValue]]]:
    """Return segments, each with the values that its rule names and that match nobody."""
    unknown = await unknown_values([segment.rule for segment in found], uow.connection)
    return list(zip(found, unknown, strict=True))


async def show_segment(segment_id: UUID, uow: UnitOfWork) -> Segment:
    """Return one segment; refuse an unknown one."""
    return await find_segment(segment_id, uow.connection)


async def list_segments(uow: UnitOfWork, *, after: UUID | None, limit: int) -> list[Segment]:
    """Return segments in the order they were made in."""
    return await segments.page(uow.connection, after=after, limit=limit)


async def change_segment(
    segment_id: UUID, name: str, rule: Rule, uow: UnitOfWork, *, expected: int
) -> Segment:
    """
    Replace name and rule of a segment that still has the expected version.

    Until the members of the new rule are found, those of the old one stand.
    """
    await segment_rules.change_alone(uow.connection)
    await refuse_unknown(rule, uow.connection)
    await refuse_segments(rule, segment_id, uow.connection)
    former = await show_segment(segment_id, uow)
    if not await segments.change(
        uow.connection, segment_id, expected=expected, name=name, rule=rule, now=uow.now
    ):
        await _refuse_stale(segment_id, expected, uow)
    changed = await show_segment(segment_id, uow)
    if changed.rule != former.rule:
        await _begin(changed, "changed", uow)
    return await show_segment(segment_id, uow)


async def check_segment(segment_id: UUID, uow: UnitOfWork) -> Segment:
    """Find the members of a segment anew, beside those there are; what differs is drift."""
    await segment_rules.change_alone(uow.connection)
    segment = await show_segment(segment_id, uow)
    if segment.next_rule_id is None:
        await _begin(segment, "checked", uow)
    return await show_segment(segment_id, uow)


async def list_builds(segment_id: UUID, uow: UnitOfWork, *, limit: int) -> list[Row[Any]]:
    """Return how the members of a segment were found, the newest first."""
    await show_segment(segment_id, uow)
    return await segment_rules.builds(uow.connection, segment_id, limit=limit)


async def _begin(segment: Segment, why: str, uow: UnitOfWork) -> None:
    await begin_build(segment.segment_id, segment.rule, why, uow, version=segment.version)


async def remove_segment(segment_id: UUID, uow: UnitOfWork, *, expected: int) -> None:
    """Remove a segment that still has the expected version; refuse one that others ask about."""
    await segment_rules.change_alone(uow.connection)
    segment = await show_segment(segment_id, uow)
    standing = await segment_rules.standing_on(uow.connection, segment_id)
    others = await segments.find_some(uow.connection, set(standing) - {segment_id})
    if others:
        names = ", ".join(sorted(one.name for one in others.values())[:SHOWN])
        raise SegmentInUse(f"{len(others)} segments ask about it: {names}.")
    if not await segments.remove(uow.connection, segment_id, expected=expected, now=uow.now):
        await _refuse_stale(segment_id, expected, uow)
    for rule_id in (segment.live_rule_id, segment.next_rule_id):
        if rule_id is not None:
            await segment_rules.retire(uow.connection, rule_id, uow.now)
    await give_notice(uow.connection, [segment_id])


async def count_segment(
    segment_id: UUID, uow: UnitOfWork, *, limit_seconds: float
) -> dict[Channel, ChannelCounts]:
    """Count the members per channel, for marketing, by the same gate that hand-offs ask."""
    segment = await show_segment(segment_id, uow)
    condition = await members_of(segment, uow.connection)
    (unknown,) = await unknown_values([segment.rule], uow.connection)
    return await _counted(condition, unknown, uow, limit_seconds=limit_seconds)


async def preview_rule(
    rule: Rule, uow: UnitOfWork, *, zone: ZoneInfo, limit_seconds: float
) -> dict[Channel, ChannelCounts]:
    """Count, from scratch, whom a rule that is not kept would match now."""
    await refuse_unknown(rule, uow.connection)
    await refuse_segments(rule, NIL, uow.connection)
    condition = await condition_of(rule, uow.connection, uow.now.astimezone(zone).date())
    return await _counted(condition, [], uow, limit_seconds=limit_seconds)


async def list_members(
    segment_id: UUID, uow: UnitOfWork, *, after: UUID | None, limit: int
) -> Members:
    """Return members in the order of their ids."""
    segment = await show_segment(segment_id, uow)
    condition = await members_of(segment, uow.connection)
    (unknown,) = await unknown_values([segment.rule], uow.connection)
    rows = await segments.members(uow.connection, condition, after=after, limit=limit)
    return Members(rows, unknown)


async def _counted(
    condition: Condition, unknown: list[UnknownValue], uow: UnitOfWork, *, limit_seconds: float
) -> dict[Channel, ChannelCounts]:
    consent = await read_consent(uow.connection, limit_seconds=limit_seconds)
    return {
        channel: ChannelCounts(
            await segments.count(uow.connection, condition, channel, now=uow.now),
            refuses_channel(channel, Purpose.MARKETING, consent),
            unknown,
        )
        for channel in Channel
    }


async def _refuse_stale(segment_id: UUID, expected: int, uow: UnitOfWork) -> None:
    held = await show_segment(segment_id, uow)
    raise StaleVersion(f"The segment is at version {held.version}, not {expected}.")
