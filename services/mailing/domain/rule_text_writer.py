"""Writes a rule as text in its normal form: the one that reading gives back as the same rule."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from services.mailing.domain.conditions import (
    Activities,
    Condition,
    ContactField,
    ContactHas,
    ContactValue,
    CustomerEnded,
    CustomerField,
    CustomerFlagged,
    CustomerHas,
    CustomerValue,
    Documents,
    HasAttribute,
    Holder,
    InSegment,
    Opportunities,
    RelationshipStart,
    Turnover,
)
from services.mailing.domain.periods import Period
from services.mailing.domain.rule_names import SEGMENTS, Called, Id, Names
from services.mailing.domain.rule_text_forms import (
    ACTIVITIES,
    ATTRIBUTES,
    DOCUMENTS,
    FLAGGED,
    OPPORTUNITIES,
    Counted,
    list_words,
    spoken,
)
from services.mailing.domain.rule_text_tokens import quoted
from services.mailing.domain.rules import All, Any_, Node, Not, SameCustomer

Compares = CustomerField | ContactField | CustomerValue | ContactValue


class Writer:
    """Writes nodes; titles where `names` has one, else numbers and ids."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def node(self, node: Node) -> str:
        """Return a node as text."""
        match node:
            case All(rules=[]):
                return "everybody"
            case All(rules=[only]):
                return f"all of ({self.node(only)})"
            case Any_(rules=[only]):
                return f"any of ({self.node(only)})"
            case All() | Any_():
                word = " and " if isinstance(node, All) else " or "
                return word.join(map(self._part, node.rules))
            case Not():
                return f"not {self._part(node.rule)}"
            case SameCustomer():
                return f"same customer ({self.node(node.rule)})"
            case _:
                return " ".join(filter(None, self._condition(node)))

    def _part(self, node: Node) -> str:
        text = self.node(node)
        return f"({text})" if isinstance(node, All | Any_) and len(node.rules) > 1 else text

    def _condition(self, node: Condition) -> Iterator[str]:
        match node:
            case CustomerHas():
                yield f"customer has {self._held(node.list, node.numbers)}"
            case ContactHas():
                yield f"contact has {self._held(node.list, node.numbers)}"
            case HasAttribute():
                yield self._attribute(Holder.CONTACT, node.number)
            case CustomerFlagged():
                yield f"customer has {list_words(node.list)} {FLAGGED} {node.flag}"
            case CustomerEnded():
                yield f"customer ended {_period(node)}".rstrip()
            case RelationshipStart():
                yield f"relationship started {_period(node)}".rstrip()
            case CustomerField():
                yield f"customer {spoken(node.field)}"
                yield _compared(node)
            case ContactField():
                yield f"contact {spoken(node.field)}"
                yield _compared(node)
            case CustomerValue():
                yield self._attribute(Holder.CUSTOMER, node.attribute)
                yield _compared(node)
            case ContactValue():
                yield self._attribute(Holder.CONTACT, node.attribute)
                yield _compared(node)
            case Turnover():
                yield f"turnover {_worth(node.at_least, node.below, node.currency)}"
                yield _period(node)
            case Documents():
                yield _count(node.at_least, DOCUMENTS)
                yield f"of kind {_several(map(spoken, node.kinds))}"
                yield _period(node)
            case Activities():
                yield from self._activities(node)
            case Opportunities():
                yield from self._opportunities(node)
            case InSegment():
                yield f"in segment {self._called(SEGMENTS, node.segment_id)}"

    def _activities(self, node: Activities) -> Iterator[str]:
        state = None if node.state == "done" else node.state
        yield _count(node.at_least, ACTIVITIES, state)
        yield f"with {node.of}"
        yield from self._clauses(ACTIVITIES, node)
        if node.sellers:
            yield f"by seller {_several(map(quoted, node.sellers))}"
        yield _period(node)

    def _opportunities(self, node: Opportunities) -> Iterator[str]:
        yield _count(node.at_least, OPPORTUNITIES)
        yield f"with {node.of}"
        if node.outcomes:
            yield f"of outcome {_several(node.outcomes)}"
        yield from self._clauses(OPPORTUNITIES, node)
        if node.currency is not None:
            worth = _worth(node.value_at_least, node.value_below, node.currency)
            yield f"of currency {worth}" if worth == node.currency else f"worth {worth}"
        yield _period(node)

    def _clauses(self, counted: Counted, node: Activities | Opportunities) -> Iterator[str]:
        for words, field, name in counted.clauses:
            numbers: Sequence[int] | None = getattr(node, field)
            if numbers:
                yield f"{words} {self._values(name, numbers)}"

    def _held(self, name: str, numbers: Sequence[int]) -> str:
        return f"{list_words(name)} {self._values(name, numbers)}"

    def _attribute(self, holder: Holder, number: int) -> str:
        return f"{holder} attribute {self._called(ATTRIBUTES[holder], number)}"

    def _values(self, name: str, numbers: Sequence[int]) -> str:
        return _several(self._called(name, number) for number in numbers)

    def _called(self, name: str, id_: Id) -> str:
        title = self._names.titles.get(Called(name, id_))
        return str(id_) if title is None else quoted(title)


class Collector(Writer):
    """Writes nothing that is wanted: notes what has a title or may have."""

    def __init__(self, names: Names) -> None:
        super().__init__(names)
        self.called: set[Called] = set()

    def _called(self, name: str, id_: Id) -> str:
        self.called.add(Called(name, id_))
        return super()._called(name, id_)


def _several(texts: Iterable[str]) -> str:
    found = list(texts)
    return found[0] if len(found) == 1 else f"({', '.join(found)})"


def _count(least: int, counted: Counted, state: str | None = None) -> str:
    noun = counted.one if least == 1 else counted.several
    return " ".join(filter(None, (f"at least {least}", state, noun)))


def _compared(node: Compares) -> str:
    if node.is_set:
        return "is set"
    if node.is_one_of is not None:
        word = "is" if len(node.is_one_of) == 1 else "is one of"
        return f"{word} {_several(map(_value, node.is_one_of))}"
    if node.starts_with is not None:
        return f"starts with {quoted(node.starts_with)}"
    if node.contains is not None:
        return f"contains {quoted(node.contains)}"
    bounds = (("at least", node.at_least), ("below", node.below))
    return " ".join(f"{word} {_value(bound)}" for word, bound in bounds if bound is not None)


def _value(value: str | float | date) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _worth(least: Decimal | None, below: Decimal | None, currency: str) -> str:
    bounds = (("at least", least), ("below", below))
    said = [f"{word} {amount.normalize():f}" for word, amount in bounds if amount is not None]
    return " ".join([*said, currency])


def _period(period: Period) -> str:
    if period.last_days is not None:
        return f"in the last {_days(period.last_days)}"
    if period.next_days is not None:
        return f"in the next {_days(period.next_days)}"
    if period.older_than_days is not None:
        return f"at least {_days(period.older_than_days)} ago"
    bounds = (("from", period.from_day), ("before", period.before_day))
    return " ".join(f"{word} {day.isoformat()}" for word, day in bounds if day is not None)


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
