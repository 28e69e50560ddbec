"""Reads a rule out of text: by recursive descent, one method for each form."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from services.mailing.domain.conditions import Holder
from services.mailing.domain.refusals import MalformedRuleText
from services.mailing.domain.rule_names import SEGMENTS, Title
from services.mailing.domain.rule_text_forms import (
    ACTIVITIES,
    ATTRIBUTES,
    COMPARED,
    DOCUMENTS,
    FIELDS,
    FLAGGED,
    KINDS,
    MAX_NESTING,
    OPPORTUNITIES,
    OUTCOMES,
    STATES,
    Clause,
    Counted,
)
from services.mailing.domain.rule_text_phrases import Phrases, Tree
from services.mailing.domain.rule_text_tokens import Kind


class Wanted(NamedTuple):
    """A title to be looked up: where it stands in the text, and what of the tree takes its id."""

    title: Title
    at: int
    holder: Any
    key: Any


class Reader(Phrases):
    """Reads one text into the tree of a rule, in which titles are still to be looked up."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.wanted: list[Wanted] = []
        self.places: list[tuple[Tree, int]] = []
        self._nesting = 0
        self._at_customer = False

    def rule(self) -> Tree:
        """Return the tree of the whole text."""
        tree = self._either()
        if self.token.kind is not Kind.END:
            self.expected.append("the end")
            self.refuse()
        return tree

    def _node(self, at: int, op: str, **fields: Any) -> Tree:
        tree = {"op": op, **fields}
        self.places.append((tree, at))
        return tree

    # --- Joining.

    def _either(self) -> Tree:
        return self._joined("any", "or", lambda: self._joined("all", "and", self._one))

    def _joined(self, op: str, word: str, part: Callable[[], Tree]) -> Tree:
        at = self.token.at
        parts = [part()]
        while self.take(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else self._node(at, op, rules=parts)

    def _one(self) -> Tree:
        at = self.token.at
        if self.take("not"):
            with self._deeper(at):
                return self._node(at, "not", rule=self._one())
        if self.take("all of"):
            return self._node(at, "all", rules=[self._inside(at)])
        if self.take("any of"):
            return self._node(at, "any", rules=[self._inside(at)])
        if self.take("everybody"):
            return self._node(at, "all", rules=[])
        if not self._at_customer and self.take("same customer"):
            self._at_customer = True
            tree = self._node(at, "same_customer", rule=self._inside(at))
            self._at_customer = False
            return tree
        if self._sees("("):
            return self._inside(at)
        return self._condition(at)

    def _sees(self, mark: str) -> bool:
        self.expected.append(mark)
        return self.token.kind is Kind.MARK and self.token.says == mark

    def _inside(self, at: int) -> Tree:
        self.need("(")
        with self._deeper(at):
            tree = self._either()
        self.need(")")
        return tree

    @contextmanager
    def _deeper(self, at: int) -> Iterator[None]:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            reason = f"more than {MAX_NESTING} parentheses stand in each other"
            raise MalformedRuleText(self.text, at, reason, ())
        yield
        self._nesting -= 1

    # --- Conditions.

    def _condition(self, at: int) -> Tree:
        if self.take("customer"):
            return self._of_customer(at)
        if self.take("relationship started"):
            return self._node(at, "relationship_start", **self.period())
        if self.take("turnover"):
            return self._node(at, "turnover", **self.worth(), **self.period())
        if self.take("at least"):
            return self._counted(at, self.whole())
        if not self._at_customer:
            if self.take("contact"):
                return self._of_contact(at)
            if self.take("in segment"):
                return self._in_segment(at)
        self.refuse()

    def _of_customer(self, at: int) -> Tree:
        if self.take("has"):
            name = self._list()
            if self.take(FLAGGED):
                return self._node(at, "customer_flagged", list=name, flag=self.piece(Kind.WORD))
            return self._node(at, "customer_has", list=name, numbers=self._values(name))
        if self.take("ended"):
            return self._node(at, "customer_ended", **self.period())
        if self.take("attribute"):
            node = self._node(at, "customer_value")
            self._attribute(node, "attribute", Holder.CUSTOMER)
            return self.compared(node) or self.refuse()
        field = self.choice(FIELDS[Holder.CUSTOMER])
        return self.compared(self._node(at, "customer_field", field=field)) or self.refuse()

    def _of_contact(self, at: int) -> Tree:
        if self.take("has"):
            name = self._list()
            return self._node(at, "contact_has", list=name, numbers=self._values(name))
        if self.take("attribute"):
            if not self.followed_by(COMPARED):
                ticked = self._node(at, "has_attribute")
                self._attribute(ticked, "number", Holder.CONTACT)
                self.expected.extend(COMPARED)
                return ticked
            node = self._node(at, "contact_value")
            self._attribute(node, "attribute", Holder.CONTACT)
            return self.compared(node) or self.refuse()
        field = self.choice(FIELDS[Holder.CONTACT])
        return self.compared(self._node(at, "contact_field", field=field)) or self.refuse()

    def _in_segment(self, at: int) -> Tree:
        node = self._node(at, "in_segment")
        self._called(node, "segment_id", SEGMENTS, Kind.ID)
        return node

    def _counted(self, at: int, least: int) -> Tree:
        if self._noun(DOCUMENTS):
            self.need("of kind")
            kinds = self.several(lambda: self.choice(KINDS))
            period = self.period()
            return self._node(at, "documents", at_least=least, kinds=kinds, **period)
        if self._noun(OPPORTUNITIES):
            of = self._holder()
            found = self._narrowed(OPPORTUNITIES, self._of_opportunities)
            period = self.period()
            return self._node(at, "opportunities", at_least=least, of=of, **found, **period)
        state = next((state for state in STATES if self.take(state)), "done")
        if not self._noun(ACTIVITIES):
            self.refuse()
        of = self._holder()
        found = self._narrowed(ACTIVITIES, self._of_activities)
        period = self.period()
        return self._node(at, "activities", at_least=least, state=state, of=of, **found, **period)

    def _noun(self, counted: Counted) -> bool:
        return self.take(counted.several) or self.take(counted.one)

    def _holder(self) -> Holder:
        if self.take("with customer"):
            return Holder.CUSTOMER
        if self._at_customer:
            self.refuse()
        self.need("with contact")
        return Holder.CONTACT

    def _narrowed(self, counted: Counted, other: Callable[[Tree], bool]) -> Tree:
        """Take narrowings in any order, each once."""
        found: Tree = {}
        while self._clause(counted.clauses, found) or other(found):
            pass
        return found

    def _clause(self, clauses: Sequence[Clause], found: Tree) -> bool:
        for words, field, name in clauses:
            if field not in found and self.take(words):
                found[field] = self._values(name)
                return True
        return False

    def _of_activities(self, found: Tree) -> bool:
        if "sellers" in found or not self.take("by seller"):
            return False
        found["sellers"] = self.several(lambda: self.piece(Kind.TEXT))
        return True

    def _of_opportunities(self, found: Tree) -> bool:
        if "outcomes" not in found and self.take("of outcome"):
            found["outcomes"] = self.several(lambda: self.choice(OUTCOMES))
            return True
        if "currency" in found:
            return False
        if self.take("of currency"):
            found["currency"] = self.currency()
            return True
        if self.take("worth"):
            worth = self.worth()
            found["currency"] = worth.pop("currency")
            found |= {f"value_{bound}": amount for bound, amount in worth.items()}
            return True
        return False

    # --- Parts of conditions.

    def _list(self) -> str:
        parts = [self.piece(Kind.WORD, "the name of a list")]
        while self.token.kind is Kind.WORD and self.token.says != FLAGGED:
            parts.append(self.go())
        return "_".join(parts)

    def _values(self, name: str) -> list[Any]:
        found: list[Any] = []

        def value() -> None:
            found.append(None)
            self._called(found, len(found) - 1, name, Kind.NUMBER)

        self.several(value)
        return found

    def _attribute(self, node: Tree, field: str, holder: Holder) -> None:
        node[field] = None
        self._called(node, field, ATTRIBUTES[holder], Kind.NUMBER)

    def _called(self, holder: Any, key: Any, name: str, kind: Kind) -> None:
        """Take a title, or else a number or id."""
        at = self.token.at
        if self.token.kind is Kind.TEXT:
            self.wanted.append(Wanted(Title(name, self.go()), at, holder, key))
            return
        self.expected.append("a title in quotes")
        holder[key] = self.whole() if kind is Kind.NUMBER else self.piece(kind)
