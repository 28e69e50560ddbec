"""Make rules ready to be asked; refuse what is not known, and tell what has gone."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.conditions import ContactHas, CustomerHas
from services.mailing.domain.lists import OF_CONTACTS, OF_CONTACTS_ALONE
from services.mailing.domain.refusals import (
    ClassificationsNotTold,
    SegmentBeingBuilt,
    SegmentNotFound,
    SegmentsMisnamed,
    UnknownValues,
)
from services.mailing.domain.rules import Rule, named_segments, named_values
from services.mailing.persistence import classifications, segment_rules, segments
from services.mailing.persistence.members import member_of
from services.mailing.persistence.rules import Condition, compile_rule
from services.mailing.persistence.segments import Segment
from shared.chassis.errors import FieldProblem
from shared.chassis.logs import get_logger
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.contracts.held import token

log = get_logger(__name__)


class Unknown(StrEnum):
    """Why a value that a rule names matches nobody."""

    NEVER_TOLD = "never_told"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class UnknownValue:
    """A value that a rule names and that matches nobody, and where the rule names it."""

    at: str
    list: str
    number: int
    why: Unknown


async def condition_of(rule: Rule, connection: AsyncConnection, today: date) -> Condition:
    """
    Return the condition of a rule as the lists stand now, to be asked from scratch.

    Refuses while what customers or contacts hold was not told, for those rows would be taken for
    holding nothing: whom a rule leaves out by `not` would be let in.
    """
    await refuse_not_told(connection, customers=rule.asks_customers, contacts=rule.asks_contacts)
    return await compile_rule(connection, rule, today)


async def find_segment(segment_id: UUID, connection: AsyncConnection) -> Segment:
    """Return one segment; refuse an unknown one."""
    segment = await segments.find(connection, segment_id)
    if segment is None:
        raise SegmentNotFound(f"There is no segment {segment_id}.")
    return segment


async def members_of(segment: Segment, connection: AsyncConnection) -> Condition:
    """
    Return the condition of being a member of a segment, as members are kept.

    Refuses as `condition_of`, and while the members of a new segment are still being found.
    """
    rule = segment.rule
    await refuse_not_told(connection, customers=rule.asks_customers, contacts=rule.asks_contacts)
    if segment.live_rule_id is None:
        raise SegmentBeingBuilt(f"The members of {segment.name!r} are being found.")
    return member_of(segment.live_rule_id)


async def refuse_segments(rule: Rule, segment_id: UUID, connection: AsyncConnection) -> None:
    """
    Refuse a rule of this segment that asks about one that is not there, or about itself.

    Who keeps the rule works alone: see `segment_rules.change_alone`.
    """
    named = list(named_segments(rule))
    if not named:
        return
    known = await segments.find_some(connection, {node.segment_id for node, _ in named})
    above = await segment_rules.standing_on(connection, segment_id)
    for node, path in named:
        place = f"{path}.segment_id"
        if node.segment_id in above:
            reason, remedy = "asks about this segment in turn", "Take one of the two out."
        elif node.segment_id not in known:
            reason, remedy = "is no segment", SegmentNotFound.remedy
        else:
            continue
        raise SegmentsMisnamed(
            f"{place} {reason}.", remedy=remedy, fields=[FieldProblem(place, reason, remedy)]
        )


async def refuse_not_told(
    connection: AsyncConnection, *, customers: bool = False, contacts: bool = False
) -> None:
    """Refuse while the classifications of some of these were never told to this database."""
    if not (customers or contacts):
        return
    of_customers, of_contacts = await classifications.not_told(connection)
    if (customers and of_customers) or (contacts and of_contacts):
        whose = "customers" if customers and of_customers else "contacts"
        raise ClassificationsNotTold(
            f"What some {whose} hold was never told to this database: it is older than that news."
        )


async def refuse_unknown(rule: Rule, connection: AsyncConnection) -> None:
    """Refuse a rule that is to be kept and names a list or value that nobody can hold."""
    problems = (
        _misplaced_lists(rule)
        or await _unknown_lists(rule, connection)
        or await _unknown_numbers(rule, connection)
    )
    if problems:
        first = problems[0]
        raise UnknownValues(
            f"{first.field}: {first.reason}", remedy=first.remedy, fields=problems[:SHOWN]
        )


async def unknown_values(
    rules: Collection[Rule], connection: AsyncConnection
) -> list[list[UnknownValue]]:
    """Return, for each rule, the values that it names and that match nobody."""
    asked = {one for rule in rules for node, _ in named_values(rule) for one in node.tokens}
    known = await classifications.known_values(connection, asked) if asked else {}
    return [
        [
            UnknownValue(f"{path}.numbers.{place}", node.list, number, why)
            for node, path in named_values(rule)
            for place, number in enumerate(node.numbers)
            if (why := _why_unknown(token(node.list, number), known)) is not None
        ]
        for rule in rules
    ]


async def warn_of_not_told(units: UnitOfWorkFactory) -> None:
    """Say at the start, in the log, that segments by classification wait for a republish."""
    async with units.engine.connect() as connection:
        customers, contacts = await classifications.not_told(connection)
    if customers or contacts:
        log.warning(ClassificationsNotTold.slug, remedy=ClassificationsNotTold.remedy)


def _misplaced_lists(rule: Rule) -> list[FieldProblem]:
    return [
        FieldProblem(
            f"{path}.list",
            f"{node.list} is not held by {holder}",
            f"Use op {other}, or name another list.",
        )
        for node, path in named_values(rule)
        for holder, other in _wrong_holder(node)
    ]


def _wrong_holder(node: CustomerHas | ContactHas) -> list[tuple[str, str]]:
    if isinstance(node, ContactHas):
        return [] if node.list in OF_CONTACTS else [("contacts", "customer_has")]
    return [("customers", "contact_has")] if node.list in OF_CONTACTS_ALONE else []


async def _unknown_lists(rule: Rule, connection: AsyncConnection) -> list[FieldProblem]:
    named = {node.list for node, _ in named_values(rule)}
    known = await classifications.known_lists(connection, named) if named else set()
    return [
        FieldProblem(f"{path}.list", f"no value of a list {node.list} is known here (yet)", _WAIT)
        for node, path in named_values(rule)
        if node.list not in known
    ]


async def _unknown_numbers(rule: Rule, connection: AsyncConnection) -> list[FieldProblem]:
    (unknown,) = await unknown_values([rule], connection)
    return [
        FieldProblem(one.at, f"{one.list} {one.number} {_SAID[one.why]}", _REMEDIES[one.why])
        for one in unknown
    ]


def _why_unknown(named: str, known: dict[str, bool]) -> Unknown | None:
    if named not in known:
        return Unknown.NEVER_TOLD
    return Unknown.REMOVED if known[named] else None


SHOWN = 20
_WAIT = UnknownValues.remedy
_SAID = {
    Unknown.NEVER_TOLD: "is not known here (yet)",
    Unknown.REMOVED: "was deleted or merged into another value",
}
_REMEDIES = {
    Unknown.NEVER_TOLD: _WAIT,
    Unknown.REMOVED: "Name a value that exists: customers who held this one may hold its heir.",
}
