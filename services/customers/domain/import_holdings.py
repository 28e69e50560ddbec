"""What the cells of a row tell of attributes, and what a contact holds afterwards."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from services.customers.domain.attribute_values import Asked, Attribute, Holding, Names, settled
from services.customers.domain.classification import Held, refuse_archived
from services.customers.domain.import_cells import Told
from services.customers.domain.import_fields import CONTACT, Column
from services.customers.domain.lists import CATEGORY

NAMES = Names("attribute", "choice")


def asked_by(told: Collection[Told]) -> Asked:
    """Return what the cells ask for their customer or contact to hold of attributes."""
    return Asked(
        added=frozenset(one.number for one in told if one.ticked),
        removed=frozenset(one.number for one in told if one.ticked is False),
        added_choices=frozenset(one.choice.key for one in told if one.choice is not None),
        values={one.number: one.value for one in told if one.value is not None},
    )


def archived_in(told: Told, known: Mapping[int, Attribute], held: Holding) -> str | None:
    """Return the title of what a cell gives that is archived and not held already; or None."""
    attribute, choice = known[told.number], told.choice
    if attribute.archived and told.ticked is not False and told.number not in held.attributes:
        return attribute.title
    if choice is not None and choice.archived and choice.key not in held.choices:
        return choice.title
    return None


def held_by_contact(
    before: Holding,
    given: Mapping[Column, Any],
    told: Collection[Told],
    known: Mapping[int, Attribute],
    *,
    banned: Collection[int],
    bans: Collection[int | None],
) -> Holding:
    """
    Return what a contact holds after a row: attributes, keys of categories and choices, values.

    `banned` are the attributes that ban by this row, `bans` all that do: no import takes one away.
    """
    keys = _categories(before.choices, given)
    attributes, values = before.attributes, before.values
    if told:
        own = frozenset().union(*(one.choices for one in known.values()))
        asked = asked_by(told)
        asked = replace(asked, removed=asked.removed - set(bans))
        after = settled(Holding(attributes, keys & own, values), asked, known, NAMES)
        attributes, keys, values = after.attributes, (keys - own) | after.choices, after.values
    return Holding(attributes | frozenset(banned), keys, values)


def _categories(present: frozenset[int], given: Mapping[Column, Any]) -> frozenset[int]:
    added: list[Held] = []
    removed: set[int] = set()
    for column, value in given.items():
        if column.list_name != CATEGORY or column.record != CONTACT:
            continue
        if column.tick is None:
            added.extend(value)
        elif value[0]:
            added.append(value[1])
        else:
            removed.add(value[1].key)
    if not added and not removed:
        return present
    refuse_archived(added, present)
    return (present - removed) | {one.key for one in added}
