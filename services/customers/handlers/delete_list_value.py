"""Delete a list value: never from under its holders (VF-07, VF-A2), or by merging it into another.

A value that live records hold is refused with their count and the first of them, unless it is moved
to another value. A value that only deleted records hold is archived, so that they can be restored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.customers.domain.bans import CHANNEL_OF, bans_of
from services.customers.domain.events import ListValueRemoved
from services.customers.domain.lists import LISTS, MAX_DEPTH, TRACKING_VALUE, ListDefinition
from services.customers.handlers.change_bans import tell_contact_bans
from services.customers.handlers.save_list_value import (
    DefaultNeeded,
    TitleTaken,
    ValueNotFound,
    held_value,
    refuse_second,
    tell_values,
)
from services.customers.handlers.tell_records import tell_contacts, tell_customers
from services.customers.persistence import lists as store
from services.customers.persistence.lists import CONTACT_ATTRIBUTES, CUSTOMERS, Holder
from services.customers.persistence.register import fetch_settings
from shared.chassis.errors import InvalidField, Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork

CHUNK = 2000


class ValueInUse(Refusal):
    """Records, other values or settings still use the value."""

    kind = Kind.CONFLICT
    slug = "list_value_in_use"
    remedy = "Move its holders with ?move_to=NUMBER, or archive the value."


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
    settings: dict[str, int | None] = {}
    if CONTACT_ATTRIBUTES in store.holders_of(definition):
        # Whoever changes a setting holds it before the attribute that it is to name.
        settings = await fetch_settings(uow.connection, lock=True)
    row = await held_value(name, number, uow, expected=expected)
    _refuse_by_settings(row, settings)
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
        for holder in store.holders_of(definition):
            used = await store.usage(uow.connection, row, holder)
            if used.live or used.deleted:
                raise InvalidField(
                    "move_to",
                    "only one of the two means that the relationship has ended",
                    "Move the customers first, which dates the end: POST /v1/customer-moves.",
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
    if definition.name == TRACKING_VALUE and row.parent != target.parent:
        await refuse_second({row.key}, target.parent, uow, besides={target.key})
    if definition.name == LISTS[TRACKING_VALUE].inside:
        values = await store.values_in(uow.connection, [TRACKING_VALUE])
        inside = {one.key for one in values if one.parent == row.key}
        await refuse_second(inside, target.key, uow)


async def _delete(definition: ListDefinition, row: Row[Any], uow: UnitOfWork) -> Deletion:
    deleted_hold_it = False
    for holder in store.holders_of(definition):
        used = await store.usage(uow.connection, row, holder)
        if used.live:
            raise ValueInUse(
                f"{row.title!r} is held by {used.live} {holder.table}s.",
                facts={
                    "held_by": holder.table,
                    "count": used.live,
                    "blockers": [str(one) for one in used.first],
                },
            )
        deleted_hold_it = deleted_hold_it or used.deleted > 0
    inside = await store.values_inside(uow.connection, row.key)
    if inside:
        raise ValueInUse(
            f"{row.title!r} has {len(inside)} values below or inside it.",
            remedy="Move them, or delete them first.",
            facts={"count": len(inside), "blockers": inside[:10]},
        )
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
    settings: Mapping[str, int | None],
    uow: UnitOfWork,
) -> Deletion:
    moved = {
        holder: await store.move_holders(uow.connection, holder, row, target, now=uow.now)
        for holder in store.holders_of(definition)
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
    settings: Mapping[str, int | None],
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


def _refuse_by_settings(row: Row[Any], settings: Mapping[str, int | None]) -> None:
    naming = sorted(name for name, value in settings.items() if value == row.number)
    if naming:
        raise ValueInUse(
            f"{row.title!r} is named by the settings {', '.join(naming)}.",
            remedy="Give those settings another number first.",
            facts={"blockers": naming},
        )
