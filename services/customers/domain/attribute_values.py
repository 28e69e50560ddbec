"""What attributes say of their holders beyond a tick: a text, number, day or choice (LS-A11).

The law: a record has a value for an attribute exactly when it holds the attribute and this is of
type text, number or date; it holds a choice inside an attribute exactly when it holds the attribute
and this is of type list, and then one and one only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from shared.chassis.errors import InvalidField

TICK, TEXT, NUMBER, DATE, LIST = VALUE_TYPES = ("tick", "text", "number", "date", "list")
VALUED = (TEXT, NUMBER, DATE)

LONGEST_TEXT = 500
# As many digits as a JSON number keeps whoever reads it.
MOST_DIGITS, MOST_DECIMALS = 15, 6
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

Value = str | int | float
"""As it is stored: a number is a JSON number, exact within its bounds; a day is ISO 8601."""


def value_type_of(facts: Mapping[str, Any]) -> str:
    """Return of what type the values of an attribute are: ticks, unless it says otherwise."""
    return str(facts.get("value_type") or TICK)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of customers or contacts; `choices` are the keys of those inside it."""

    key: int
    number: int
    title: str
    value_type: str
    archived: bool
    choices: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Holding:
    """What one record holds: attributes by number, choices by key, values by attribute."""

    attributes: frozenset[int] = frozenset()
    choices: frozenset[int] = frozenset()
    values: Mapping[int, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What a request wants: `put` in place of all that is held, None where that stays; more; less.

    A value gives its attribute too, and None takes both away; a choice gives its attribute too.
    """

    put: frozenset[int] | None = None
    added: frozenset[int] = frozenset()
    removed: frozenset[int] = frozenset()
    put_choices: frozenset[int] | None = None
    added_choices: frozenset[int] = frozenset()
    removed_choices: frozenset[int] = frozenset()
    values: Mapping[int, Value | None] = field(default_factory=dict)

    @property
    def choices(self) -> frozenset[int]:
        """Return the choices to give."""
        return (self.put_choices or frozenset()) | self.added_choices

    @property
    def is_empty(self) -> bool:
        """Tell whether all stays as it is."""
        return self == Asked()


@dataclass(frozen=True, slots=True)
class Names:
    """What a request calls attributes and choices."""

    attributes: str
    choices: str


def checked(asked: Asked, known: Mapping[int, Attribute], names: Names) -> Asked:
    """Return what is asked with its values in their stored form; refuse what contradicts itself."""
    named = (asked.put or frozenset()) | asked.added
    for number in (*named, *asked.removed):
        if number not in known:
            raise InvalidField(
                names.attributes, f"there is no attribute {number}", "Name one that the list has."
            )
    values: dict[int, Value | None] = {}
    for number, value in asked.values.items():
        where = f"attribute_values.{number}"
        if number not in known:
            raise InvalidField(where, "there is no such attribute", "Create the attribute first.")
        values[number] = None if value is None else checked_value(where, known[number], value)
        _refuse_contradiction(where, asked, number, given=value is not None)
        if value is None and (number in named or asked.choices & known[number].choices):
            raise InvalidField(
                where, "takes away what the request gives", "Leave one of the two out."
            )
    for number, attribute in known.items():
        chosen = asked.choices & attribute.choices
        if len(chosen) > 1:
            raise InvalidField(
                names.choices, f"two choices of {attribute.title!r}", "Send one per attribute."
            )
        _refuse_contradiction(names.choices, asked, number, given=bool(chosen))
    return replace(asked, values=values)


def _refuse_contradiction(where: str, asked: Asked, number: int, *, given: bool) -> None:
    left_out = asked.put is not None and number not in asked.put
    if given and (left_out or number in asked.removed):
        raise InvalidField(
            where,
            f"the request takes attribute {number} away",
            "Name the attribute among those to hold, or leave its value out.",
        )


def settled(before: Holding, asked: Asked, known: Mapping[int, Attribute], names: Names) -> Holding:
    """Return what a record holds afterwards, always by the law; `asked` has been `checked`."""
    given = (asked.put or frozenset()) | asked.added
    given |= {number for number, value in asked.values.items() if value is not None}
    given |= {number for number, one in known.items() if one.choices & asked.choices}
    dropped = asked.removed | {n for n, value in asked.values.items() if value is None}
    kept = frozenset() if asked.put is not None else before.attributes - dropped
    choices = _chosen(before, asked, known)
    attributes: set[int] = set()
    values: dict[int, Value] = {}
    held: set[int] = set()
    for number in sorted((kept | given) & known.keys()):
        attribute = known[number]
        chosen = choices & attribute.choices
        if attribute.value_type == LIST and not chosen and number not in given:
            continue  # its choice was taken away, and it goes with it
        if attribute.archived and number not in before.attributes:
            raise InvalidField(
                names.attributes,
                f"{attribute.title!r} is archived",
                "Choose a live one, or revive this one first.",
            )
        attributes.add(number)
        if attribute.value_type == LIST:
            if not chosen:
                raise InvalidField(
                    names.choices, f"{attribute.title!r} needs a choice", "Send one of its choices."
                )
            held |= chosen
        elif attribute.value_type in VALUED:
            values[number] = _value(attribute, before, asked)
    return Holding(frozenset(attributes), frozenset(held), values)


def _chosen(before: Holding, asked: Asked, known: Mapping[int, Attribute]) -> frozenset[int]:
    kept = frozenset() if asked.put_choices is not None else before.choices - asked.removed_choices
    for attribute in known.values():
        if attribute.choices & asked.choices:
            kept -= attribute.choices
    return kept | asked.choices


def _value(attribute: Attribute, before: Holding, asked: Asked) -> Value:
    value = asked.values.get(attribute.number)
    if value is None:
        value = before.values.get(attribute.number)
    if value is None:
        raise InvalidField(
            f"attribute_values.{attribute.number}",
            f"{attribute.title!r} is held with a {attribute.value_type}, and there is none",
            f"Send its value: a {attribute.value_type}.",
        )
    return value


def checked_value(where: str, attribute: Attribute, value: Value) -> Value:
    """Return a value as it is stored; refuse one that is not of the attribute's type."""
    match attribute.value_type:
        case "text":
            return _text(where, value)
        case "number":
            return checked_number(where, value)
        case "date":
            return checked_day(where, value)
        case "list":
            raise InvalidField(
                where, f"{attribute.title!r} has choices", "Send the number of one of its choices."
            )
    raise InvalidField(
        where, f"{attribute.title!r} is a tick and has no value", "Tick it, and leave this out."
    )


def _text(where: str, value: Value) -> str:
    if isinstance(value, str) and "\x00" not in value and 1 <= len(value.strip()) <= LONGEST_TEXT:
        return value.strip()
    raise InvalidField(where, "is no text to keep", f"Send 1 to {LONGEST_TEXT} characters.")


def checked_number(where: str, value: Value | Decimal) -> int | float:
    """Return a number exactly as given; refuse one with more digits than are kept."""
    remedy = f"Send a number of at most {MOST_DIGITS} digits, {MOST_DECIMALS} of them decimals."
    try:
        if isinstance(value, str) and len(value) > 2 * MOST_DIGITS:
            raise InvalidOperation
        exact = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise InvalidField(where, "is no number", remedy) from None
    if not exact.is_finite() or abs(exact) >= 10**MOST_DIGITS:
        raise InvalidField(where, "is no number within bounds", remedy)
    exact = exact.normalize()
    _, digits, exponent = exact.as_tuple()
    decimals = max(-int(exponent), 0)
    if decimals > MOST_DECIMALS or max(len(digits), decimals) > MOST_DIGITS:
        raise InvalidField(where, "has too many digits", remedy)
    if decimals == 0:
        return int(exact)
    return float(exact)


def checked_day(where: str, value: Value | date) -> str:
    """Return a day as ISO 8601; refuse what is none."""
    try:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError
        if not EARLIEST <= date.fromisoformat(value) <= LATEST:
            raise ValueError
    except ValueError:
        raise InvalidField(
            where, f"is no day from {EARLIEST} to {LATEST}", "Send it as 2026-01-31."
        ) from None
    return value
