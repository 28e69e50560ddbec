"""The cards of the seller view: saved filters over categories and kind (LE-09, LE-21, LE-A8)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class When(StrEnum):
    """Which of the activities of a card are meant; days and weeks by the day of the start."""

    ALL = "all"
    TODAY = "today"
    WEEK = "week"
    OPEN = "open"
    OVERDUE = "overdue"

    @property
    def is_due(self) -> bool:
        """Tell whether it asks about what is open, which goes by when it is due."""
        return self in (When.OPEN, When.OVERDUE)


@dataclass(frozen=True, slots=True)
class Card:
    """One card; categories and kind are keys. No category named means all, no kind any."""

    number: int
    title: str
    titles: Mapping[str, str]
    categories: frozenset[int]
    kind: int | None

    def takes(self, category: int, kind: int) -> bool:
        """Tell whether an activity of this category and kind is on the card."""
        return (not self.categories or category in self.categories) and self.kind in (None, kind)


class Sorted(Protocol):
    """How many activities of one category and kind there are, by `When`."""

    category: int
    kind: int


def counted(card: Card, rows: Iterable[Sorted]) -> dict[When, int]:
    """Return how many activities are on a card, of counts by category and kind."""
    mine = [row for row in rows if card.takes(row.category, row.kind)]
    return {when: sum(getattr(row, when) for row in mine) for when in When}
