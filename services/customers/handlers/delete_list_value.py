"""Delete a list value: never from under its holders (VF-07, VF-A2), or by merging it into another.

A value that live records hold is refused with their count and the first of them, unless it is moved
to another value. A value that only deleted records hold is archived, so that they can be restored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.customers.domain.attribute_values import value_type_of
from services.customers.domain.bans import CHANNEL_OF, bans_of
from services.customers.domain.events import ListValueRemoved
from services.customers.domain.lists import ATTRIBUTES_OF, LISTS, MAX_DEPTH, ListDefinition
from services.customers.handlers.change_bans import tell_contact_bans
from services.customers.handlers.save_list_value import (
    DefaultNeeded,
    TitleTaken,
    ValueNotFound,
    held_value,
    tell_values,
)
from services.customers.handlers.tell_records import tell_contacts, tell_customers
from services.customers.handlers.value_use import (
    Settings,
    held_settings,
    refuse_home,
    refuse_live,
    refuse_named,
    refuse_second,
)
from services.customers.persistence import lists as store
from services.customers.persistence.holders import (
    CONTACT_ATTRIBUTES,
    CUSTOMERS,
    Holder,
    holders_of,
    move_holders,
    usage,
)
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork

CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of a value, and how many records were moved away from it."""

    archived: bool
    moved_customers: int = 0
    moved_contacts: int = 0


async def delete_value(
    name: str, number: int, uow: UnitOfWork, *, expected: int, move_to: int | None = None
) -> Deletion:
    """Delete a value, or archive it where deleted records hold it; with `move_to`, merge it."""
    definition = LISTS[name]
    await store.hold_list(uow.connection, name)
    settings = await held_settings(definition, uow)
    row = await held_value(name, number, uow, expected=expected)
    refuse_named(row, settings)
    if row.facts.get("default"):
        raise DefaultNeeded(f"{row.title!r} is the default.")
    if move_to is None:
        return await _delete(definition, row, uow)
    if move_to == number:
        raise InvalidField("move_to", "is the value itself", "Choose another value of the list.")
    # Only kept from deletion: whoever gives both values would else wait for us, and we for him.
    found = await store.find_values(uow.connection, [(name, move_to)])
    if not found:
        raise ValueNotFound(f"There is no {name} {move_to}.")
    (target,) = found.values()
    await _refuse_heir(definition, row, target, uow)
    return await _merge(definition, row, target, settings, uow)


async def _refuse_heir(
    definition: ListDefinition, row: Row[Any], target: Row[Any], uow: UnitOfWork
) -> None:
    """Refuse a target that the holders, or the values inside, could not all go to."""
    if target.archived_at is not None:
        raise InvalidField("move_to", f"{target.title!r} is archived", "Choose a live value.")
    if row.facts.get("ended") != target.facts.get("ended"):
        for holder in holders_of(definition):
            used = await usage(uow.connection, row, holder)
            if used.live or used.deleted:
                raise InvalidField(
                    "move_to",
                    "only one of the two means that the relationship has ended",
                    "Move the customers first, which dates the end: POST /v1/customer-moves.",
                )
    if value_type_of(row.facts) != value_type_of(target.facts):
        raise InvalidField(
            "move_to",
            f"{target.title!r} is of type {value_type_of(target.facts)}, "
            f"{row.title!r} of type {value_type_of(row.facts)}",
            "Choose an attribute of the same type.",
        )
    if target.facts.get("scope", "both") not in ("both", row.facts.get("scope")):
        raise InvalidField(
            "move_to",
            f"{target.title!r} is for {target.facts['scope']}s only (TS-04)",
            "Widen its scope first.",
        )
    if definition.tree:
        above = await store.ancestors(uow.connection, target.key)
        if row.key in above:
            raise InvalidField("move_to", "lies below the value", "Choose one outside its subtree.")
        if len(above) + await store.height(uow.connection, row.key) - 1 > MAX_DEPTH:
            raise InvalidField(
                "move_to", f"the tree would have more than {MAX_DEPTH} levels", "Move it higher up."
            )
    twin = await store.shared_title(uow.connection, row.key, target.key)
    if twin is not None:
        raise TitleTaken(
            f"move_to: both have a value {twin!r} inside. Merge or rename those first."
        )
    if definition.one_inside and row.parent != target.parent:
        if definition.name in ATTRIBUTES_OF:
            raise InvalidField(
                "move_to",
                f"{target.title!r} belongs to another attribute",
                "Choose one of the same attribute.",
            )
        await refuse_second(definition.name, {row.key}, target.parent, uow, besides={target.key})
    for one in LISTS.values():
        if one.one_inside and one.inside == definition.name:
            values = await store.values_in(uow.connection, [one.name])
            inside = {value.key for value in values if value.parent == row.key}
            await refuse_second(one.name, inside, target.key, uow)


async def _delete(definition: ListDefinition, row: Row[Any], uow: UnitOfWork) -> Deletion:
    deleted_hold_it = await refuse_live(definition, row, uow)
    await refuse_home(row, uow)
    if deleted_hold_it:
        await store.archive_value(uow.connection, row.key, now=uow.now)
        await tell_values([row.key], uow)
        return Deletion(archived=True)
    await _remove(row, None, uow)
    return Deletion(archived=False)


async def _merge(
    definition: ListDefinition,
    row: Row[Any],
    target: Row[Any],
    settings: Settings,
    uow: UnitOfWork,
) -> Deletion:
    moved = {
        holder: await move_holders(uow.connection, holder, row, target, now=uow.now)
        for holder in holders_of(definition)
    }
    for holder, ids in moved.items():
        for begin in range(0, len(ids), CHUNK):
            await _tell(holder, ids[begin : begin + CHUNK], target, settings, uow)
    await _remove(row, target.key, uow)
    return Deletion(
        archived=False,
        moved_customers=sum(len(ids) for holder, ids in moved.items() if holder is CUSTOMERS),
        moved_contacts=sum(len(ids) for holder, ids in moved.items() if holder is not CUSTOMERS),
    )


async def _tell(
    holder: Holder,
    ids: Sequence[UUID],
    target: Row[Any],
    settings: Settings,
    uow: UnitOfWork,
) -> None:
    if holder is CUSTOMERS:
        await tell_customers(ids, uow)
        return
    rows = await tell_contacts(ids, uow)
    if holder is CONTACT_ATTRIBUTES and target.number in {settings[name] for name in CHANNEL_OF}:
        # Moved onto an attribute that is a ban, they are banned from this moment on.
        await tell_contact_bans(
            {one: bans_of(row.attributes, settings) for one, row in rows.items()}, uow
        )


async def _remove(row: Row[Any], heir: int | None, uow: UnitOfWork) -> None:
    changed = await store.move_relations(uow.connection, row.key, heir, now=uow.now)
    await store.delete_value(uow.connection, row.key, now=uow.now)
    await tell_values(changed, uow)
    uow.record(ListValueRemoved(row.list, row.value_id, row.version + 1, row.number, row.title))
