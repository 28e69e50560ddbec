"""What a search for customers asks, and how its rows are sorted (VF-14, VF-15, VF-21, LS-A10)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

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


@dataclass(frozen=True, slots=True)
class Documents:
    """
    How many valid documents of a kind, or of any (None), are dated in a period.

    Where neither number is given, one suffices. At most 0 finds those who have none: "no invoice
    since". A document without a date is in no period, but counts where none is given.
    """

    kind: str | None = None
    since: date | None = None
    until: date | None = None
    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """
    What customers must match; everything given must hold.

    `having` takes numbers by list: one of them suffices, a group includes its subtree, a status
    group means its statuses. `lacking` excludes in the same way. `fragment` is looked for in name,
    number, business id, phone and e-mail, and in name and addresses of the contacts.
    """

    fragment: str | None = None
    having: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    lacking: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ended: Ended | None = None
    started: bool | None = None
    started_since: date | None = None
    started_until: date | None = None
    turnover: Turnover | None = None
    documents: Documents | None = None

    def shows_ended(self, *, restricts_status: bool) -> Ended:
        """Return whether ended customers show: hidden unless status is asked about (VF-A4)."""
        if self.ended is not None:
            return self.ended
        return Ended.SHOW if restricts_status else Ended.HIDE
