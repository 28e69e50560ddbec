"""Takes the pieces of a text one by one, and tells what was expected where one does not fit."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn

from services.mailing.domain.refusals import MalformedRuleText
from services.mailing.domain.rule_text_forms import spoken
from services.mailing.domain.rule_text_tokens import Kind, Token, tokens_of


class Pieces:
    """A text, read from left to right; whatever is tried in vain at a place is expected there."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.expected: list[str] = []
        self._tokens = tokens_of(text)
        self._next = 0

    @property
    def token(self) -> Token:
        """The piece that stands here."""
        return self._tokens[self._next]

    def followed_by(self, words: Collection[str]) -> bool:
        """Tell whether one of these words stands behind the piece that stands here."""
        behind = self._tokens[self._next + 1 : self._next + 2]
        return any(one.kind is Kind.WORD and one.says in words for one in behind)

    def refuse(self) -> NoReturn:
        """Refuse what stands here, and say what was expected."""
        token = self.token
        length = len(self.text) if token.kind is Kind.END else self._tokens[self._next + 1].at
        found = repr(self.text[token.at : length].strip()[:40]) if token.says else token.kind
        expected = list(dict.fromkeys(self.expected))
        raise MalformedRuleText(self.text, token.at, f"found {found}", expected)

    def take(self, words: str) -> bool:
        """Go behind these words if they stand here; else remember that they might have."""
        wanted = words.split()
        here = self._tokens[self._next : self._next + len(wanted)]
        says = [one.says for one in here if one.kind in (Kind.WORD, Kind.MARK)]
        if says != wanted:
            self.expected.append(words)
            return False
        self.go(len(wanted))
        return True

    def need(self, words: str) -> None:
        """Go behind these words; refuse what else stands here."""
        if not self.take(words):
            self.refuse()

    def go(self, steps: int = 1) -> str:
        """Go on, and return what stood here."""
        says = self.token.says
        self._next += steps
        self.expected.clear()
        return says

    def piece(self, kind: Kind, what: str | None = None) -> str:
        """Return what a piece of this kind says; refuse another."""
        if self.token.kind is not kind:
            self.expected.append(what or kind)
            self.refuse()
        return self.go()

    def choice(self, names: Sequence[str]) -> str:
        """Return which of these names stands here, in words."""
        for name in names:
            if self.take(spoken(name)):
                return name
        self.refuse()

    def several(self, one: Callable[[], Any]) -> list[Any]:
        """Return what one reading gives, or several in parentheses."""
        if not self.take("("):
            return [one()]
        found = [one()]
        while self.take(","):
            found.append(one())
        self.need(")")
        return found

    def whole(self) -> int:
        """Return a whole number."""
        if self.token.kind is Kind.NUMBER and self.token.says.isdigit():
            return int(self.go())
        self.expected.append("a whole number")
        self.refuse()
