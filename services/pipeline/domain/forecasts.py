"""What a forecast goes by, how far it reaches and what covers a revenue target (TS-27 to TS-31)."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from uuid import UUID

from services.pipeline.domain.periods import months_between
from shared.chassis.errors import InvalidField

LONGEST_MONTHS = 120
MOST_DIMENSIONS = 2
COMMITTED_FROM = 90
"""From this probability on, an open opportunity is committed unless somebody says another."""


class Dimension(StrEnum):
    """What a forecast goes by; or the name of a list of customers, such as customer_status."""

    MONTH = "month"
    QUARTER = "quarter"
    SELLER = "seller"
    GROUP = "group"
    PIPELINE = "pipeline"
    STAGE = "stage"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class Question:
    """What is open or won and counts on one of these days, both included, by up to two things.

    What is in a filter is one of several; empty filters ask for nothing. A group means its subtree:
    the shares of those who are in it `today`, of what is won those who were on its day. With a
    currency all amounts are converted into it.
    """

    since: date
    until: date
    today: date
    by: tuple[str, ...] = ()
    pipelines: tuple[int, ...] = ()
    sellers: tuple[str, ...] = ()
    group_id: UUID | None = None
    types: tuple[int, ...] = ()
    stages: tuple[int, ...] = ()
    committed_from: int = COMMITTED_FROM
    currency: str | None = None

    def check(self) -> None:
        """Refuse, by field, what cannot be asked."""
        if self.until < self.since:
            raise InvalidField("to", "it lies before `from`", "Send a later period.")
        if months_between(self.since, self.until) > LONGEST_MONTHS:
            raise InvalidField(
                "from",
                f"the period is longer than {LONGEST_MONTHS} months",
                f"Ask for {LONGEST_MONTHS} months at most.",
            )
        if len(set(self.by)) < len(self.by):
            raise InvalidField("by", "it names the same twice", "Name one, or two that differ.")

    @property
    def customer_lists(self) -> list[str]:
        """Return the lists of customers that it goes by."""
        return [one for one in self.by if one not in set(Dimension)]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is wanted of a period and what there is of it, in minor units of one currency."""

    target: int
    won: int
    open: int
    open_weighted: int

    @property
    def still_wanted(self) -> int:
        """Return what is yet to be won; 0 if the target is reached."""
        return max(0, self.target - self.won)

    @property
    def ratio(self) -> Decimal | None:
        """Return how many times what is open covers what is still wanted; None if nothing is."""
        if not self.still_wanted:
            return None
        ratio = Decimal(self.open) / self.still_wanted
        return ratio.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)

    @property
    def gap(self) -> int:
        """Return what the target has beyond won and expected; negative if these are more."""
        return self.target - self.won - self.open_weighted
