"""
Rules as text, such as `customer has status group "Active" and not contact attribute "VIP"`.

Reading takes two steps, for titles mean something only to who knows the lists: `read` says which
titles a text has, and a draft becomes a rule with what they mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from services.mailing.domain.refusals import MalformedRuleText, UnknownTitles, place_of
from services.mailing.domain.rule_names import SEGMENTS, Called, Meaning, Names, Title
from services.mailing.domain.rule_text_phrases import Tree
from services.mailing.domain.rule_text_reader import Reader, Wanted
from services.mailing.domain.rule_text_tokens import MAX_TEXT, quoted
from services.mailing.domain.rule_text_writer import Collector, Writer
from services.mailing.domain.rules import Rule
from shared.chassis.errors import FieldProblem

__all__ = ["MAX_TEXT", "Draft", "called_in", "parse", "read", "write"]

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is a rule but for its titles, which are to be looked up."""

    text: str
    _tree: Tree
    _wanted: list[Wanted]
    _places: dict[int, int]

    def unclear(self, names: Names) -> frozenset[Title]:
        """Return the titles that do not mean one thing only."""
        return frozenset(title for title in self.titles if len(names.meanings.get(title, ())) != 1)

    @property
    def titles(self) -> frozenset[Title]:
        """Return the titles that it has."""
        return frozenset(wanted.title for wanted in self._wanted)

    def rule(self, names: Names) -> Rule:
        """Return the rule; refuse titles that mean nothing or several things."""
        self._refuse_unclear(names)
        for title, _, holder, key in self._wanted:
            holder[key] = names.meanings[title][0].id
        try:
            return Rule.model_validate(self._tree)
        except ValidationError as error:
            raise self._refusal(error) from None

    def _refuse_unclear(self, names: Names) -> None:
        unclear = self.unclear(names)
        if not unclear:
            return
        wanted = [one for one in self._wanted if one.title in unclear]
        told = [self._unclear(one, names) for one in wanted[:SHOWN]]
        fields = [FieldProblem("text", reason, _remedy(found)) for reason, found, _ in told]
        raise UnknownTitles(
            fields[0].reason,
            remedy=fields[0].remedy,
            fields=fields,
            facts={"titles": [fact for _, _, fact in told]},
        )

    def _unclear(
        self, wanted: Wanted, names: Names
    ) -> tuple[str, list[Meaning], dict[str, object]]:
        title, at = wanted.title, wanted.at
        meant = names.meanings.get(title, ())
        found = list(meant or names.similar.get(title, ()))[:SHOWN]
        line, column = place_of(self.text, at)
        what = "segment" if title.list == SEGMENTS else f"value of {title.list}"
        said = f"means {len(meant)} of them" if meant else "means none"
        reason = f"line {line}, column {column}: as a {what} {quoted(title.text[:200])} {said}"
        candidates = [{"id": str(one.id), "title": one.title} for one in found]
        return reason, found, {
            "line": line,
            "column": column,
            "title": title.text,
            "candidates": candidates,
        }  # fmt: skip

    def _refusal(self, error: ValidationError) -> MalformedRuleText:
        problem = error.errors(include_url=False, include_input=False)[0]
        reason = str(problem["msg"]).removeprefix("Value error, ")
        *_, at = self._along(problem["loc"])
        return MalformedRuleText(self.text, at, reason, ())

    def _along(self, steps: tuple[int | str, ...]) -> Iterator[int]:
        """Yield where the nodes stand on the way to a place in the tree."""
        inside: Any = self._tree
        yield self._places[id(inside)]
        for step in steps:
            if isinstance(inside, dict | list) and _has(inside, step):
                inside = inside[step]  # type: ignore[index]
                if id(inside) in self._places:
                    yield self._places[id(inside)]


def read(text: str) -> Draft:
    """Return what a text says but for its titles; refuse what is no rule, with line and column."""
    reader = Reader(text)
    tree = reader.rule()
    return Draft(text, tree, reader.wanted, {id(node): at for node, at in reader.places})


def parse(text: str, names: Names) -> Rule:
    """Return a text as a rule."""
    return read(text).rule(names)


def write(rule: Rule, names: Names) -> str:
    """Return a rule as text in its normal form; `parse` gives it back."""
    return Writer(names).node(rule.root)


def called_in(rule: Rule) -> frozenset[Called]:
    """Return the values and segments that a rule names, whose titles `write` asks for."""
    collector = Collector(Names())
    collector.node(rule.root)
    return frozenset(collector.called)


def _has(inside: dict[Any, Any] | list[Any], step: int | str) -> bool:
    if isinstance(inside, dict):
        return step in inside
    return isinstance(step, int) and step < len(inside)


def _remedy(candidates: list[Meaning]) -> str:
    if not candidates:
        return "Write a title as GET /v1/segment-rules/values shows it, or its number."
    shown = ", ".join(f"{one.id} ({quoted(one.title)})" for one in candidates[:5])
    return f"Write one of: {shown}."
