"""What a search for customers asks, and how its rows are sorted (VF-14, VF-15, VF-21, LS-A10)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from services.customers.domain.attribute_values import (
    DATE,
    NUMBER,
    TEXT,
    Attribute,
    Value,
    checked_value,
)
from shared.chassis.errors import InvalidField

FACETS_AT_MOST = 5
COUNTED_AT_MOST = 10_000


class Ended(StrEnum):
    """Whether customers in ended statuses show."""

    HIDE = "hide"
    SHOW = "show"
    ONLY = "only"


class Sort(StrEnum):
    """By what rows are sorted; a minus turns the order round. Ties go by creation."""

    NAME = "name"
    NAME_DOWN = "-name"
    NUMBER = "number"
    NUMBER_DOWN = "-number"
    STARTED = "started_on"
    STARTED_DOWN = "-started_on"
    CREATED = "created_at"
    CREATED_DOWN = "-created_at"

    @property
    def down(self) -> bool:
        """Tell whether the order is turned round."""
        return self.value.startswith("-")

    @property
    def column(self) -> str:
        """Return what is sorted by, without direction."""
        return self.value.removeprefix("-")


@dataclass(frozen=True, slots=True)
class Turnover:
    """Net amount of valid invoices minus credit notes in one currency over a period."""

    currency: str
    since: date | None = None
    until: date | None = None
    least: Decimal | None = None
    most: Decimal | None = None

    @property
    def restricts(self) -> bool:
        """Tell whether there is a customer that it leaves out."""
        return self.least is not None or self.most is not None


class Scope(StrEnum):
    """Whose attribute is asked about: the customer's, or that of one of its contacts."""

    CUSTOMER = "customer"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True)
class ValueFilter:
    """What the value of an attribute must be; at least one comparison, and all given must hold."""

    attribute: int
    scope: Scope = Scope.CUSTOMER
    equals: Value | None = None
    contains: str | None = None
    at_least: Value | None = None
    at_most: Value | None = None

    def compared(self) -> dict[str, Value]:
        """Return what is compared with what, by the name of the comparison."""
        given = {
            "equals": self.equals,
            "contains": self.contains,
            "at_least": self.at_least,
            "at_most": self.at_most,
        }
        return {name: value for name, value in given.items() if value is not None}


COMPARISONS = {
    TEXT: ("equals", "contains"),
    NUMBER: ("equals", "at_least", "at_most"),
    DATE: ("equals", "at_least", "at_most"),
}


def checked_comparisons(
    place: int, wanted: ValueFilter, attribute: Attribute | None
) -> dict[str, Value]:
    """Return what a value is compared with, in its stored form; refuse what its type has not."""
    where = f"attribute_values.{place}"
    if attribute is None:
        raise InvalidField(
            where, f"there is no {wanted.scope} attribute {wanted.attribute}", "Choose another one."
        )
    known = COMPARISONS.get(attribute.value_type)
    if known is None:
        raise InvalidField(
            where,
            f"{attribute.title!r} is of type {attribute.value_type} and has no values",
            "Search for who holds it, or a choice of it, under `having`.",
        )
    compared = wanted.compared()
    if not compared or not compared.keys() <= set(known):
        raise InvalidField(
            where,
            f"{attribute.title!r} is of type {attribute.value_type}",
            f"Send one or more of: {', '.join(known)}.",
        )
    return {
        name: checked_value(f"{where}.{name}", attribute, value) for name, value in compared.items()
    }


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """
    What customers must match; everything given must hold.

    `having` takes numbers by list: one of them suffices, a group includes its subtree, a status
    group means its statuses. `lacking` excludes in the same way. `fragment` is looked for in name,
    number, business id, phone and e-mail, and in name and addresses of the contacts. `city` is
    the whole name whatever its case, `postal_code` the beginning of the code.
    """

    fragment: str | None = None
    having: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    lacking: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ended: Ended | None = None
    started: bool | None = None
    started_since: date | None = None
    started_until: date | None = None
    turnover: Turnover | None = None
    city: str | None = None
    postal_code: str | None = None
    attribute_values: tuple[ValueFilter, ...] = ()

    @property
    def restricts_nothing(self) -> bool:
        """Tell whether every customer matches, but perhaps the ended ones."""
        lacking = {name: numbers for name, numbers in self.lacking.items() if numbers}
        turnover = self.turnover if self.turnover and self.turnover.restricts else None
        besides = replace(self, ended=None, lacking=lacking, turnover=turnover)
        return besides == CustomerFilter() and self.ended is not Ended.ONLY

    def shows_ended(self, *, restricts_status: bool) -> Ended:
        """Return whether ended customers show: hidden unless status is asked about (VF-A4)."""
        if self.ended is not None:
            return self.ended
        return Ended.SHOW if restricts_status else Ended.HIDE
