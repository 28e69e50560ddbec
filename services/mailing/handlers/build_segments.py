"""Build the members of a new rule beside those of the live one, then let it take over."""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from services.mailing.domain.dependencies import keys_of, segment_key
from services.mailing.domain.events import MemberMove, SegmentMembersChanged
from services.mailing.domain.rules import Rule
from services.mailing.handlers.follow_changes import (
    CHANGED,
    JUDGED,
    follow_changes,
    follow_next,
    judge_again,
    record_moves,
)
from services.mailing.handlers.touch import TOUCHED
from services.mailing.persistence import members, segment_rules, touched
from services.mailing.persistence.members import Judge
from services.mailing.persistence.moves import give_notice
from services.mailing.persistence.rules import compile_rule
from services.mailing.persistence.segment_rules import RuleToBuild
from shared.chassis.chunks import chunks
from shared.chassis.ids import new_id
from shared.chassis.logs import get_logger
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

BUILD = "segment-rule-begun"
"""The signal of a unit of work after which there is something to build."""
MOST_TOLD = 5_000
"""Of more differences than these it is only told that members were replaced."""
ROUNDS = 10
"""How often what was touched is followed while a rule takes over; then others have their turn."""
CAUSES = {"made": "rule", "changed": "rule", "checked": "check"}

log = get_logger(__name__)


async def begin_unbuilt(units: UnitOfWorkFactory) -> None:
    """Let segments be built that have no members yet: those from before members were kept."""
    async with units() as uow:
        await segment_rules.change_alone(uow.connection)
        for row in await segment_rules.unbuilt(uow.connection):
            rule = Rule.model_validate(row.rule)
            await begin_build(row.segment_id, rule, "made", uow, version=row.version)


async def begin_build(
    segment_id: UUID, rule: Rule, why: str, uow: UnitOfWork, *, version: int
) -> None:
    """Let the members of a rule be found, beside those there are; it then takes over."""
    await segment_rules.begin(
        uow.connection,
        rule_id=new_id(),
        segment_id=segment_id,
        version=version,
        rule=rule,
        why=why,
        keys=keys_of(rule),
        now=uow.now,
    )
    uow.signal(BUILD)


async def build_next(units: UnitOfWorkFactory, zone: ZoneInfo) -> bool:
    """
    Build one rule and let it take over, or remove some of what retired ones left; False if nothing.

    Who is cut off leaves it to the next one: until the last commit everything stands as before.
    """
    async with units() as uow:
        built = await segment_rules.to_build(uow.connection)
        if built is None:
            return await segment_rules.sweep(uow.connection)
    if not built.filled:
        # Who evaluates, and who writes what a rule asks about, have seen this one from now on.
        async with units() as uow:
            await members.evaluate_alone(uow.connection)
        async with units() as uow:
            await touched.wait_for_writers(uow.connection)
        async with units() as uow:
            if not await segment_rules.build_alone(uow.connection):
                return False
            if not await segment_rules.is_filled(uow.connection, built.rule_id):
                await _fill(built, uow, zone)
    while await follow_next(units, zone):
        pass
    async with units() as uow:
        await members.evaluate_alone(uow.connection)
        if await segment_rules.is_next(uow.connection, built.rule_id) and await _catch_up(
            built, uow, zone
        ):
            await _take_over(built, uow)
    return True


async def _fill(built: RuleToBuild, uow: UnitOfWork, zone: ZoneInfo) -> None:
    condition = await compile_rule(uow.connection, built.rule, _today(uow, zone))
    await members.fill(uow.connection, Judge(built.rule_id, built.segment_id, condition))
    if await segment_rules.is_next(uow.connection, built.rule_id):
        await segment_rules.mark_filled(uow.connection, built.rule_id)
    else:
        await segment_rules.forget(uow.connection, built.rule_id)


async def _catch_up(built: RuleToBuild, uow: UnitOfWork, zone: ZoneInfo) -> bool:
    """Bring both sets to the same moment, so that what differs is the rule, or drift."""
    today = _today(uow, zone)
    for _ in range(ROUNDS):
        again = await members.take_build_touched(uow.connection, built.rule_id)
        for some in chunks(again, JUDGED):
            await judge_again(built.rule_id, some, today, uow)
        if not await touched.waiting(uow.connection, today):
            return True
        await follow_changes(uow, zone)
    return False


async def _take_over(built: RuleToBuild, uow: UnitOfWork) -> None:
    connection = uow.connection
    before = await members.last_position(connection)
    cause = CAUSES[built.why]
    entered, exited = await members.write_differences(
        connection,
        segment_id=built.segment_id,
        old_rule_id=built.live_rule_id,
        new_rule_id=built.rule_id,
        cause=cause,
        now=uow.now,
    )
    await segment_rules.take_over(connection, built, entered=entered, exited=exited, now=uow.now)
    if entered + exited:
        key = segment_key(built.segment_id)
        if await touched.asked_keys(connection, [key]):
            await members.touch_standing(
                connection, key, segment_id=built.segment_id, after=before, now=uow.now
            )
            uow.signal(TOUCHED)
        await _tell(built, uow, after=before, moves=entered + exited)
        await give_notice(connection, [built.segment_id])
        uow.signal(CHANGED)
    if built.why == "checked" and entered + exited:
        log.warning(
            "segment_drifted",
            segment_id=str(built.segment_id),
            missing=entered,
            superfluous=exited,
            remedy="The members are right again; report it with what happened to the segment.",
        )


async def _tell(built: RuleToBuild, uow: UnitOfWork, *, after: int, moves: int) -> None:
    if moves > MOST_TOLD:
        last = await members.last_position(uow.connection)
        uow.record(
            SegmentMembersChanged(built.segment_id, (), uow.now, replaced=True, position=last)
        )
        return
    rows = await members.changes_after(
        uow.connection, built.segment_id, after=after, limit=MOST_TOLD
    )
    moves_of = [
        MemberMove(row.position, row.contact_id, row.entered, row.cause, row.told_type, row.told_by)
        for row in rows
    ]
    record_moves(built.segment_id, moves_of, uow)


def _today(uow: UnitOfWork, zone: ZoneInfo) -> date:
    return uow.now.astimezone(zone).date()
