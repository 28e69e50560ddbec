"""Give customers values of the classification lists; statuses end and reopen relationships."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.customers.domain.attribute_values import (
    Asked,
    Names,
    Value,
    checked,
)
from services.customers.domain.classification import (
    Held,
    Outcome,
    check_chosen,
    reclassified,
    refuse_archived,
    with_attributes,
)
from services.customers.domain.events import RelationshipEnded
from services.customers.domain.lists import (
    CUSTOMER,
    CUSTOMER_ATTRIBUTE,
    CUSTOMER_ATTRIBUTE_CHOICE,
    CUSTOMER_STATUS,
    END_REASON,
    HEADCOUNT_CLASS,
    LISTS,
    Band,
)
from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence.attributes import attributes_of, keep_attributes
from services.customers.persistence.customers import set_classifications
from services.customers.persistence.documents import lock_customers
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists import store

Wanted = Mapping[str, Sequence[int]]
"""The numbers of the values to hold, by list; lists that are not named stay as they are."""

Kept = Mapping[tuple[str, int], Row[Any]]
"""Values by list and number, kept from deletion."""

NOTHING: Wanted = {}

Values = Mapping[int, Value | None]
"""Values of customer attributes by number; None takes attribute and value away."""

NO_VALUES: Values = {}

ATTRIBUTES, CHOICES = CUSTOMER_ATTRIBUTE, CUSTOMER_ATTRIBUTE_CHOICE
NAMES = Names(f"classifications.{ATTRIBUTES}", f"classifications.{CHOICES}")


async def classify_customers(
    customer_ids: Collection[UUID],
    wanted: Wanted,
    uow: UnitOfWork,
    *,
    day: date,
    add: Wanted = NOTHING,
    remove: Wanted = NOTHING,
    values: Values = NO_VALUES,
    rehearse: bool = False,
    holding: int | None = None,
) -> dict[UUID, bool]:
    """
    Let these customers hold the wanted values, and those to add, and no longer those to remove.

    `values` are those of customer attributes by number, each giving its attribute; None takes both
    away (LS-A11).
    Returns for whom that is a change, and whether he is deleted; a rehearsal changes nobody. `day`
    is when the relationship of those ends who turn to an ended status. With `holding`, only those
    are changed who still hold that key.
    """
    twice = sorted(set(wanted) & set(add))
    if twice:
        raise InvalidField(
            f"add.{twice[0]}"[:100], "the list is put as well", "Put all its values."
        )
    kept = await keep_values((wanted, add, remove, naming(values)), uow)
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
    asked = _asked(chosen, added, removed, values)
    attributes = {} if asked.is_empty else await attributes_of(uow.connection, ATTRIBUTES)
    asked = checked(asked, attributes, NAMES)
    given = [value for held in (*chosen.values(), *added.values()) for value in held]
    archived = [value for value in given if value.list_name != ATTRIBUTES]
    for held in (chosen, added, removed):
        held.pop(ATTRIBUTES, None)
        held.pop(CHOICES, None)
    rules = await store.values_in(uow.connection, {*chosen, *added, CUSTOMER_STATUS, END_REASON})
    keys = {value.key for held in (*chosen.values(), *added.values()) for value in held}
    replaced = {value.key for held in removed.values() for value in held}
    replaced |= {row.key for row in rules if row.list in chosen or _gives_way(row, added)}
    ended = {row.key for row in rules if row.list == CUSTOMER_STATUS and row.facts["ended"]}
    reasons = {row.key for row in rules if row.list == END_REASON}
    outcomes: dict[UUID, Outcome] = {}
    for customer_id, row in present.items():
        held_keys = frozenset(row.classifications)
        if holding is not None and holding not in held_keys:
            continue
        refuse_archived(archived, held_keys)
        outcome = reclassified(
            held_keys,
            row.ended_on,
            replaced=replaced,
            given=keys,
            ended_statuses=ended,
            end_reasons=reasons,
            day=day,
        )
        before = {int(number): value for number, value in row.attribute_values.items()}
        outcome = with_attributes(outcome, before, asked, attributes, NAMES)
        if outcome != replace(outcome, keys=held_keys, ended_on=row.ended_on, values=before):
            outcomes[customer_id] = outcome
    if outcomes and not rehearse:
        await set_classifications(
            uow.connection,
            {
                one: (outcome.keys, outcome.ended_on, outcome.values)
                for one, outcome in outcomes.items()
            },
            now=uow.now,
        )
        reasons_given = [*chosen.get(END_REASON, ()), *added.get(END_REASON, ())]
        await _tell(outcomes, reasons_given, uow)
    return {one: present[one].deleted_at is not None for one in outcomes}


def _gives_way(row: Row[Any], added: Mapping[str, Sequence[Held]]) -> bool:
    """Tell whether a value gives way to an added one of its list, or inside the same value."""
    values = added.get(row.list, ())
    if not values:
        return False
    if not LISTS[row.list].several:
        return True
    return LISTS[row.list].one_inside and row.parent in {value.parent for value in values}


def _asked(
    chosen: Mapping[str, Sequence[Held]],
    added: Mapping[str, Sequence[Held]],
    removed: Mapping[str, Sequence[Held]],
    values: Values,
) -> Asked:
    def numbers(held: Mapping[str, Sequence[Held]]) -> frozenset[int]:
        return frozenset(value.number for value in held.get(ATTRIBUTES, ()))

    def keys(held: Mapping[str, Sequence[Held]]) -> frozenset[int]:
        return frozenset(value.key for value in held.get(CHOICES, ()))

    return Asked(
        put=numbers(chosen) if ATTRIBUTES in chosen else None,
        added=numbers(added),
        removed=numbers(removed),
        put_choices=keys(chosen) if CHOICES in chosen else None,
        added_choices=keys(added),
        removed_choices=keys(removed),
        values=values,
    )


def naming(values: Values) -> Wanted:
    """Return the attributes that have these values, as values of a list to keep."""
    return {ATTRIBUTES: tuple(values)} if values else NOTHING


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
    rows = await store.find_values(uow.connection, pairs)
    if {name for name, _ in pairs} & {ATTRIBUTES, CHOICES}:
        await keep_attributes(uow.connection, ATTRIBUTES)
    return rows


def _chosen(wanted: Wanted, rows: Kept, *, complete: bool = True) -> dict[str, list[Held]]:
    """Return the values of these numbers; `complete` where they are all a customer is to hold."""
    for name in wanted:
        if name not in LISTS or CUSTOMER not in LISTS[name].held_by:
            known = ", ".join(one.name for one in LISTS.values() if CUSTOMER in one.held_by)
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
