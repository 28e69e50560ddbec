"""Create and change the values of lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy.engine import Row

from shared.chassis.errors import InvalidField, Kind, Refusal, check_version
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists import relations, store
from shared.lists.definition import (
    MAX_DEPTH,
    MAX_NUMBER,
    FactValue,
    ListDefinition,
    checked_facts,
)
from shared.lists.lists import Lists, Proposal
from shared.lists.tell import tell_values
from shared.lists.use import refuse_named, refuse_second

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
    """What a person says about a value; `parent`, `members` and references are numbers."""

    title: str
    number: int | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    order: int = 0
    archived: bool = False
    parent: int | None = None
    members: tuple[int, ...] = ()
    facts: Mapping[str, FactValue] = field(default_factory=dict)


Named = Mapping[tuple[str, int], Row[Any]]
"""Values that a command names, by list and number, kept from deletion until the commit."""


async def create_value(lists: Lists, name: str, command: SaveListValue, uow: UnitOfWork) -> int:
    """Add a value to a list; return its number."""
    definition = lists.called(name)
    last = await store.hold_list(uow.connection, name)
    named = await store.find_values(uow.connection, _named_by(definition, command))
    values = await store.list_values(uow.connection, name)
    if len(values) >= MOST_VALUES:
        raise TooManyValues(f"The list has {len(values):,} values already.")
    taken = {row.number for row in values}
    # A number given by hand may lie at the very end of what a number can be.
    number = command.number or next_numbers(last, taken, 1)[0]
    if number in taken:
        raise NumberTaken(f"number: {number} is taken.")
    row, _ = await _checked(lists, definition, command, None, values, named, uow)
    (key,) = await store.next_keys(uow.connection, 1)
    row |= {"key": key, "list": name, "number": number, "value_id": new_id()}
    if definition.compulsory and not any(one.facts.get("default") for one in values):
        row["facts"]["default"] = True
    await _one_default(lists, definition, row["facts"], uow)
    await lists.before_save([row["facts"]], uow)
    await store.insert_values(uow.connection, [row], now=uow.now)
    await store.set_last_numbers(uow.connection, {name: number})
    await tell_values(lists, [key], uow)
    return number


def next_numbers(last: int, taken: set[int], count: int) -> list[int]:
    """Return numbers that a list has never given, or, at the end of them, those that are free."""
    if last + count <= MAX_NUMBER:
        return list(range(last + 1, last + count + 1))
    return list(islice((one for one in range(1, MAX_NUMBER) if one not in taken), count))


async def change_value(
    lists: Lists,
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

    What `force` does to holders whom the change would leave out, the service says, if anything.
    """
    definition = lists.called(name)
    await store.hold_list(uow.connection, name)
    settings = await lists.hold_settings(definition, uow)
    # Before the value itself: whoever deletes them holds them, and then changes what names them.
    named = await store.find_values(uow.connection, _named_by(definition, command))
    present = await held_value(name, number, uow, expected=expected)
    values = await store.list_values(uow.connection, name)
    row, proposal = await _checked(lists, definition, command, present, values, named, uow)
    await lists.before_change(proposal, settings, uow, force=force)
    if definition.one_inside and row["parent"] != present.parent:
        await refuse_second(lists, name, {present.key}, row["parent"], uow)
    if command.archived:
        refuse_named(present, settings)
    row["archived"] = command.archived
    if present.facts.get("default") and (command.archived or not row["facts"]["default"]):
        raise DefaultNeeded(f"{present.title!r} is the default.")
    if command.archived and row["facts"].get("default"):
        raise DefaultNeeded("default: what is archived cannot be the default.")
    if not present.facts.get("default"):
        await _one_default(lists, definition, row["facts"], uow)
    await lists.before_save([row["facts"]], uow)
    await store.update_value(uow.connection, present.key, row, now=uow.now)
    await tell_values(lists, [present.key], uow)


def _named_by(definition: ListDefinition, command: SaveListValue) -> list[tuple[str, int]]:
    home = definition.home
    named = [] if home is None or command.parent is None else [(home, command.parent)]
    named += [(definition.bundles, one) for one in command.members if definition.bundles]
    return named + [
        (other, one)
        for fact, other in definition.references.items()
        if isinstance(one := command.facts.get(fact), int)
    ]


