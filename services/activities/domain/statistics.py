"""What statistics of activities go by, and how far they may reach (LE-08)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.activities.domain.periods import Period
from shared.chassis.errors import InvalidField

LONGEST_DAYS = 5 * 366


class Dimension(StrEnum):
    """What activities are counted by; or the name of a list of customers, such as customer_type."""

    KIND = "kind"
    TYPE = "type"
    CATEGORY = "category"
    ATTRIBUTE = "attribute"
    SELLER = "seller"
    GROUP = "group"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Question:
    """Count the live activities of these days, both included, by one thing or by pairs of two.

    What is in a filter is one of several; empty filters ask for nothing. A group or a value of a
    customer's list that is a tree means its subtree; `held` are values that the customer holds.
    """

    since: date
    until: date
    by: tuple[str, ...]
    sellers: tuple[str, ...] = ()
    groups: tuple[UUID, ...] = ()
    categories: tuple[int, ...] = ()
    kinds: tuple[int, ...] = ()
    types: tuple[int, ...] = ()
    attributes: tuple[int, ...] = ()
    held: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse, by field, what cannot be asked."""
        if self.until < self.since:
            raise InvalidField("until", "it lies before `since`", "Send a later day.")
        if (self.until - self.since).days > LONGEST_DAYS:
            raise InvalidField(
                "since", "the period is longer than five years", "Ask for five years at most."
            )
        if len(set(self.by)) < len(self.by):
            raise InvalidField("and", "it is the same as `by`", "Leave it out, or send another.")

    @property
    def customer_lists(self) -> list[str]:
        """Return the lists of customers that it counts by."""
        return [one for one in self.by if one not in set(Dimension)]


def called(dimension: str, day: date) -> str:
    """Return what people call a day, or the week or month that begins with it."""
    match dimension:
        case Dimension.WEEK:
            return Period.WEEK.called(day)
        case Dimension.MONTH:
            return Period.MONTH.called(day)
    return str(day)
