"""Give customers values of the classification lists; statuses end and reopen relationships."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.customers.domain.classification import (
    Held,
    Outcome,
    check_chosen,
    reclassified,
    refuse_archived,
)
from services.customers.domain.events import RelationshipEnded
from services.customers.domain.lists import (
    CUSTOMER_STATUS,
    END_REASON,
    HEADCOUNT_CLASS,
    LISTS,
    TRACKING_VALUE,
    Band,
)
from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence import lists as store
from services.customers.persistence.customers import set_classifications
from services.customers.persistence.documents import lock_customers
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork

Wanted = Mapping[str, Sequence[int]]
"""The numbers of the values to hold, by list; lists that are not named stay as they are."""

Kept = Mapping[tuple[str, int], Row[Any]]
"""Values by list and number, kept from deletion."""

NOTHING: Wanted = {}


async def classify_customers(
    customer_ids: Collection[UUID],
    wanted: Wanted,
    uow: UnitOfWork,
    *,
    day: date,
    add: Wanted = NOTHING,
    remove: Wanted = NOTHING,
    rehearse: bool = False,
    holding: int | None = None,
) -> dict[UUID, bool]:
    """
    Let these customers hold the wanted values, and those to add, and no longer those to remove.

    Returns for whom that is a change, and whether he is deleted; a rehearsal changes nobody. `day`
    is when the relationship of those ends who turn to an ended status. With `holding`, only those
    are changed who still hold that key.
    """
    twice = sorted(set(wanted) & set(add))
    if twice:
        raise InvalidField(
            f"add.{twice[0]}"[:100], "the list is put as well", "Put all its values."
        )
    kept = await keep_values((wanted, add, remove), uow)
    chosen = _chosen(wanted, kept)
    added = _chosen(add, kept)
    removed = _chosen(remove, kept, complete=False)
    for name in remove:
        if LISTS[name].compulsory and name not in {*wanted, *add}:
            raise InvalidField(
                f"remove.{name}",
                f"every customer has a {name} (VF-02)",
                "Say which one takes its place, under `put`.",
            )
    present = await lock_customers(uow.connection, customer_ids)
    rules = await store.values_in(uow.connection, {*wanted, *add, CUSTOMER_STATUS, END_REASON})
    values = [value for held in (*chosen.values(), *added.values()) for value in held]
    replaced = {value.key for held in removed.values() for value in held}
    replaced |= {row.key for row in rules if row.list in wanted or _gives_way(row, added)}
    ended = {row.key for row in rules if row.list == CUSTOMER_STATUS and row.facts["ended"]}
    reasons = {row.key for row in rules if row.list == END_REASON}
    outcomes: dict[UUID, Outcome] = {}
    for customer_id, row in present.items():
        held_keys = set(row.classifications)
        if holding is not None and holding not in held_keys:
            continue
        refuse_archived(values, held_keys)
        outcome = reclassified(
            held_keys,
            row.ended_on,
            replaced=replaced,
            given={value.key for value in values},
            ended_statuses=ended,
            end_reasons=reasons,
            day=day,
        )
        if outcome.keys != held_keys or outcome.ended_on != row.ended_on:
            outcomes[customer_id] = outcome
    if outcomes and not rehearse:
        await set_classifications(
            uow.connection,
            {one: (outcome.keys, outcome.ended_on) for one, outcome in outcomes.items()},
            now=uow.now,
        )
        reasons_given = [*chosen.get(END_REASON, ()), *added.get(END_REASON, ())]
        await _tell(outcomes, reasons_given, uow)
    return {one: present[one].deleted_at is not None for one in outcomes}


def _gives_way(row: Row[Any], added: Mapping[str, Sequence[Held]]) -> bool:
    """Tell whether a value gives way to an added one: of the same list, or tracking object."""
    values = added.get(row.list, ())
    if not values:
        return False
    if not LISTS[row.list].several:
        return True
    return row.list == TRACKING_VALUE and row.parent in {value.parent for value in values}


async def headcount_class(headcount: int, uow: UnitOfWork) -> list[int]:
    """Return the number of the class that so many people fall into; empty if there is none."""
    rows = await store.list_values(uow.connection, HEADCOUNT_CLASS, archived=False)
    return [
        row.number
        for row in rows
        if Band(row.key, row.title, row.facts["min"], row.facts["max"]).holds(headcount)
    ]


async def _tell(outcomes: Mapping[UUID, Outcome], reasons: Sequence[Held], uow: UnitOfWork) -> None:
    rows = await tell_customers(outcomes, uow)
    uow.record_all(
        RelationshipEnded(
            customer_id=customer_id,
            version=rows[customer_id].version,
            ended_on=outcome.ended_on,
            reason=reasons[0].title if reasons else None,
        )
        for customer_id, outcome in outcomes.items()
        if outcome.ends_now and outcome.ended_on is not None
    )


async def keep_values(given: Iterable[Wanted], uow: UnitOfWork) -> Kept:
    """
    Keep values from deletion until the commit, before any customer is locked, and return them.

    Whoever merges values goes in this order as well, so that no two wait for each other.
    """
    pairs = {
        (name, number)
        for wanted in given
        for name, numbers in wanted.items()
        if name in LISTS
        for number in numbers
    }
    return await store.find_values(uow.connection, pairs)


def _chosen(wanted: Wanted, rows: Kept, *, complete: bool = True) -> dict[str, list[Held]]:
    """Return the values of these numbers; `complete` where they are all a customer is to hold."""
    for name in wanted:
        if name not in LISTS or not LISTS[name].held_by_customers:
            known = ", ".join(one.name for one in LISTS.values() if one.held_by_customers)
            raise InvalidField(
                f"classifications.{name}"[:100],
                "customers hold no values of such a list",
                f"The lists are: {known}.",
            )
    pairs = [(name, number) for name, numbers in wanted.items() for number in numbers]
    for name, number in pairs:
        if (name, number) not in rows:
            raise InvalidField(
                f"classifications.{name}",
                f"there is no {name} {number}",
                f"List them: GET /v1/{LISTS[name].path}.",
            )
    chosen = {
        name: [_held(rows[name, number]) for number in dict.fromkeys(numbers)]
        for name, numbers in wanted.items()
    }
    for name, values in chosen.items() if complete else ():
        check_chosen(name, values)
    return chosen


def _held(row: Row[Any]) -> Held:
    return Held(
        key=row.key,
        list_name=row.list,
        number=row.number,
        title=row.title,
        parent=row.parent,
        facts=row.facts,
        archived=row.archived_at is not None,
    )
