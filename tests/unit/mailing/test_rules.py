"""The nodes of rules, where they are, and the examples that the manual gives."""

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.mailing.domain.conditions import MAX_NUMBERS
from services.mailing.domain.rules import Rule, named_values, walk
from tests.unit.mailing.rule_trees import OPS

MANUAL = Path(__file__).parents[3] / "docs/how-to/segments.md"


def test_the_examples_of_the_manual_are_rules_and_show_every_node() -> None:
    page = MANUAL.read_text()
    rules = [json.loads(line) for line in page.splitlines() if line.startswith('{"op"')]
    bodies = [json.loads(body) for body in re.findall(r" -d '(.*?)'", page, re.DOTALL)]
    rules += [body["rule"] for body in bodies if "rule" in body]
    shown = {place.node.op for rule in rules for place in walk(Rule.model_validate(rule).root)}
    listed = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert shown == listed == OPS


def test_values_are_named_with_their_place() -> None:
    has = {"op": "customer_has", "list": "industry", "numbers": [1, 2]}
    rule = Rule.model_validate(
        {"op": "all", "rules": [{"op": "not", "rule": has}, {**has, "op": "contact_has"}]}
    )
    assert [(node.op, path) for node, path in named_values(rule)] == [
        ("customer_has", "rule.rules.0.rule"),
        ("contact_has", "rule.rules.1"),
    ]
    assert (rule.asks_customers, rule.asks_contacts) == (True, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"numbers": []},
        {"numbers": [1] * (MAX_NUMBERS + 1)},
        {"numbers": [-1]},
        {"numbers": [2**31]},
        {"numbers": ["x"]},
        {"list": "Industry"},
        {"list": "a/b"},
        {"list": ""},
        {"list": "a" * 101},
        {"more": 1},
    ],
)
def test_a_node_is_bounded(wrong: dict[str, object]) -> None:
    has = {"op": "customer_has", "list": "industry", "numbers": [1]}
    Rule.model_validate(has)
    with pytest.raises(ValidationError):
        Rule.model_validate({**has, **wrong})