async def held_value(
    name: str, number: int, uow: UnitOfWork, *, expected: int | None = None
) -> Row[Any]:
    """Lock a value against being held or changed and return it."""
    row = await store.find_value(uow.connection, name, number, lock=True)
    if row is None:
        raise ValueNotFound(f"There is no {name} {number}.")
    check_version("value", row.version, expected)
    return row


async def _one_default(
    lists: Lists, definition: ListDefinition, facts: Mapping[str, FactValue], uow: UnitOfWork
) -> None:
    if facts.get("default"):
        cleared = await store.clear_default(uow.connection, definition.name, now=uow.now)
        await tell_values(lists, cleared, uow)


async def _checked(
    lists: Lists,
    definition: ListDefinition,
    command: SaveListValue,
    present: Row[Any] | None,
    values: Sequence[Row[Any]],
    named: Named,
    uow: UnitOfWork,
) -> tuple[dict[str, Any], Proposal]:
    """Return the columns of a value; refuse what the list does not allow, naming the field."""
    parent = await _parent(lists, definition, command, present, named, uow)
    facts = lists.completed(definition, _facts(lists, definition, command, present, named))
    members = _members(definition, command, named)
    proposal = Proposal(
        definition, present, command.title, parent, facts, command.archived, members
    )
    home = None if parent is None else int(parent.key)
    other = await store.titled(uow.connection, definition.name, home, command.title)
    if other is not None and other.key != proposal.key and not command.archived:
        raise TitleTaken(f"title: {definition.name} {other.number} is {other.title!r} already.")
    await lists.check(proposal, values, uow)
    columns = {
        "title": command.title,
        "titles": dict(command.titles),
        "position": command.order,
        "parent": home,
        "members": [one.key for one in members],
        "facts": dict(facts),
    }
    return columns, proposal


async def _parent(
    lists: Lists,
    definition: ListDefinition,
    command: SaveListValue,
    present: Row[Any] | None,
    named: Named,
    uow: UnitOfWork,
) -> Row[Any] | None:
    home = definition.home
    if command.parent is None:
        if definition.always_inside:
            raise InvalidField(
                "parent", f"a {definition.name} belongs to a {home}", f"Name a {home}."
            )
        return None
    if home is None:
        raise InvalidField("parent", f"{definition.name} is a flat list", "Leave it out.")
    row = named.get((home, command.parent))
    if row is None:
        raise _unknown("parent", lists, home, command.parent)
    if definition.tree:
        above = await relations.ancestors(uow.connection, row.key)
        if present is not None and present.key in above:
            raise InvalidField(
                "parent", "a value cannot be below itself", "Choose a parent outside its subtree."
            )
        levels = 1 if present is None else await relations.height(uow.connection, present.key)
        if len(above) + levels > MAX_DEPTH:
            raise InvalidField(
                "parent", f"the tree would have more than {MAX_DEPTH} levels", "Move it higher up."
            )
    return row


def _facts(
    lists: Lists,
    definition: ListDefinition,
    command: SaveListValue,
    present: Row[Any] | None,
    named: Named,
) -> dict[str, FactValue]:
    """Return the facts as they are kept, references as keys."""
    facts = checked_facts(definition, command.facts)
    for name, other in definition.references.items():
        number = facts[name]
        if not isinstance(number, int):
            continue
        row = named.get((other, number))
        if row is None:
            raise _unknown(name, lists, other, number)
        if row.archived_at is not None and (present is None or present.facts.get(name) != row.key):
            raise InvalidField(
                name,
                f"{row.title!r} is archived",
                "Choose a live value, or revive this one first.",
            )
        facts[name] = row.key
    return facts


def _unknown(field: str, lists: Lists, name: str, number: int) -> InvalidField:
    return InvalidField(
        field,
        f"there is no {name} {number}",
        f"Create it first: POST /v1/{lists.definitions[name].path}.",
    )


def _members(definition: ListDefinition, command: SaveListValue, named: Named) -> list[Row[Any]]:
    if not command.members:
        return []
    if definition.bundles is None:
        raise InvalidField("members", f"{definition.name} bundles nothing", "Leave it out.")
    wanted = [(definition.bundles, number) for number in dict.fromkeys(command.members)]
    for pair in wanted:
        if pair not in named:
            raise InvalidField(
                "members", f"there is no {pair[0]} {pair[1]}", "Name existing values."
            )
    return [named[pair] for pair in wanted]
