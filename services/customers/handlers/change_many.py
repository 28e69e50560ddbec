"""Change the classifications of many customers as one operation that can be undone (TS-19, TS-20).

An operation is rehearsed or done, whole or not at all; it is done as a job, whose id it has. A move
takes deleted customers along and counts them apart, so that nobody comes back with a value that was
moved away (TS-A7).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from services.customers.domain.lists import CUSTOMER, LISTS
from services.customers.domain.search import CustomerFilter
from services.customers.handlers.classify_customers import Values, Wanted, classify_customers
from services.customers.handlers.complete_operation import complete_operation
from services.customers.persistence import search
from services.customers.persistence.holders import holder_ids
from shared.chassis.errors import InvalidField, Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork
from shared.history.store import belong_to
from shared.lists.save import ValueNotFound
from shared.lists.store import find_value

CHUNK = 2000
AT_MOST = 200_000
SHOWN = 20


class OperationTooLarge(Refusal):
    """More customers match than one operation may change."""

    kind = Kind.TOO_LARGE
    slug = "operation_too_large"
    remedy = f"Narrow the selection to at most {AT_MOST:,} customers, and do it in parts."


Report = Callable[[int, int], None]
"""Is told how many customers are done, of how many."""


class EverybodyMeant(Refusal):
    """A filter that restricts nothing would change every customer."""

    slug = "everybody_meant"
    remedy = "Say whom to change in `filter`, or say `everybody: true` if all are meant."


@dataclass(frozen=True, slots=True)
class Change:
    """
    What to change: values instead of those held of a list, values more, values less.

    `put_values` are values of attributes by number; None takes attribute and value away.
    """

    put: Wanted = field(default_factory=dict)
    add: Wanted = field(default_factory=dict)
    remove: Wanted = field(default_factory=dict)
    put_values: Values = field(default_factory=dict)

    @property
    def changes_nothing(self) -> bool:
        """Tell whether nobody could ever be changed by it; to put no values is to clear a list."""
        given = (*self.add.values(), *self.remove.values())
        return not (self.put or self.put_values or any(given))


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation changed; the id is None where it found nothing to change."""

    operation_id: UUID | None
    customers: int
    deleted: int
    unchanged: int
    first: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What an operation would change, and how many of the matches do not show in lists."""

    would: Done
    ended: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom an operation concerns and what it changes of them."""

    ids: Sequence[UUID]
    change: Change
    # Only those who still hold this key are changed.
    holding: int | None = None


async def plan_move(name: str, source: int, target: int, uow: UnitOfWork) -> Plan:
    """Plan to move all customers of one value of a list to another, deleted ones too (TS-20)."""
    if name not in LISTS or CUSTOMER not in LISTS[name].held_by:
        raise InvalidField("list", f"{name!r} is held by no customer", "List them: GET /v1/lists.")
    if source == target:
        raise InvalidField("to_number", "is the value itself", "Choose another value of the list.")
    row = await find_value(uow.connection, name, source)
    if row is None:
        raise ValueNotFound(f"There is no {name} {source}.")
    ids = await holder_ids(uow.connection, row.key, limit=AT_MOST + 1)
    change = (
        Change(remove={name: (source,)}, add={name: (target,)})
        if LISTS[name].several
        else Change(put={name: (target,)})
    )
    return Plan(_bounded(ids), change, holding=row.key)


async def plan_change(
    wanted: CustomerFilter, change: Change, uow: UnitOfWork, *, everybody: bool
) -> Plan:
    """Plan to change all live customers that a search finds; everybody only if that is said."""
    if change.changes_nothing:
        raise InvalidField(
            "put", "nothing is to be changed", "Give values to put, to add or to remove."
        )
    if wanted.restricts_nothing and not everybody:
        raise EverybodyMeant("The filter matches every customer.")
    query = await search.prepare(uow.connection, wanted)
    ids = [] if query is None else await search.find_ids(uow.connection, query, limit=AT_MOST + 1)
    return Plan(_bounded(ids), change)


def _bounded(ids: Sequence[UUID]) -> Sequence[UUID]:
    if len(ids) > AT_MOST:
        raise OperationTooLarge(f"More than {AT_MOST:,} customers match.")
    return ids


async def check_plan(plan: Plan, uow: UnitOfWork, *, day: date) -> None:
    """Refuse at once what is wrong with a change whoever matches."""
    await _classify(plan, (), uow, day=day, rehearse=True)


async def rehearse_move(plan: Plan, uow: UnitOfWork, *, day: date) -> Rehearsed:
    """Tell what a move would change, ended and deleted customers among them."""
    would = await _each(plan, uow, day=day, rehearse=True)
    ended = await search.count_ended(uow.connection, plan.ids)
    return Rehearsed(would, ended=ended, deleted=would.deleted)


async def rehearse_change(
    plan: Plan, wanted: CustomerFilter, uow: UnitOfWork, *, day: date
) -> Rehearsed:
    """Tell what a change would change, and how many matches it leaves out (TS-A7)."""
    would = await _each(plan, uow, day=day, rehearse=True)
    query = await search.prepare(uow.connection, wanted)
    gone = await search.prepare(uow.connection, wanted, deleted=True)
    return Rehearsed(
        would,
        ended=0 if query is None else await search.count_hidden(uow.connection, query),
        deleted=0 if gone is None else await search.count_customers(uow.connection, gone),
    )


async def carry_out(
    operation_id: UUID,
    plan: Plan,
    request: Mapping[str, Any],
    uow: UnitOfWork,
    *,
    day: date,
    report: Report,
) -> Done:
    """Change everybody of a plan as one operation; `request` is kept to tell what was asked."""
    await belong_to(uow.connection, operation_id)
    done = await _each(plan, uow, day=day, report=report)
    if not done.customers + done.deleted:
        return done
    await complete_operation(
        operation_id, request, uow, customers=done.customers, deleted=done.deleted
    )
    return replace(done, operation_id=operation_id)


async def _each(
    plan: Plan,
    uow: UnitOfWork,
    *,
    day: date,
    rehearse: bool = False,
    report: Report | None = None,
) -> Done:
    live = deleted = 0
    first: list[UUID] = []
    # At least once: what is wrong with the change is wrong whoever matches.
    for begin in range(0, max(len(plan.ids), 1), CHUNK):
        if report is not None:
            report(begin, len(plan.ids))
        chunk = plan.ids[begin : begin + CHUNK]
        changed = await _classify(plan, chunk, uow, day=day, rehearse=rehearse)
        gone = sum(changed.values())
        live, deleted = live + len(changed) - gone, deleted + gone
        first += [one for one, is_deleted in changed.items() if not is_deleted][:SHOWN]
        await uow.flush()
    if report is not None:
        report(len(plan.ids), len(plan.ids))
    unchanged = len(plan.ids) - live - deleted
    return Done(None, live, deleted, unchanged, tuple(first[:SHOWN]))


async def _classify(
    plan: Plan, ids: Sequence[UUID], uow: UnitOfWork, *, day: date, rehearse: bool
) -> Mapping[UUID, bool]:
    return await classify_customers(
        ids,
        plan.change.put,
        uow,
        day=day,
        add=plan.change.add,
        remove=plan.change.remove,
        values=plan.change.put_values,
        rehearse=rehearse,
        holding=plan.holding,
    )
