"""Change the classifications of many customers as one operation that can be undone (TS-19, TS-20).

An operation is rehearsed or done, whole or not at all. A move takes deleted customers along and
counts them apart, so that nobody comes back with a value that was moved away (TS-A7).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.customers.domain.events import OperationCompleted
from services.customers.domain.lists import LISTS
from services.customers.domain.search import CustomerFilter
from services.customers.handlers.classify_customers import Wanted, classify_customers
from services.customers.handlers.save_list_value import ValueNotFound
from services.customers.persistence import lists, search
from services.customers.persistence import operations as store
from shared.chassis.errors import InvalidField, Kind, Refusal
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork

CHUNK = 2000
AT_MOST = 200_000
SHOWN = 20


class OperationTooLarge(Refusal):
    """More customers match than one operation may change."""

    kind = Kind.TOO_LARGE
    slug = "operation_too_large"
    remedy = f"Narrow the selection to at most {AT_MOST:,} customers, and do it in parts."


@dataclass(frozen=True, slots=True)
class Change:
    """What to change: values instead of those held of a list, values more, values less."""

    put: Wanted = field(default_factory=dict)
    add: Wanted = field(default_factory=dict)
    remove: Wanted = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation changed, or would change; the id is None for a rehearsal."""

    operation_id: UUID | None
    customers: int
    deleted: int
    unchanged: int
    first: tuple[UUID, ...]


async def move_customers(
    name: str, source: int, target: int, uow: UnitOfWork, *, day: date, rehearse: bool
) -> Done:
    """Move all customers of one value of a list to another, deleted ones too (TS-19 to TS-21)."""
    if source == target:
        raise InvalidField("to_number", "is the value itself", "Choose another value of the list.")
    row = await lists.find_value(uow.connection, name, source)
    if row is None:
        raise ValueNotFound(f"There is no {name} {source}.")
    ids = await lists.holder_ids(uow.connection, row.key, limit=AT_MOST + 1)
    several = LISTS[name].several
    change = (
        Change(remove={name: (source,)}, add={name: (target,)})
        if several
        else Change(put={name: (target,)})
    )
    request = {"move": name, "from": source, "to": target}
    return await _change(ids, change, request, uow, day=day, rehearse=rehearse, holding=row.key)


async def change_matches(
    wanted: CustomerFilter,
    change: Change,
    request: Mapping[str, Any],
    uow: UnitOfWork,
    *,
    day: date,
    rehearse: bool,
) -> Done:
    """Change all live customers that a search finds; `request` is kept to tell what was asked."""
    query = await search.prepare(uow.connection, wanted)
    ids = [] if query is None else await search.find_ids(uow.connection, query, limit=AT_MOST + 1)
    return await _change(ids, change, request, uow, day=day, rehearse=rehearse)


async def _change(
    ids: Sequence[UUID],
    change: Change,
    request: Mapping[str, Any],
    uow: UnitOfWork,
    *,
    day: date,
    rehearse: bool,
    holding: int | None = None,
) -> Done:
    if len(ids) > AT_MOST:
        raise OperationTooLarge(f"More than {AT_MOST:,} customers match.")
    operation_id = new_id()
    if not rehearse:
        await store.belong_to(uow.connection, operation_id)
    live: list[UUID] = []
    deleted: list[UUID] = []
    # At least once: what is wrong with the change is wrong whoever matches.
    for begin in range(0, max(len(ids), 1), CHUNK):
        changed = await classify_customers(
            ids[begin : begin + CHUNK],
            change.put,
            uow,
            day=day,
            add=change.add,
            remove=change.remove,
            rehearse=rehearse,
            holding=holding,
        )
        for one, is_deleted in changed.items():
            (deleted if is_deleted else live).append(one)
    count = len(live) + len(deleted)
    if not rehearse and count:
        await store.insert_operation(
            uow.connection,
            operation_id,
            request,
            customers=len(live),
            deleted=len(deleted),
            now=uow.now,
        )
        uow.record(OperationCompleted(operation_id, len(live), len(deleted)))
    return Done(
        operation_id=None if rehearse or not count else operation_id,
        customers=len(live),
        deleted=len(deleted),
        unchanged=len(ids) - count,
        first=tuple(live[:SHOWN]),
    )
