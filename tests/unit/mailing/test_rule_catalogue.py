"""No node is forgotten: catalogue, text form, schema and manual have them all."""

from pathlib import Path
from uuid import UUID

from services.activities.domain.lists import LISTS as OF_ACTIVITIES
from services.mailing.domain.periods import Period
from services.mailing.domain.rule_catalogue import (
    CATALOGUE,
    COMPARISONS,
    OF_OTHERS,
    PERIOD_TEXTS,
)
from services.mailing.domain.rule_names import SEGMENTS, Called, Meaning, Names
from services.mailing.domain.rule_text import parse, read, write
from services.mailing.domain.rules import Rule, walk
from services.pipeline.domain.lists import LISTS as OF_PIPELINE
from tests.system.pages import blocks
from tests.unit.mailing.rule_trees import NODES, OPS

MANUAL = Path(__file__).parents[3] / "docs/how-to/segment-language.md"


def ops_of(rule: Rule) -> set[str]:
    return {place.node.op for place in walk(rule.root)}


def numbered(text: str) -> Names:
    """Names in which each title of a text means a value of its own."""
    titles = sorted(read(text).titles)
    meanings = {
        title: [Meaning(UUID(int=n) if title.list == SEGMENTS else 1000 + n, title.text)]
        for n, title in enumerate(titles)
    }
    called = {Called(one.list, meanings[one][0].id): one.text for one in titles}
    return Names(meanings=meanings, titles=called)


def test_every_node_is_in_the_catalogue_with_all_its_fields() -> None:
    assert sorted(entry.ops[0] for entry in CATALOGUE) == sorted(OPS)
    assert {entry.node for entry in CATALOGUE} == set(NODES)
    for entry in CATALOGUE:
        fields = set(entry.node.model_fields) - {"op"}
        periods = set(Period.model_fields) if entry.has_period else set()
        compared = COMPARISONS if entry.compared else set()
        assert fields - periods - compared == {one.name for one in entry.takes}, entry.ops
        assert entry.meaning
    assert set(PERIOD_TEXTS) == set(Period.model_fields)


def test_the_example_of_every_node_has_a_text_and_shows_the_node() -> None:
    for entry in CATALOGUE:
        rule = Rule.model_validate(entry.example)
        assert entry.ops[0] in ops_of(rule)
        assert parse(write(rule, Names()), Names()) == rule


def test_the_schema_has_every_node() -> None:
    schema = Rule.model_json_schema()
    ops = [one["properties"]["op"] for one in schema["$defs"].values() if "properties" in one]
    assert {op.get("const") or op["enum"][0] for op in ops} == OPS


def test_the_manual_shows_every_node_by_its_form_and_in_normal_form() -> None:
    page = MANUAL.read_text()
    table = page.partition("| op | text |")[2].partition("\n\n")[0]
    listed = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(listed) == sorted(OPS)
    for entry in CATALOGUE:
        first = entry.text.split(" · ")[0].split(" [of category")[0].split(" [of outcome")[0]
        assert first.split("<value>")[0].replace("|", "\\|") in table, entry.ops
    texts = [line for language, code in blocks(page) if not language for line in code.splitlines()]
    shown = set()
    for text in texts:
        names = numbered(text)
        rule = parse(text, names)
        assert write(rule, names) == text
        shown |= ops_of(rule)
    assert shown == OPS


def test_lists_of_activities_and_pipeline_are_known_as_such() -> None:
    assert {*OF_ACTIVITIES, *OF_PIPELINE} == OF_OTHERS
