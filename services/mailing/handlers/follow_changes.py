"""Keep the members of segments up with what was touched, and with the days that pass."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from services.mailing.domain.conditions import Holder
from services.mailing.domain.dependencies import GONE, segment_key
from services.mailing.domain.events import MemberMove, SegmentMembersChanged
from services.mailing.domain.rules import Rule
from services.mailing.handlers.touch import keys_of_held
from services.mailing.persistence import members, segment_rules, touched
from services.mailing.persistence.members import Change, Judge, Verdict
from services.mailing.persistence.moves import give_notice
from services.mailing.persistence.rules import compile_rules
from services.mailing.persistence.touched import Reached
from shared.chassis.chunks import chunks
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

TAKEN = 1_000
JUDGES, JUDGED = 50, 5_000
TOLD = 500
"""How many moves one event tells at most."""
CHANGED = "members-changed"
"""The signal of a unit of work in which members came or went."""


@dataclass(frozen=True, slots=True)
class _Cause:
    cause: str
    told_type: str | None = None
    told_by: str | None = None


@dataclass(slots=True)
class _Work:
    """Who is to be judged, by rule; whoever is added twice keeps the newest cause."""

    rules: defaultdict[UUID, dict[UUID, _Cause]] = field(default_factory=lambda: defaultdict(dict))
    depths: dict[UUID, int] = field(default_factory=dict)
    building: set[tuple[UUID, UUID]] = field(default_factory=set)

    def add(self, asking: object, contact_id: UUID, cause: _Cause) -> None:
        rule_id: UUID = asking.rule_id  # type: ignore[attr-defined]
        if not asking.live:  # type: ignore[attr-defined]
            self.building.add((rule_id, contact_id))
            return
        self.rules[rule_id][contact_id] = cause
        self.depths[rule_id] = asking.depth  # type: ignore[attr-defined]

    def next_rules(self) -> dict[UUID, dict[UUID, _Cause]]:
        """Remove and return the rules that stand least deep on others."""
        depth = min(self.depths[rule_id] for rule_id in self.rules)
        now = [rule_id for rule_id in self.rules if self.depths[rule_id] == depth]
        return {rule_id: self.rules.pop(rule_id) for rule_id in now}


async def follow_changes(uow: UnitOfWork, zone: ZoneInfo, *, taken: int = TAKEN) -> bool:
    """
    Evaluate the oldest of what was touched and what is due today; tell whether there was any.

    All segments that stand on one that changes follow in the same transaction.
    """
    connection = uow.connection
    today = uow.now.astimezone(zone).date()
    await members.evaluate_alone(connection)
    rows = await touched.take(connection, limit=taken)
    due = await members.take_due(connection, today, limit=taken)
    if not rows and not due:
        return False
    work = _Work()
    await _add_reached(await touched.reached(connection, rows), work, uow)
    await _add_due(due, work, uow)
    changes: list[Change] = []
    while work.rules:
        wanted = work.next_rules()
        changed = await _judge(wanted, today, uow)
        causes = {
            (one.rule_id, one.contact_id): wanted[one.rule_id][one.contact_id] for one in changed
        }
        changes += [
            Change(
                one.segment_id, one.contact_id, one.entered, cause.cause, cause.told_type,
                cause.told_by,
            )
            for one in changed
            for cause in [causes[one.rule_id, one.contact_id]]
        ]  # fmt: skip
        await _add_standing(changed, causes, work, uow)
    await members.add_build_touched(connection, work.building)
    await _write(changes, uow)
    return True


async def follow_next(units: UnitOfWorkFactory, zone: ZoneInfo) -> bool:
    """Look for work, spread the touches of values, and follow; tell whether there was any."""
    async with units.engine.connect() as connection:
        waiting = await touched.waiting(connection, units.clock().astimezone(zone).date())
    if not waiting:
        return False
    if waiting.values:
        await _spread_values(units, waiting.values)
    async with units() as uow:
        return await follow_changes(uow, zone)


async def _spread_values(units: UnitOfWorkFactory, seqs: Collection[int]) -> None:
    # Whoever came to hold a value without seeing that it had moved has committed by the time its
    # holders are looked up.
    async with units() as uow:
        await touched.wait_for_writers(uow.connection)
    async with units() as uow:
        await members.evaluate_alone(uow.connection)
        await touched.spread(uow.connection, seqs)


async def judge_again(
    rule_id: UUID, contact_ids: Collection[UUID], today: date, uow: UnitOfWork
) -> None:
    """Judge contacts by a rule that is being built, without telling of it."""
    await _judge({rule_id: dict.fromkeys(contact_ids, _Cause("rule"))}, today, uow)


def record_moves(segment_id: UUID, moves: Sequence[MemberMove], uow: UnitOfWork) -> None:
    """Tell of moves of one segment, in order, in as many events as they need."""
    for some in chunks(moves, TOLD):
        uow.record(SegmentMembersChanged(segment_id, tuple(some), uow.now))


async def _add_reached(reached: list[Reached], work: _Work, uow: UnitOfWork) -> None:
    keys = await _keys_of_linked(reached, uow)
    all_keys = {key for one in reached for key in one.keys} | {
        key for some in keys.values() for key in some
    }
    by_key = defaultdict(list)
    if all_keys:
        for row in await segment_rules.asking(uow.connection, all_keys):
            by_key[row.key].append(row)
    for one in reached:
        cause = _Cause(one.cause, one.told_type, one.told_by)
        own = set(one.keys).union(*(keys.get(customer, ()) for customer in one.linked))
        for asking in (row for key in own for row in by_key[key]):
            work.add(asking, one.contact_id, cause)
    gone = {one.contact_id: one for one in reached if GONE in one.keys}
    if gone:
        for row in await segment_rules.rules_of_members(uow.connection, list(gone)):
            told = gone[row.contact_id]
            work.add(row, row.contact_id, _Cause(told.cause, told.told_type, told.told_by))


async def _keys_of_linked(
    reached: Iterable[Reached], uow: UnitOfWork
) -> Mapping[UUID, frozenset[str]]:
    linked = {customer for one in reached for customer in one.linked}
    held = await touched.held_by_customers(uow.connection, linked)
    naming = await touched.named_by(
        uow.connection, {token for tokens in held.values() for token in tokens}
    )
    return {
        customer: keys_of_held([(Holder.CUSTOMER, token) for token in tokens], naming.covering)
        for customer, tokens in held.items()
    }


async def _add_due(due: Collection[tuple[UUID, UUID]], work: _Work, uow: UnitOfWork) -> None:
    rules = await segment_rules.in_force(uow.connection, {rule_id for rule_id, _ in due})
    for rule_id, contact_id in due:
        # A rule that was retired meanwhile leaves days behind until they are swept.
        if (found := rules.get(rule_id)) is not None:
            work.add(found, contact_id, _Cause("day"))


async def _add_standing(
    changed: Collection[Verdict],
    causes: Mapping[tuple[UUID, UUID], _Cause],
    work: _Work,
    uow: UnitOfWork,
) -> None:
    if not changed:
        return
    keys = {segment_key(one.segment_id): one.segment_id for one in changed}
    asking = defaultdict(list)
    for row in await segment_rules.asking(uow.connection, keys):
        asking[keys[row.key]].append(row)
    for one in changed:
        for row in asking[one.segment_id]:
            work.add(row, one.contact_id, causes[one.rule_id, one.contact_id])


async def _judge(
    wanted: Mapping[UUID, Mapping[UUID, object]], today: date, uow: UnitOfWork
) -> list[Verdict]:
    found = await segment_rules.find_rules(uow.connection, wanted)
    together: defaultdict[frozenset[UUID], list[UUID]] = defaultdict(list)
    for rule_id in sorted(found):
        together[frozenset(wanted[rule_id])].append(rule_id)
    changed: list[Verdict] = []
    for contact_ids, rule_ids in together.items():
        for some_rules in chunks(rule_ids, JUDGES):
            rules = [_parsed(found[one].rule) for one in some_rules]
            conditions = await compile_rules(uow.connection, rules, today)
            judges = [
                Judge(one, found[one].segment_id, condition)
                for one, condition in zip(some_rules, conditions, strict=True)
            ]
            for some_contacts in chunks(sorted(contact_ids), JUDGED):
                changed += await members.judge(uow.connection, judges, some_contacts)
    return changed


async def _write(changes: list[Change], uow: UnitOfWork) -> None:
    positions = await members.write_changes(uow.connection, changes, now=uow.now)
    moves: defaultdict[UUID, list[MemberMove]] = defaultdict(list)
    for position, one in zip(positions, changes, strict=True):
        moves[one.segment_id].append(
            MemberMove(position, one.contact_id, one.entered, one.cause, one.told_type, one.told_by)
        )
    for segment_id, all_moves in moves.items():
        record_moves(segment_id, all_moves, uow)
    if changes:
        await give_notice(uow.connection, moves)
        uow.signal(CHANGED)


@lru_cache(maxsize=2_000)
def _parsed(rule: str) -> Rule:
    return Rule.model_validate_json(rule)
