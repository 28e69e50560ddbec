"""Random rules of the whole segment language, and titles for what they name."""

from datetime import date, timedelta
from typing import Any, get_args
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from services.mailing.domain.conditions import Holder
from services.mailing.domain.rule_names import SEGMENTS, Called, Meaning, Names
from services.mailing.domain.rule_text import Draft, read
from services.mailing.domain.rule_text_forms import FIELDS
from services.mailing.domain.rules import Node, Rule

Tree = dict[str, Any]

NODES = get_args(get_args(Node)[0])
OPS = {get_args(node.model_fields["op"].annotation)[0] for node in NODES}
"""Every node of the language, by the name it is given back by: what all else is held against."""

NASTY = [
    'say "hi"',
    "back\\slash",
    "a\nb",
    "\t",
    "",
    "12",
    "and",
    ") or (",
    "ÄÖ",
    "'",
    "Straße",
    "()",
]
# All that the database can hold.
TITLES = st.sampled_from(NASTY) | st.text(st.characters(codec="utf-8", min_codepoint=1), max_size=8)
NUMBERS = st.lists(st.integers(0, 9) | st.just(2**31 - 1), min_size=1, max_size=3)
LISTS_HELD = [
    "customer_status", "status_group", "industry", "category", "and", "flagged", "a__b",
    "x_flagged", "list_2", "a_", "in", "or_not",
]  # fmt: skip
LISTS = st.sampled_from(LISTS_HELD)
WORDS = st.sampled_from(["Turku", 'a"b', "\\", "is set", ".*", "%_", "2026-01-01", "å"])
DAYS = st.dates(date(1, 1, 1), date(9998, 12, 30))
MEASURES = st.floats(allow_nan=False, allow_infinity=False)
AMOUNTS = st.decimals(-(10**13), 10**13, places=4)
COUNTS = st.integers(1, 1_000_000)
SPANS = st.integers(1, 36_600)
SEGMENT_IDS = st.uuids(version=4) | st.sampled_from([UUID(int=n) for n in range(3)])
HOLDERS = st.sampled_from(["customer", "contact"])


def fields(**named: SearchStrategy[Any]) -> SearchStrategy[Tree]:
    return st.fixed_dictionaries(named)


def some(**named: SearchStrategy[Any]) -> SearchStrategy[Tree]:
    return st.fixed_dictionaries({}, optional=named)


def joined(*parts: SearchStrategy[Tree]) -> SearchStrategy[Tree]:
    return st.tuples(*parts).map(lambda found: {k: v for part in found for k, v in part.items()})


def bounds(
    values: SearchStrategy[Any], least: str = "at_least", below: str = "below"
) -> SearchStrategy[Tree]:
    pairs = st.lists(values, min_size=2, max_size=2, unique=True).map(sorted)
    both = pairs.map(lambda pair: {least: pair[0], below: pair[1]})
    return both | fields(**{least: values}) | fields(**{below: values})


def of(op: str, *parts: SearchStrategy[Tree]) -> SearchStrategy[Tree]:
    return joined(st.just({"op": op}), *parts)


PERIODS = st.one_of(
    st.just({}),
    fields(last_days=SPANS),
    fields(next_days=SPANS),
    fields(older_than_days=SPANS),
    fields(from_day=DAYS),
    DAYS.map(lambda day: {"from_day": day, "before_day": day + timedelta(days=1)}),
    fields(before_day=DAYS),
)
TEXTS_COMPARED = st.one_of(
    fields(is_one_of=st.lists(WORDS, min_size=1, max_size=3)),
    fields(starts_with=WORDS),
    fields(contains=WORDS),
    st.just({"is_set": True}),
)
NUMBERS_COMPARED = fields(is_one_of=st.lists(MEASURES, min_size=1, max_size=3)) | bounds(MEASURES)
ANY_COMPARED = TEXTS_COMPARED | NUMBERS_COMPARED | bounds(DAYS)
CURRENCY = st.sampled_from(["EUR", "SEK", "AND"])
WORTH = st.one_of(
    st.just({}),
    fields(currency=CURRENCY),
    joined(fields(currency=CURRENCY), bounds(AMOUNTS, "value_at_least", "value_below")),
)
HELD = fields(list=LISTS, numbers=NUMBERS)
TEXT_FIELDS = {
    holder: st.sampled_from([name for name in names if name != "headcount"])
    for holder, names in FIELDS.items()
}
ABOUT_CUSTOMERS = [
    of("customer_has", HELD),
    of("customer_flagged", fields(list=LISTS, flag=st.sampled_from(["ended", "flagged", "a_1"]))),
    of("customer_ended", PERIODS),
    of("relationship_start", PERIODS),
    of("customer_field", fields(field=TEXT_FIELDS[Holder.CUSTOMER]), TEXTS_COMPARED),
    of("customer_field", st.just({"field": "headcount"}), NUMBERS_COMPARED),
    of("customer_value", fields(attribute=st.integers(0, 9)), ANY_COMPARED),
    of("turnover", fields(currency=CURRENCY), bounds(AMOUNTS), PERIODS),
    of(
        "documents",
        fields(
            kinds=st.lists(
                st.sampled_from(["invoice", "credit_note", "sales_order"]), min_size=1, max_size=3
            )
        ),
        some(at_least=COUNTS),
        PERIODS,
    ),
]
ABOUT_CONTACTS = [
    of("contact_has", HELD),
    of("has_attribute", fields(number=st.integers(0, 9))),
    of("contact_field", fields(field=TEXT_FIELDS[Holder.CONTACT]), TEXTS_COMPARED),
    of("contact_value", fields(attribute=st.integers(0, 9)), ANY_COMPARED),
    of("in_segment", fields(segment_id=SEGMENT_IDS)),
]


