"""The published schemas: up to date, true of real messages, and compatible both ways."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.contracts import customers, erp
from shared.contracts.catalogue import CATALOGUE
from shared.contracts.generate import ASYNCAPI, SCHEMAS, generate
from tests.contract.compatibility import compatible
from tests.contract.messages import GOLDEN_IDS, GOLDENS, ROOT, TYPES, checked_in, published


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_generated_files_are_up_to_date() -> None:
    files = generate(ROOT)
    stale = [
        str(path.relative_to(ROOT))
        for path, text in files.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    left_over = [str(path) for path in (ROOT / SCHEMAS).glob("*.json") if path not in files]
    assert not stale and not left_over, f"run `make schemas`: {stale + left_over}"


def test_generation_is_deterministic_plain_text() -> None:
    first, second = generate(ROOT), generate(ROOT)
    assert first == second
    for path, text in first.items():
        assert text.endswith("\n") and "\x00" not in text and "\r" not in text, path


def test_asyncapi_holds_every_type_once_and_no_dead_reference() -> None:
    document = json.loads((ROOT / ASYNCAPI).read_text(encoding="utf-8"))
    channels = document["channels"]
    named = [name for channel in channels.values() for name in channel["messages"]]
    assert sorted(named) == TYPES
    said = {
        (o["action"], m["$ref"]) for o in document["operations"].values() for m in o["messages"]
    }
    for event in CATALOGUE.values():
        reference = f"#/channels/{event.exchange}/messages/{event.name}"
        assert ("send", reference) in said
        assert (("receive", reference) in said) == bool(event.heard_by)

    def check(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                check(item)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key != "$ref":
                    check(value)
                elif value.startswith("#/"):
                    target = document
                    for step in value[2:].split("/"):
                        target = target[step]
                else:
                    assert (ROOT / ASYNCAPI).parent.joinpath(value).is_file(), value

    check(document)


@pytest.mark.parametrize("name", TYPES)
def test_every_type_has_a_golden_message_and_a_valid_schema(name: str) -> None:
    assert any(golden == name for golden, _ in GOLDENS)
    Draft202012Validator.check_schema(checked_in(name))


@pytest.mark.parametrize(("name", "path"), GOLDENS, ids=GOLDEN_IDS)
def test_golden_is_valid_for_model_and_schema(name: str, path: Path) -> None:
    body = path.read_bytes()
    model = CATALOGUE[name].model
    read = model.model_validate_json(body)
    said = read.model_dump_json(exclude_unset=True)
    assert set(json.loads(said)) == set(json.loads(body)), "the golden holds unknown fields"
    _validator(checked_in(name)).validate(json.loads(body))


@pytest.mark.parametrize(("name", "path"), GOLDENS, ids=GOLDEN_IDS)
def test_old_reader_reads_new_writer(name: str, path: Path) -> None:
    model = CATALOGUE[name].model
    written = json.loads(model.model_validate_json(path.read_bytes()).model_dump_json())
    written["a_field_of_tomorrow"] = {"any": ["thing"]}
    _validator(published(name)).validate(written)
    again = model.model_validate_json(json.dumps(written))
    assert again == model.model_validate_json(path.read_bytes())


@pytest.mark.parametrize("name", TYPES)
def test_generated_schema_is_compatible_with_the_published_one(name: str) -> None:
    generated = json.loads(generate(ROOT)[ROOT / SCHEMAS / f"{name}.schema.json"])
    broken = compatible(published(name), generated)
    assert not broken, f"{name} breaks its readers; publish a v2 instead: {broken}"


Mutation = Callable[[dict[str, Any]], object]

HARMLESS: dict[str, Mutation] = {
    "optional property added": lambda s: s["properties"].update(extra={"type": "string"}),
    "required property made optional": lambda s: s["required"].remove("net_amount"),
    "type widened": lambda s: s["properties"].update(
        currency={"anyOf": [s["properties"]["currency"], {"type": "null"}]}
    ),
    "longer text": lambda s: s["properties"]["document_id"].update(maxLength=300),
    "described otherwise": lambda s: s.update(description="other words"),
}
HARMFUL: dict[str, tuple[Mutation, str]] = {
    "property removed": (lambda s: s["properties"].pop("margin"), "$.margin"),
    "newly required": (lambda s: s["required"].append("margin"), "$.margin"),
    "type changed": (
        lambda s: s["properties"].update(net_amount={"type": "number"}),
        "$.net_amount",
    ),
    "null refused": (
        lambda s: s["properties"]["order_id"].update(
            anyOf=s["properties"]["order_id"]["anyOf"][:1]
        ),
        "$.order_id",
    ),
    "shorter text": (lambda s: s["properties"]["document_id"].update(maxLength=9), "$.document_id"),
    "nested property removed": (
        lambda s: s["$defs"]["CustomerReference"]["properties"].pop("erp_ref"),
        "$.customer.erp_ref",
    ),
    "list item narrowed": (
        lambda s: s["$defs"]["Line"].update(required=["product"]),
        "$.lines[].product",
    ),
    "unknown fields refused": (lambda s: s.update(additionalProperties=False), "$:"),
}


@pytest.mark.parametrize("mutate", HARMLESS.values(), ids=HARMLESS)
def test_checker_lets_harmless_changes_pass(mutate: Mutation) -> None:
    old = erp.InvoicePosted.model_json_schema()
    new = copy.deepcopy(old)
    mutate(new)
    assert new != old
    assert compatible(old, new) == []


@pytest.mark.parametrize(("mutate", "where"), HARMFUL.values(), ids=HARMFUL)
def test_checker_finds_harmful_changes(mutate: Mutation, where: str) -> None:
    old = erp.InvoicePosted.model_json_schema()
    new = copy.deepcopy(old)
    mutate(new)
    broken = compatible(old, new)
    assert broken and all(text.startswith(where) for text in broken), broken


def test_checker_knows_narrowed_from_widened_enums() -> None:
    old = customers.DocumentRecorded.model_json_schema()
    narrow, wide = copy.deepcopy(old), copy.deepcopy(old)
    narrow["properties"]["kind"]["enum"].remove("credit_note")
    wide["properties"]["kind"]["enum"].append("quote")
    assert compatible(old, narrow) == ["$.kind: no longer takes 'credit_note'"]
    assert compatible(old, wide) == []
