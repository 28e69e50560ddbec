"""Which conditions would have to turn, so that a rule answers otherwise: the cheapest first.

What is found here are wishes. Conditions that look at the same fact may thwart each other, so
whoever takes one asks the evaluator whether it comes true.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.mailing.domain.conditions import Condition, Holder, holder_of
from services.mailing.domain.rules import All, Any_, Node, Not, SameCustomer

KEPT = 8
"""How many ways are followed at each node."""
ANOTHER = UUID(int=1)
"""Stands for a customer that he has nothing to do with yet; no condition is true of it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """
    A condition that is to hold, or not to, of the contact or of one of his customers.

    Without a condition, that he comes to `ANOTHER` customer.
    """

    path: str
    condition: Condition | None
    customer_id: UUID | None
    holds: bool


Way = tuple[float, frozenset[Turn]]
"""What it costs to turn some conditions."""
Cost = Callable[[Turn], float | None]
"""What it costs to turn one; None if nothing can."""


@dataclass(frozen=True, slots=True)
class Flipper:
    """
    Finds ways through one tree.

    `answers` are those of conditions, by path and customer; of `ANOTHER` all are false.
    """

    answers: Mapping[tuple[str, UUID | None], bool]
    customers: Sequence[UUID]
    cost: Cost

    def ways(self, root: Node, holds: bool) -> list[frozenset[Turn]]:
        """Return ways to make a whole rule answer so, the cheapest first."""
        return [turns for _, turns in self._ways(root, "rule", None, holds)]

    def _ways(self, node: Node, path: str, customer: UUID | None, holds: bool) -> list[Way]:
        if isinstance(node, Not):
            return self._ways(node.rule, f"{path}.rule", customer, not holds)
        if isinstance(node, All | Any_):
            parts = [
                self._ways(child, f"{path}.rules.{place}", customer, holds)
                for place, child in enumerate(node.rules)
            ]
            return _all_of(parts) if isinstance(node, All) is holds else _one_of(parts)
        if isinstance(node, SameCustomer):
            return self._at_any(node.rule, f"{path}.rule", holds)
        if customer is None and holder_of(node) is Holder.CUSTOMER:
            return self._at_any(node, path, holds)
        return self._turned(Turn(path, node, customer, holds))

    def _at_any(self, node: Node, path: str, holds: bool) -> list[Way]:
        """Some customer fulfils it, or none does; of no customer, another may come."""
        parts = [self._ways(node, path, one, holds) for one in self.customers]
        if not holds:
            return _all_of(parts)
        comes = self._turned(Turn("", None, ANOTHER, True))
        return _one_of([*parts, _all_of([comes, self._ways(node, path, ANOTHER, True)])])

    def _turned(self, turn: Turn) -> list[Way]:
        if self.answers.get((turn.path, turn.customer_id), False) is turn.holds:
            return [(0.0, frozenset())]
        cost = self.cost(turn)
        return [] if cost is None else [(cost, frozenset({turn}))]


def _one_of(parts: Iterable[list[Way]]) -> list[Way]:
    return _cheapest(way for part in parts for way in part)


def _all_of(parts: Iterable[list[Way]]) -> list[Way]:
    ways: list[Way] = [(0.0, frozenset())]
    for part in parts:
        ways = _cheapest(
            (cost + more, turns | others) for cost, turns in ways for more, others in part
        )
    return ways


def _cheapest(ways: Iterable[Way]) -> list[Way]:
    found = {turns: cost for cost, turns in sorted(ways, key=_order, reverse=True)}
    return heapq.nsmallest(KEPT, ((cost, turns) for turns, cost in found.items()), key=_order)


def _order(way: Way) -> tuple[float, int, list[str]]:
    cost, turns = way
    return cost, len(turns), sorted(f"{one.path} {one.customer_id}" for one in turns)
