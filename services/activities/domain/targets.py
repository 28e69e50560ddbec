"""Sales targets: what counts to them, and for whom (LE-16, LE-17, LE-A4 to LE-A7)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from services.activities.domain.activity import State


class Countable(Protocol):
    """What of an activity decides whether and where it counts."""

    seller: str | None
    category: int
    day: date
    state: str
    counts_to_target: bool


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an activity is counted: the seller it is assigned to, its category, its day."""

    seller: str
    category: int
    day: date


def counted(activities: Iterable[Countable]) -> Counter[Place]:
    """Return how many of these live activities count at each place.

    What counts is done, assigned to a seller, and was recorded while its category was a target.
    """
    return Counter(
        Place(one.seller, one.category, one.day)
        for one in activities
        if one.counts_to_target and one.state == State.DONE and one.seller is not None
    )


def moved(before: Iterable[Countable], after: Iterable[Countable]) -> dict[Place, int]:
    """Return by how much each place changes when live activities become others."""
    change = counted(after)
    change.subtract(counted(before))
    return {place: count for place, count in change.items() if count}


def wanted_in(wanted: int, percent: int) -> int:
    """Return what is wanted in a period of which only a part is, in whole pieces rounded up."""
    return -(-wanted * percent // 100)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far somebody is in one period."""

    done: int
    wanted: int

    @property
    def missing(self) -> int:
        """Return how many pieces are still to be done."""
        return max(self.wanted - self.done, 0)

    @property
    def percent(self) -> int | None:
        """Return the part that is done, rounded down; None where nothing is wanted."""
        return self.done * 100 // self.wanted if self.wanted else None

    @property
    def is_reached(self) -> bool:
        """Tell whether something was wanted, and all of it is done."""
        return 0 < self.wanted <= self.done
