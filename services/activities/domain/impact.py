"""What a change of a list value would and would not do: shown before it is made (LE-06).

What is recorded keeps what it was recorded with (LE-A3, LE-A5); what refers to a value follows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.activities.domain.lists import (
    ACTIVITY_ATTRIBUTE,
    ACTIVITY_CATEGORY,
    ACTIVITY_KIND,
    ACTIVITY_TYPE,
)

SORTS = {
    ACTIVITY_CATEGORY: "category",
    ACTIVITY_KIND: "kind",
    ACTIVITY_TYPE: "type",
    ACTIVITY_ATTRIBUTE: "attribute",
}
"""What each list is called of an activity."""


@dataclass(frozen=True, slots=True)
class Held:
    """The activities that hold a value: how many, since when; of the live ones, how many count."""

    live: int
    deleted: int
    open: int
    counting: int
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Effect:
    """One change that could be made: what it does, what it does not, whom it leaves as they are."""

    change: str
    does: str
    does_not: str
    activities_kept: int


def effects(name: str, held: Held, *, categories: int, cards: int, targets: int) -> list[Effect]:
    """Return what each change of a value of this list would do, for what goes by it now."""
    steers = _steers(held) if name == ACTIVITY_CATEGORY else ()
    return [*steers, *_of_any(name, held, categories, cards, targets)]


def _steers(held: Held) -> Iterator[Effect]:
    for field in ("kind", "type"):
        yield Effect(
            field,
            f"What is recorded in it from now on gets the new {field}: statistics, searches and "
            f"cards by {field} find it there.",
            f"All {held.live} in it keep the {field} they were recorded with.",
            held.live,
        )
    yield Effect(
        "allow_selection",
        "Decides whether another kind and type may be chosen when something is recorded.",
        f"All {held.live} in it keep theirs, chosen or not.",
        held.live,
    )
    yield Effect(
        "sales_target",
        "Decides whether what is recorded from now on counts to targets.",
        f"What is recorded stays: of {held.live} in it {held.counting} count and "
        f"{held.live - held.counting} do not, until a recount is asked for.",
        held.live,
    )


def _of_any(name: str, held: Held, categories: int, cards: int, targets: int) -> Iterator[Effect]:
    word = SORTS[name]
    named_by = f"categories ({categories}), cards ({cards}) and targets ({targets})"
    yield Effect(
        "title",
        f"The new title shows at once on all that has it ({held.live}), on cards, in statistics.",
        "Nothing goes by the title: what is counted and what is found stays the same.",
        0,
    )
    yield Effect(
        "archive",
        f"The {word} can be given to nothing new.",
        f"All {held.live} that have it keep it; {named_by} that name it still do.",
        held.live,
    )
    in_use = held.live or categories or cards or targets
    yield Effect(
        "delete",
        f"It is refused: activities ({held.live}) hold it, or {named_by} name it."
        if in_use
        else "It is archived, for deleted activities hold it."
        if held.deleted
        else "It is removed.",
        "No activity is ever left without what it was recorded with.",
        held.live,
    )
    yield Effect(
        "move_to",
        f"All {held.live + held.deleted} that have it, deleted ones among them, get the other "
        f"{word} with what was counted of them; {named_by} name the other instead.",
        "Whoever has a target of the other keeps that one and loses this."
        if name == ACTIVITY_CATEGORY
        else "Nothing else of the activities changes.",
        0,
    )
