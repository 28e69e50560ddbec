"""Rules as text: what is written is read back as the same, and what is no rule says where."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mailing.domain.refusals import MalformedRuleText, UnknownTitles
from services.mailing.domain.rule_names import SEGMENTS, Called, Meaning, Names, Title
from services.mailing.domain.rule_text import MAX_TEXT, parse, read, write
from services.mailing.domain.rule_text_forms import MAX_NESTING
from services.mailing.domain.rules import Rule
from tests.unit.mailing.rule_trees import RULES, TITLED, Titled


@settings(max_examples=400)
@given(RULES, TITLED)
def test_what_is_written_is_read_back_as_the_same_rule(rule: Rule, titled: Titled) -> None:
    text = write(rule, titled.titles())
    again = titled.parse(text)
    assert again == rule
    assert write(again, titled.titles()) == text


@given(RULES, TITLED)
def test_large_letters_and_spaces_say_the_same(rule: Rule, titled: Titled) -> None:
    text = write(rule, Names())
    if '"' not in text:
        assert titled.parse(text.upper().replace(" ", "\n  ")) == rule


@settings(max_examples=300)
@given(st.text("()\",\\ andortfx-0129.'é\n", max_size=60))
def test_any_text_is_a_rule_or_is_refused_with_its_place(text: str) -> None:
    try:
        parse(text, Names())
    except MalformedRuleText as refused:
        line, column = refused.facts["line"], refused.facts["column"]
        assert isinstance(line, int) and isinstance(column, int)
        assert 1 <= line <= text.count("\n") + 1
        assert 1 <= column <= len(text.split("\n")[line - 1]) + 1
    except UnknownTitles as refused:
        assert refused.fields


STATUS = Names(
    meanings={
        Title("customer_status", "Active"): [Meaning(2, "Aktiivinen")],
        Title("customer_status", "Old"): [Meaning(3, "Old"), Meaning(4, "OLD")],
        Title(SEGMENTS, "Key"): [Meaning(UUID(int=1), "Key")],
    },
    similar={Title("customer_status", "Actve"): [Meaning(2, "Aktiivinen")]},
    titles={Called("customer_status", 2): "Active"},
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ('Customer has customer_status ("Active")', 'customer has customer status "Active"'),
        (
            'customer has customer_status (2, "Active" , 3)',
            'customer has customer status ("Active", "Active", 3)',
        ),
        ("((everybody))", "everybody"),
        ("customer ended or customer ended and everybody", None),
        ("not (customer ended)", "not customer ended"),
        ("turnover at least 1e3 EUR", "turnover at least 1000 EUR"),
        ("at least 1 documents of kind (invoice)", "at least 1 document of kind invoice"),
        (
            "at least 2 opportunities with contact of type 1 of pipeline 2",
            "at least 2 opportunities with contact of pipeline 2 of type 1",
        ),
        ('in segment "Key"', f"in segment {UUID(int=1)}"),
    ],
)
def test_a_rule_has_one_normal_form(text: str, normal: str | None) -> None:
    draft = read(text)
    names = Names(
        {title: STATUS.meanings.get(title, [Meaning(2, "Active")]) for title in draft.titles},
        titles=STATUS.titles,
    )
    written = write(draft.rule(names), names)
    assert normal in (written, None)
    again = read(written)
    assert write(again.rule(names), names) == written


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("", 1, 1, "customer"),
        ("customer ended\nand customer citty is set", 2, 14, "city"),
        ("customer city", 1, 14, "starts with"),
        ("customer has customer status", 1, 29, "a title in quotes"),
        ("customer has customer status (1, 2", 1, 35, ")"),
        ("turnover at least 10", 1, 21, "a currency as EUR"),
        ("at least 0.5 documents", 1, 10, "a whole number"),
        ("customer ended in the last 5", 1, 29, "days"),
        ("customer ended or", 1, 18, "not"),
        ("customer ended customer ended", 1, 16, "and"),
        ("same customer (contact city is set)", 1, 16, "turnover"),
        ("same customer (at least 1 activity with contact)", 1, 36, "with customer"),
        ("same customer (customer ended and in segment 1)", 1, 35, "customer"),
        ("same customer (same customer (customer ended))", 1, 16, "relationship started"),
        ("customer city is \u201cTurku\u201d", 1, 18, '"'),
        ('customer city is "Tur', 1, 18, '"'),
        ("contact attribute 5 at most 3", 1, 21, "at least"),
        ("contact attribute 5 customer", 1, 21, "is"),
    ],
)
def test_what_is_no_rule_says_where_and_what_was_expected(
    text: str, line: int, column: int, expected: str
) -> None:
    with pytest.raises(MalformedRuleText) as refused:
        parse(text, Names())
    facts = refused.value.facts
    assert (facts["line"], facts["column"]) == (line, column), refused.value.detail
    assert expected in facts["expected"]  # type: ignore[operator]
    assert f"line {line}, column {column}" in refused.value.fields[0].reason
    assert expected in refused.value.remedy


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("everybody and turnover at least 5 below 4 EUR", 15, "less than below"),
        ("customer headcount at least 5 below 4", 1, "less than below"),
        ("everybody or customer ended from 2026-13-01", 14, "month"),
        ("customer has industry 2147483648", 1, "less than"),
        ('customer headcount is "x"', 1, "number"),
        (f"customer has {'x' * 101} 1", 1, "pattern"),
        ("turnover at least 10000000000000000000 EUR", 1, "digits"),
        ('customer city is "\\ud800"', 18, "stored"),
        ('customer city is "\\q"', 18, "backslash"),
        ("everybody and at least 1234567890123456789012345678901 documents", 24, "30 characters"),
        ("customer city is \x07", 18, "x07"),
    ],
)
def test_what_the_tree_refuses_is_refused_at_its_node(text: str, column: int, said: str) -> None:
    with pytest.raises(MalformedRuleText) as refused:
        parse(text, Names())
    assert refused.value.facts["column"] == column, refused.value.detail
    assert said in refused.value.detail


def test_titles_that_mean_nothing_or_several_things_are_refused_with_candidates() -> None:
    text = 'customer has customer status\n("Active", "Old", "Actve")'
    with pytest.raises(UnknownTitles) as refused:
        parse(text, STATUS)
    old, actve = refused.value.facts["titles"]  # type: ignore[misc]
    assert (old["line"], old["column"], old["title"]) == (2, 12, "Old")
    assert [one["id"] for one in old["candidates"]] == ["3", "4"]
    assert (actve["column"], actve["candidates"][0]["title"]) == (19, "Aktiivinen")
    assert [len(refused.value.fields), refused.value.remedy] == [
        2,
        'Write one of: 3 ("Old"), 4 ("OLD").',
    ]


def test_a_text_is_bounded() -> None:
    within = "everybody" + " " * (MAX_TEXT - 9)
    assert parse(within, Names()) == parse("everybody", Names())
    with pytest.raises(MalformedRuleText, match="20,000 characters"):
        parse(within + " ", Names())
    with pytest.raises(MalformedRuleText, match="200 nodes"):
        parse(" and ".join(["everybody"] * 200), Names())
    with pytest.raises(MalformedRuleText, match="8 levels"):
        parse("not " * 8 + "everybody", Names())
    nested = "(" * MAX_NESTING + "everybody" + ")" * MAX_NESTING
    assert parse(nested, Names()) == parse("everybody", Names())
    for opened in ("(", "not ", "all of ("):
        with pytest.raises(MalformedRuleText, match="in each other"):
            parse(opened * 900 + "everybody", Names())
