"""Create and change the values of the classification lists."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy.engine import Row

from services.customers.domain.attribute_values import LIST, TICK, value_type_of
from services.customers.domain.lists import (
    ATTRIBUTES_OF,
    CHOICES_OF,
    HEADCOUNT_CLASS,
    LISTS,
    MAX_DEPTH,
    Band,
    FactValue,
    ListDefinition,
    checked_facts,
    refuse_overlap,
)
from services.customers.handlers.narrow_scope import narrow_scope
from services.customers.handlers.value_use import (
    held_settings,
    refuse_held,
    refuse_home,
    refuse_named,
    refuse_second,
)
from services.customers.persistence import lists as store
from services.customers.persistence.customers import open_number_series
from services.customers.persistence.rows import value_saved
from shared.chassis.errors import InvalidField, Kind, Refusal, StaleVersion
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork

MAX_NUMBER = 2**31 - 1

MOST_VALUES = 20_000
"""A list is shown whole: people choose from it, and a file may add titles to it (imports)."""


class ValueNotFound(Refusal):
    """The list has no such value."""

    kind = Kind.NOT_FOUND
    slug = "list_value_not_found"
    remedy = "List the values of the list to find its number."


class NumberTaken(Refusal):
    """Another value of the list has, or had, this number."""

    kind = Kind.CONFLICT
    slug = "list_number_taken"
    remedy = "Choose another number, or leave it out to get the next free one."


class TitleTaken(Refusal):
    """Another live value beside it has this title."""

    kind = Kind.CONFLICT
    slug = "list_title_taken"
    remedy = "Choose another title, or use the value that has it."


class DefaultNeeded(Refusal):
    """A list with a default always has exactly one (VF-A10)."""

    kind = Kind.CONFLICT
    slug = "default_needed"
    remedy = "Make another value the default first."


class TooManyValues(Refusal):
    """The list has as many values as one can be shown with."""

    kind = Kind.CONFLICT
    slug = "too_many_list_values"
    remedy = f"Delete values that nobody holds, or merge some; there can be {MOST_VALUES:,}."


@dataclass(frozen=True, slots=True)
class SaveListValue:
    """What a person says about a value; `parent` and `members` are numbers."""

    title: str
    number: int | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    order: int = 0
    archived: bool = False
    parent: int | None = None
    members: tuple[int, ...] = ()
    facts: Mapping[str, FactValue] = field(default_factory=dict)


async def create_value(name: str, command: SaveListValue, uow: UnitOfWork) -> int:
    """Add a value to a list; return its number."""
    definition = LISTS[name]
    last = await store.hold_list(uow.connection, name)
    values = await store.list_values(uow.connection, name)
    if len(values) >= MOST_VALUES:
        raise TooManyValues(f"The list has {len(values):,} values already.")
    taken = {row.number for row in values}
    # A number given by hand may lie at the very end of what a number can be.
    number = command.number or next_numbers(last, taken, 1)[0]
    if number in taken:
        raise NumberTaken(f"number: {number} is taken.")
    row = await _checked(definition, command, None, values, uow)
    (key,) = await store.next_keys(uow.connection, 1)
    row |= {"key": key, "list": name, "number": number, "value_id": new_id()}
    if definition.compulsory and not any(one.facts.get("default") for one in values):
        row["facts"]["default"] = True
    await _one_default(definition, row["facts"], uow)
    await open_series([row["facts"]], uow)
    await store.insert_values(uow.connection, [row], now=uow.now)
    await store.set_last_numbers(uow.connection, {name: number})
    await tell_values([key], uow)
    return number


def next_numbers(last: int, taken: set[int], count: int) -> list[int]:
    """Return numbers that a list has never given, or, at the end of them, those that are free."""
    if last + count <= MAX_NUMBER:
        return list(range(last + 1, last + count + 1))
    return list(islice((one for one in range(1, MAX_NUMBER) if one not in taken), count))


async def open_series(facts: Iterable[Mapping[str, FactValue]], uow: UnitOfWork) -> None:
    """Let there be a number series for every prefix that these values name (LS-09, LS-10)."""
    prefixes = {str(prefix) for one in facts if (prefix := one.get("prefix"))}
    if prefixes:
        await open_number_series(uow.connection, prefixes)


async def change_value(
    name: str,
    number: int,
    command: SaveListValue,
    uow: UnitOfWork,
    *,
    expected: int,
    force: bool = False,
) -> None:
    """
    Replace what a value says if it is still at the expected version; archive or revive it.

    With `force`, a narrower scope takes the value away from those whom it leaves out (TS-A10).
    """
    definition = LISTS[name]
    await store.hold_list(uow.connection, name)
    settings = await held_settings(definition, uow)
    # Before the value itself: whoever deletes them holds them, and then changes what names them.
    await store.find_values(uow.connection, _named_by(definition, command))
    present = await held_value(name, number, uow, expected=expected)
    values = await store.list_values(uow.connection, name)
    row = await _checked(definition, command, present, values, uow)
    await _refuse_other_home(definition, present, row["parent"], uow)
    await _refuse_other_type(definition, present, row["facts"], uow)
    if command.archived or value_type_of(row["facts"]) != TICK:
        refuse_named(present, settings)
    if "scope" in row["facts"]:
        await narrow_scope(definition, present, row["facts"]["scope"], uow, force=force)
    row["archived"] = command.archived
    if present.facts.get("default") and (command.archived or not row["facts"]["default"]):
        raise DefaultNeeded(f"{present.title!r} is the default.")
    if command.archived and row["facts"].get("default"):
        raise DefaultNeeded("default: what is archived cannot be the default.")
    if not present.facts.get("default"):
        await _one_default(definition, row["facts"], uow)
    await open_series([row["facts"]], uow)
    await store.update_value(uow.connection, present.key, row, now=uow.now)
    await tell_values([present.key], uow)


async def _refuse_other_home(
    definition: ListDefinition, present: Row[Any], home: int | None, uow: UnitOfWork
) -> None:
    """Refuse to put a value somewhere else where its holders would break a rule of the list."""
    if not definition.one_inside or home == present.parent:
        return
    if definition.name in ATTRIBUTES_OF:
        await refuse_held(
            definition, present, uow, remedy="Leave it in its attribute, or create another choice."
        )
    else:
        await refuse_second(definition.name, {present.key}, home, uow)


async def _refuse_other_type(
    definition: ListDefinition,
    present: Row[Any],
    facts: Mapping[str, FactValue],
    uow: UnitOfWork,
) -> None:
    """Refuse another type for an attribute that anybody holds, or that has choices (LS-A11)."""
    if value_type_of(facts) == value_type_of(present.facts):
        return
    remedy = "Leave `value_type` as it is, or take the attribute away from its holders first."
    await refuse_held(definition, present, uow, remedy=remedy)
    if definition.name in CHOICES_OF:
        await refuse_home(present, uow)


def _named_by(definition: ListDefinition, command: SaveListValue) -> list[tuple[str, int]]:
    home = definition.home
    named = [] if home is None or command.parent is None else [(home, command.parent)]
    return named + [(definition.bundles, one) for one in command.members if definition.bundles]


async def held_value(
    name: str, number: int, uow: UnitOfWork, *, expected: int | None = None
) -> Row[Any]:
    """Lock a value against being held or changed and return it."""
    row = await store.find_value(uow.connection, name, number, lock=True)
    if row is None:
        raise ValueNotFound(f"There is no {name} {number}.")
    if expected is not None and row.version != expected:
        raise StaleVersion(f"The value is at version {row.version}, not {expected}.")
    return row


async def tell_values(keys: Iterable[int], uow: UnitOfWork) -> None:
    """Record values of lists as they now stand."""
    rows = await store.values_of(uow.connection, list(keys))
    uow.record_all(value_saved(row) for row in rows.values())


async def _one_default(
    definition: ListDefinition, facts: Mapping[str, FactValue], uow: UnitOfWork
) -> None:
    if facts.get("default"):
        cleared = await store.clear_default(uow.connection, definition.name, now=uow.now)
        await tell_values(cleared, uow)


async def _checked(
    definition: ListDefinition,
    command: SaveListValue,
    present: Row[Any] | None,
    values: Iterable[Row[Any]],
    uow: UnitOfWork,
) -> dict[str, Any]:
    """Return the columns of a value; refuse what the list does not allow, naming the field."""
    parent = await _parent(definition, command, present, uow)
    facts = checked_facts(definition, command.facts)
    own_key = present.key if present is not None else 0
    other = await store.titled(uow.connection, definition.name, parent, command.title)
    if other is not None and other.key != own_key and not command.archived:
        raise TitleTaken(f"title: {definition.name} {other.number} is {other.title!r} already.")
    if definition.name == HEADCOUNT_CLASS and not command.archived:
        refuse_overlap(
            _band(own_key, command.title, facts),
            [_band(one.key, one.title, one.facts) for one in values if one.archived_at is None],
        )
    return {
        "title": command.title,
        "titles": dict(command.titles),
        "position": command.order,
        "parent": parent,
        "members": await _members(definition, command, uow),
        "facts": facts,
    }


def _band(key: int, title: str, facts: Mapping[str, Any]) -> Band:
    return Band(key, title, facts["min"], facts["max"])


async def _parent(
    definition: ListDefinition,
    command: SaveListValue,
    present: Row[Any] | None,
    uow: UnitOfWork,
) -> int | None:
    if command.parent is None:
        if definition.name in ATTRIBUTES_OF:
            raise InvalidField(
                "parent", "a choice belongs to an attribute", "Name an attribute of type list."
            )
        return None
    home = definition.home
    if home is None:
        raise InvalidField("parent", f"{definition.name} is a flat list", "Leave it out.")
    found = await store.find_values(uow.connection, [(home, command.parent)])
    if not found:
        raise InvalidField(
            "parent",
            f"there is no {home} {command.parent}",
            f"Create it first: POST /v1/{LISTS[home].path}.",
        )
    (row,) = found.values()
    if definition.name in ATTRIBUTES_OF and value_type_of(row.facts) != LIST:
        raise InvalidField(
            "parent",
            f"{row.title!r} is of type {value_type_of(row.facts)} and has no choices",
            "Name an attribute of type list.",
        )
    if definition.tree:
        above = await store.ancestors(uow.connection, row.key)
        if present is not None and present.key in above:
            raise InvalidField(
                "parent", "a value cannot be below itself", "Choose a parent outside its subtree."
            )
        levels = 1 if present is None else await store.height(uow.connection, present.key)
        if len(above) + levels > MAX_DEPTH:
            raise InvalidField(
                "parent", f"the tree would have more than {MAX_DEPTH} levels", "Move it higher up."
            )
    return int(row.key)


async def _members(
    definition: ListDefinition, command: SaveListValue, uow: UnitOfWork
) -> list[int]:
    if not command.members:
        return []
    if definition.bundles is None:
        raise InvalidField("members", f"{definition.name} bundles nothing", "Leave it out.")
    wanted = [(definition.bundles, number) for number in dict.fromkeys(command.members)]
    found = await store.find_values(uow.connection, wanted)
    for pair in wanted:
        if pair not in found:
            raise InvalidField(
                "members", f"there is no {pair[0]} {pair[1]}", "Name existing values."
            )
    return [found[pair].key for pair in wanted]
