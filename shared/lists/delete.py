"""Delete a list value: never from under its holders, or by merging it into another.

A value that live records hold is refused with their count and the first of them, unless it is moved
to another value. A value that only deleted records hold is archived, so that they can be restored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Row

from shared.chassis.chunks import chunks
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists import relations, store
from shared.lists.definition import MAX_DEPTH, ListDefinition
from shared.lists.events import ListValueRemoved
from shared.lists.holders import move_holders
from shared.lists.lists import Lists, Settings
from shared.lists.save import DefaultNeeded, TitleTaken, ValueNotFound, held_value
from shared.lists.tell import tell_values
from shared.lists.use import (
    refuse_home,
    refuse_live,
    refuse_named,
    refuse_referred,
    refuse_second,
)

CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of a value, and how many of which record were moved away from it."""

    archived: bool
    moved: Mapping[str, int] = field(default_factory=dict)


async def delete_value(
    lists: Lists,
    name: str,
    number: int,
    uow: UnitOfWork,
    *,
    expected: int,
    move_to: int | None = None,
) -> Deletion:
    """Delete a value, or archive it where deleted records hold it; with `move_to`, merge it."""
    definition = lists.called(name)
    # Whoever edits values that refer to this one holds their list first, and then them.
    referring = {one for one, _ in lists.referring_to(name)}
    await store.hold_lists(uow.connection, {name, *referring})
    settings = await lists.hold_settings(definition, uow)
    row = await held_value(name, number, uow, expected=expected)
    refuse_named(row, settings)
    if row.facts.get("default"):
        raise DefaultNeeded(f"{row.title!r} is the default.")
    if move_to is None:
        return await _delete(lists, definition, row, uow)
    if move_to == number:
        raise InvalidField("move_to", "is the value itself", "Choose another value of the list.")
    # Only kept from deletion: whoever gives both values would else wait for us, and we for him.
    found = await store.find_values(uow.connection, [(name, move_to)])
    if not found:
        raise ValueNotFound(f"There is no {name} {move_to}.")
    (heir,) = found.values()
    await _refuse_heir(lists, definition, row, heir, uow)
    return await _merge(lists, definition, row, heir, settings, uow)


async def _refuse_heir(
    lists: Lists, definition: ListDefinition, row: Row[Any], heir: Row[Any], uow: UnitOfWork
) -> None:
    """Refuse a value that the holders, or the values inside, could not all go to."""
    if heir.archived_at is not None:
        raise InvalidField("move_to", f"{heir.title!r} is archived", "Choose a live value.")
    await lists.check_heir(definition, row, heir, uow)
    if definition.tree:
        above = await relations.ancestors(uow.connection, heir.key)
        if row.key in above:
            raise InvalidField("move_to", "lies below the value", "Choose one outside its subtree.")
        if len(above) + await relations.height(uow.connection, row.key) - 1 > MAX_DEPTH:
            raise InvalidField(
                "move_to", f"the tree would have more than {MAX_DEPTH} levels", "Move it higher up."
            )
    twin = await relations.shared_title(uow.connection, row.key, heir.key)
    if twin is not None:
        raise TitleTaken(
            f"move_to: both have a value {twin!r} inside. Merge or rename those first."
        )
    if definition.one_inside and row.parent != heir.parent:
        await refuse_second(lists, definition.name, {row.key}, heir.parent, uow, besides={heir.key})
    for one in lists.definitions.values():
        if one.one_inside and one.inside == definition.name:
            values = await store.values_in(uow.connection, [one.name])
            inside = {value.key for value in values if value.parent == row.key}
            await refuse_second(lists, one.name, inside, heir.key, uow)


async def _delete(
    lists: Lists, definition: ListDefinition, row: Row[Any], uow: UnitOfWork
) -> Deletion:
    deleted_hold_it = await refuse_live(lists, definition, row, uow)
    await refuse_home(row, uow)
    await refuse_referred(lists, definition, row, uow)
    await lists.refuse_other_use(row, uow)
    if deleted_hold_it:
        await store.archive_value(uow.connection, row.key, now=uow.now)
        await tell_values(lists, [row.key], uow)
        return Deletion(archived=True)
    await _remove(lists, row, None, uow)
    return Deletion(archived=False)


async def _merge(
    lists: Lists,
    definition: ListDefinition,
    row: Row[Any],
    heir: Row[Any],
    settings: Settings,
    uow: UnitOfWork,
) -> Deletion:
    moved = {
        holder: await move_holders(uow.connection, holder, row, heir, now=uow.now)
        for holder in lists.holders_of(definition)
    }
    for holder, ids in moved.items():
        for some in chunks(ids, CHUNK):
            await lists.tell_moved(holder, some, heir, settings, uow)
            await uow.flush()
    await _remove(lists, row, heir, uow)
    return Deletion(
        archived=False, moved={holder.plural: len(ids) for holder, ids in moved.items()}
    )


async def _remove(lists: Lists, row: Row[Any], heir: Row[Any] | None, uow: UnitOfWork) -> None:
    await lists.hand_over(row, heir, uow)
    changed = await relations.move_relations(
        uow.connection,
        row.key,
        None if heir is None else heir.key,
        referring=lists.referring_to(row.list),
        now=uow.now,
    )
    await store.delete_value(uow.connection, row.key, now=uow.now)
    await tell_values(lists, changed, uow)
    uow.record(ListValueRemoved(row.list, row.value_id, row.version + 1, row.number, row.title))
