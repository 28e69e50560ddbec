"""Reads what several conditions share: comparisons, amounts and periods."""

from collections.abc import Callable
from typing import Any

from services.mailing.domain.rule_text_forms import spoken
from services.mailing.domain.rule_text_pieces import Pieces
from services.mailing.domain.rule_text_tokens import Kind

Tree = dict[str, Any]


class Phrases(Pieces):
    """Each phrase becomes fields of a node."""

    def compared(self, node: Tree) -> Tree | None:
        """Add a comparison to a node, or return None where there is none."""
        if self.take("is set"):
            node["is_set"] = True
        elif self.take("is one of"):
            node["is_one_of"] = self.several(self._compared_with)
        elif self.take("is"):
            node["is_one_of"] = [self._compared_with()]
        elif self.take("starts with"):
            node["starts_with"] = self.piece(Kind.TEXT)
        elif self.take("contains"):
            node["contains"] = self.piece(Kind.TEXT)
        else:
            bounds = self._bounds(self._bound)
            node |= bounds
            return node if bounds else None
        return node

    def _compared_with(self) -> str | float:
        if self.token.kind is Kind.TEXT:
            return self.go()
        self.expected.append(Kind.TEXT)
        return float(self.piece(Kind.NUMBER))

    def _bounds(self, bound: Callable[[], Any]) -> Tree:
        found = {}
        for name in ("at_least", "below"):
            if self.take(spoken(name)):
                found[name] = bound()
        return found

    def _bound(self) -> str | float:
        if self.token.kind is Kind.DAY:
            return self.go()
        self.expected.append(Kind.DAY)
        return float(self.piece(Kind.NUMBER))

    def worth(self) -> Tree:
        """Return bounds of an amount and their currency."""
        bounds = self._bounds(lambda: self.piece(Kind.NUMBER, "an amount as 1000.00"))
        return {**bounds, "currency": self.currency()} if bounds else self.refuse()

    def currency(self) -> str:
        """Return a currency."""
        if len(self.token.says) == 3:
            return self.piece(Kind.WORD, "a currency as EUR").upper()
        self.expected.append("a currency as EUR")
        self.refuse()

    def period(self) -> Tree:
        """Return a period as its fields; none means ever."""
        if self.take("in the last"):
            return {"last_days": self._days()}
        if self.take("in the next"):
            return {"next_days": self._days()}
        if self.take("at least"):
            days = self._days()
            self.need("ago")
            return {"older_than_days": days}
        return {
            field: self.piece(Kind.DAY)
            for field, word in (("from_day", "from"), ("before_day", "before"))
            if self.take(word)
        }

    def _days(self) -> int:
        days = self.whole()
        if not self.take("day"):
            self.need("days")
        return days
