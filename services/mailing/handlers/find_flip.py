"""The smallest change of facts by which a contact would come into a segment, or leave it.

Found by what conditions wish, and believed only when the evaluator has said so: all changes
together turn the answer, and no part of them does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations, islice, product
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.flip_changes import (
    Change,
    Changes,
    Counted,
    Known,
    changes_for,
    cost_of,
    pinned,
    unpinned,
)
from services.mailing.domain.flips import Flipper, Turn
from services.mailing.handlers.judge_contact import Judged
from services.mailing.persistence.explanations import verdict

MOST_CHANGES = 5
MOST_TRIED = 60
"""How often the evaluator is asked at most for one explanation."""
MOST_PRODUCTS = 12
MOST_ROWS = 5_000
"""Of a contact with more rows than these no change is tried."""


@dataclass(frozen=True, slots=True)
class Flip:
    """
    The changes that together would turn the answer, and no part of them; None if none was found.

    `wanted` are the conditions that would have to turn then, by path, and whether they should hold.
    """

    changes: Changes | None
    wanted: tuple[Turn, ...] = ()


@dataclass(slots=True)
class _Trial:
    found: Judged
    connection: AsyncConnection
    tried: dict[frozenset[tuple[str, UUID | None]], bool] = field(default_factory=dict)

    async def flips(self, changes: Iterable[Change]) -> bool:
        """Tell whether these changes turn the answer."""
        some = list(changes)
        key = frozenset(one.key for one in some)
        if key not in self.tried:
            patches = [patch for one in some for patch in one.patches]
            scene = self.found.scene.with_patches(patches)
            after = await verdict(self.connection, scene, self.found.whole)
            self.tried[key] = after is not self.found.judged
        return self.tried[key]

    async def smallest(self, changes: Changes) -> Changes | None:
        """Return the smallest part of some changes that turns the answer, if all of them do."""
        if not await self.flips(changes):
            return None
        for size in range(1, len(changes)):
            for some in combinations(changes, size):
                if await self.flips(some):
                    return some
        return changes

    @property
    def is_over(self) -> bool:
        return len(self.tried) >= MOST_TRIED


async def find_flip(found: Judged, titles: dict[str, str], connection: AsyncConnection) -> Flip:
    """Return the smallest changes that were found to turn the answer; pins are the last resort."""
    scene = found.scene
    contact = scene.contact
    if contact is None or contact["deleted"] or scene.size > MOST_ROWS:
        return Flip(None)
    known = Known(
        scene,
        found.today,
        {node.place.path: node.covers for node in found.nodes},
        {
            place: Counted(one.tally.count, Decimal(one.tally.total), one.tally.rows)
            for place, one in found.answers.items()
            if one.tally is not None
        },
        titles,
    )
    trial = _Trial(found, connection)
    pin = scene.pin
    lifted: Changes = () if pin is None else (unpinned(),)
    if lifted and await trial.flips(lifted):
        return Flip(lifted)
    ways = _ways(found, known)
    for way in ways:
        for changes in _concrete(way, known):
            all_changes = (*lifted, *changes)
            if len(all_changes) <= MOST_CHANGES and not trial.is_over:
                smallest = await trial.smallest(all_changes)
                if smallest is not None:
                    return Flip(smallest)
    last = (pinned(scene, not found.judged),)
    if await trial.flips(last):
        return Flip(last, _wanted(ways))
    return Flip(None, _wanted(ways))


def _ways(found: Judged, known: Known) -> list[frozenset[Turn]]:
    costs: dict[Turn, float | None] = {}

    def cost(turn: Turn) -> float | None:
        if turn not in costs:
            possible = changes_for(turn, known)
            costs[turn] = cost_of(possible[0]) if possible else None
        return costs[turn]

    flipper = Flipper(
        {place: one.holds for place, one in found.answers.items()},
        [UUID(one["customer_id"]) for one in found.scene.customers],
        cost,
    )
    return flipper.ways(found.rule.root, not found.judged)


def _concrete(way: frozenset[Turn], known: Known) -> Iterator[Changes]:
    """Yield what would make all conditions of a way turn; each change once."""
    ordered = sorted(way, key=lambda turn: (turn.condition is not None, turn.path))
    each = [changes_for(turn, known) for turn in ordered]
    for chosen in islice(product(*each), MOST_PRODUCTS):
        changes = {change.key: change for some in chosen for change in some}
        if changes:
            yield tuple(changes.values())


def _wanted(ways: list[frozenset[Turn]]) -> tuple[Turn, ...]:
    return tuple(sorted(ways[0], key=lambda turn: turn.path)) if ways else ()