def counted(holders: SearchStrategy[str]) -> list[SearchStrategy[Tree]]:
    return [
        of(
            "activities",
            fields(of=holders),
            some(
                categories=NUMBERS,
                kinds=NUMBERS,
                types=NUMBERS,
                attributes=NUMBERS,
                sellers=st.lists(WORDS, min_size=1, max_size=2),
                state=st.sampled_from(["done", "open", "any"]),
                at_least=COUNTS,
            ),
            PERIODS,
        ),
        of(
            "opportunities",
            fields(of=holders),
            some(
                outcomes=st.lists(
                    st.sampled_from(["open", "won", "lost", "expired"]), min_size=1, max_size=4
                ),
                pipelines=NUMBERS,
                stages=NUMBERS,
                types=NUMBERS,
                at_least=COUNTS,
            ),
            WORTH,
            PERIODS,
        ),
    ]


def trees(leaves: SearchStrategy[Tree]) -> SearchStrategy[Tree]:
    return st.recursive(
        leaves,
        lambda below: st.one_of(
            of("all", fields(rules=st.lists(below, max_size=3))),
            of("any", fields(rules=st.lists(below, min_size=1, max_size=3))),
            of("not", fields(rule=below)),
        ),
        max_leaves=6,
    )


def _is_small(tree: Tree) -> bool:
    def depth(node: Tree) -> int:
        below = [*node.get("rules", ()), *([node["rule"]] if "rule" in node else [])]
        return 1 + max(map(depth, below), default=0)

    return depth(tree) <= 8


AT_CUSTOMER = trees(st.one_of(*ABOUT_CUSTOMERS, *counted(st.just("customer"))))
SAME_CUSTOMER = of("same_customer", fields(rule=AT_CUSTOMER))
RULES = (
    trees(st.one_of(*ABOUT_CUSTOMERS, *ABOUT_CONTACTS, *counted(HOLDERS), SAME_CUSTOMER))
    .filter(_is_small)
    .map(Rule.model_validate)
)


class Titled:
    """What is called how; looked up as the database does it, without regard to case."""

    def __init__(self, titles: dict[Called, str]) -> None:
        self._titles = titles

    def meanings(self, draft: Draft) -> Names:
        return Names(
            meanings={
                asked: [
                    Meaning(called.id, title)
                    for called, title in self._titles.items()
                    if called.list == asked.list and title.lower() == asked.text.lower()
                ]
                for asked in draft.titles
            }
        )

    def titles(self) -> Names:
        folded = [(called.list, title.lower()) for called, title in self._titles.items()]
        return Names(
            titles={
                called: title
                for called, title in self._titles.items()
                if folded.count((called.list, title.lower())) == 1
            }
        )

    def parse(self, text: str) -> Rule:
        draft = read(text)
        return draft.rule(self.meanings(draft))


LISTS_NAMED = [
    *LISTS_HELD, "customer_attribute", "contact_attribute", "activity_category", "activity_kind",
    "activity_type", "activity_attribute", "pipeline", "stage", "opportunity_type",
]  # fmt: skip
CALLED = st.builds(Called, st.sampled_from(LISTS_NAMED), st.integers(0, 9)) | st.builds(
    Called, st.just(SEGMENTS), st.sampled_from([UUID(int=n) for n in range(3)])
)
TITLED = st.dictionaries(CALLED, TITLES, max_size=40).map(Titled)
