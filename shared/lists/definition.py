"""What a list is: what all lists share, and what each may add."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.chassis.errors import InvalidField

LANGUAGES = ("fi", "sv", "hu", "en")
MAX_DEPTH = 20
MAX_PREFIX = 10
MAX_NUMBER = 2**31 - 1

FactValue = bool | int | str | None


class FactKind(StrEnum):
    """What a fact of a value may hold."""

    FLAG = "flag"
    COLOUR = "colour"
    WHOLE = "whole"
    CODE = "code"
    PREFIX = "prefix"
    CHOICE = "choice"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Fact:
    """A property that the values of one list have.

    A choice is one of `choices`. A reference is the number of a value of `list`; it is kept as that
    value's key, so that it follows when the value is merged into another.
    """

    kind: FactKind
    meaning: str
    choices: tuple[str, ...] = ()
    list: str | None = None
    preset: FactValue = None
    example: FactValue = None  # for what has to be said, and has no default

    @property
    def default(self) -> FactValue:
        """Return what holds where nothing is said."""
        return False if self.kind is FactKind.FLAG else self.preset


@dataclass(frozen=True, slots=True)
class ListDefinition:
    """One list: which records hold its values and what is particular about them.

    A flag among its facts that is called `default` marks what is given where nothing is chosen; if
    the list is `compulsory`, one value and one only has it.
    """

    name: str
    path: str
    meaning: str
    held_by: tuple[str, ...] = ()  # the records that may hold its values
    several: bool = False  # a holder may have more than one of its values
    compulsory: bool = False  # every holder has one: the default, until another takes its place
    tree: bool = False  # values sit below values of the same list
    inside: str | None = None  # values sit in a value of this other list
    always_inside: bool = False  # and none sits nowhere
    one_inside: bool = False  # a holder has at most one of those that sit in the same value
    bundles: str | None = None  # a value bundles values of this other list
    facts: Mapping[str, Fact] = field(default_factory=dict)
    retired: tuple[str, ...] = ()  # fields that are accepted, and neither kept nor returned
    may_own_tab: bool = False  # may show as a tab of its own

    @property
    def home(self) -> str | None:
        """Return the list in which the parents of its values are; None where it is flat."""
        return self.name if self.tree else self.inside

    @property
    def references(self) -> dict[str, str]:
        """Return the facts that name values, each with the list they are of."""
        return {name: fact.list for name, fact in self.facts.items() if fact.list is not None}


_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}", re.ASCII)


def checked_facts(
    definition: ListDefinition, given: Mapping[str, FactValue]
) -> dict[str, FactValue]:
    """Return all facts of a value, those left out at their default; refuse wrong ones by field."""
    for name in given:
        if name not in definition.facts:
            raise InvalidField(name, f"{definition.name} has no such field", "Leave the field out.")
    return {
        name: fact.default if (value := given.get(name)) is None else _checked(name, fact, value)
        for name, fact in definition.facts.items()
    }


def _checked(name: str, fact: Fact, value: FactValue) -> FactValue:
    match fact.kind:
        case FactKind.FLAG if isinstance(value, bool):
            return value
        case FactKind.COLOUR if isinstance(value, str):
            if value == "":
                return None
            if not _COLOUR.fullmatch(value):
                raise InvalidField(
                    name, f"{value[:20]!r} is no colour", "Send #RRGGBB, such as #0000FF."
                )
            return value.upper()
        case FactKind.WHOLE | FactKind.REFERENCE if isinstance(value, int) and not isinstance(
            value, bool
        ):
            if not 0 <= value <= MAX_NUMBER:
                raise InvalidField(name, f"{value} is out of range", "Send 0 or more.")
            return value
        case FactKind.CODE if isinstance(value, str):
            return value.strip() or None
        case FactKind.PREFIX if isinstance(value, str):
            return _checked_prefix(name, value.strip()) or None
        case FactKind.CHOICE if value in fact.choices:
            return value
    choices = fact.choices or (fact.kind.value,)
    raise InvalidField(name, f"{value!r} does not fit", f"Send one of: {', '.join(choices)}.")


def _checked_prefix(name: str, prefix: str) -> str:
    # What follows the prefix is digits: with none at its end, no two series give the same number.
    if prefix[-1:].isdigit():
        raise InvalidField(
            name, f"{prefix[:20]!r} ends in a digit", "End it in a letter or a sign."
        )
    if len(prefix) > MAX_PREFIX:
        raise InvalidField(name, f"{prefix[:20]!r} is too long", f"Send {MAX_PREFIX} at most.")
    return prefix
