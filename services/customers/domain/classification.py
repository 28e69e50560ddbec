"""Which values one customer may hold together, and what follows when its status changes."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date

from services.customers.domain.attribute_values import (
    Asked,
    Attribute,
    Holding,
    Names,
    Value,
    settled,
)
from services.customers.domain.lists import END_REASON, LISTS
from shared.chassis.errors import InvalidField
from shared.lists.definition import FactValue


@dataclass(frozen=True, slots=True)
class Held:
    """A value that is to be given to a customer."""

    key: int
    list_name: str
    number: int
    title: str
    parent: int | None
    facts: Mapping[str, FactValue]
    archived: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a customer holds afterwards, and since when its relationship has ended."""

    keys: frozenset[int]
    ended_on: date | None
    ends_now: bool
    values: Mapping[int, Value] = field(default_factory=dict)


def check_chosen(name: str, chosen: Sequence[Held]) -> None:
    """Refuse values that cannot be held together by one customer, whatever else it holds."""
    field = f"classifications.{name}"
    definition = LISTS[name]
    if len(chosen) > 1 and not definition.several:
        raise InvalidField(field, "a customer has at most one", "Send one number.")
    if not chosen and definition.compulsory:
        raise InvalidField(field, f"every customer has a {name} (VF-02)", "Send one number.")
    for value in chosen:
        if value.facts.get("scope") == "contact":
            raise InvalidField(
                field, f"{value.title!r} is for contacts only (TS-04)", "Choose another value."
            )
    homes = [value.parent for value in chosen]
    if definition.one_inside and len(set(homes)) < len(homes):
        raise InvalidField(
            field, f"two values inside one {definition.inside}", "Send one value inside each."
        )


def refuse_archived(chosen: Sequence[Held], present: Set[int]) -> None:
    """Refuse to give an archived value to a customer that does not hold it already."""
    for value in chosen:
        if value.archived and value.key not in present:
            raise InvalidField(
                f"classifications.{value.list_name}",
                f"{value.title!r} is archived",
                "Choose a live value, or revive this one first.",
            )


def reclassified(
    present: Set[int],
    ended_on: date | None,
    *,
    replaced: Set[int],
    given: Set[int],
    ended_statuses: Set[int],
    end_reasons: Set[int],
    day: date,
) -> Outcome:
    """
    Return what a customer holds when `given` takes the place of `replaced`.

    A status that means ended dates the end (`day`, unless it had ended before); a live one takes
    the date and the reason away (VF-A1). A reason without an ended status is refused.
    """
    keys = (present - replaced) | given
    has_ended = bool(keys & ended_statuses)
    if not has_ended:
        if given & end_reasons:
            raise InvalidField(
                f"classifications.{END_REASON}",
                "the customer's status does not mean ended",
                "Give it an ended status in the same request, or leave the reason out.",
            )
        return Outcome(frozenset(keys - end_reasons), None, ends_now=False)
    ends_now = not present & ended_statuses
    return Outcome(frozenset(keys), day if ends_now or ended_on is None else ended_on, ends_now)


def with_attributes(
    outcome: Outcome,
    values: Mapping[int, Value],
    asked: Asked,
    attributes: Mapping[int, Attribute],
    names: Names,
) -> Outcome:
    """Return the outcome with attributes, choices and values as asked, always by the law."""
    if asked.is_empty:
        return replace(outcome, values=values)
    before = holding_of(outcome.keys, values, attributes)
    after = settled(before, asked, attributes, names)
    own = {one.key for one in attributes.values()}.union(
        *(one.choices for one in attributes.values())
    )
    held = {attributes[number].key for number in after.attributes}
    return replace(outcome, keys=(outcome.keys - own) | held | after.choices, values=after.values)


def holding_of(
    keys: Set[int], values: Mapping[int, Value], attributes: Mapping[int, Attribute]
) -> Holding:
    """Return what a customer that holds these keys and values holds of its attributes."""
    choices = frozenset().union(*(one.choices for one in attributes.values()))
    held = (number for number, one in attributes.items() if one.key in keys)
    return Holding(frozenset(held), frozenset(choices & keys), values)
