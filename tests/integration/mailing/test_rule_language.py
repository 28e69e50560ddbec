"""The segment language over HTTP: text and tree, catalogue, schema, values and suggestions."""

import json
from typing import Any
from uuid import uuid4

import httpx
import jsonschema
import pytest

from services.mailing.domain.rule_catalogue import CATALOGUE
from services.mailing.domain.rules import MAX_NODES, Rule
from services.mailing.persistence import rule_language
from shared.contracts.customers import ClassificationSaved
from tests.integration.mailing.rig import Rig, value_saved

TICKED: dict[str, Any] = {"op": "has_attribute", "number": 1}


def titled(list_name: str, number: int, title: str, version: int = 1, **told: Any) -> Any:
    return ClassificationSaved(
        list_name=list_name, value_id=uuid4(), number=number, version=version, title=title, **told
    )


async def parse(api: httpx.AsyncClient, text: str) -> httpx.Response:
    return await api.post("/v1/segment-rules/parse", json={"text": text})


async def write(api: httpx.AsyncClient, rule: dict[str, Any]) -> str:
    answer = await api.post("/v1/segment-rules/write", json={"rule": rule})
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["text"]
    return text


async def tell_statuses(rig: Rig) -> None:
    await rig.hear(
        titled("customer_status", 1, "Asiakas", titles={"en": "Customer", "sv": "Kund"}),
        titled("customer_status", 2, "Entinen", titles={"en": "Former"}),
        titled("customer_status", 3, 'Say "hi"\\', titles={"sv": "Entinen"}),
        titled("customer_status", 4, "Gone", removed=True),
        titled("industry", 1, "Asiakas"),
    )


@pytest.mark.requirement("LS-21")
async def test_titles_of_any_language_are_read_and_written_back(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await tell_statuses(rig)
    answer = await parse(
        api, 'customer has customer status ("KUND", "say \\"hi\\"\\\\", "former", 4)'
    )
    assert answer.status_code == 200, answer.text
    rule = {"op": "customer_has", "list": "customer_status", "numbers": [1, 3, 2, 4]}
    # 2 and 4 by number: another value is called Entinen in Swedish, and what is gone has no title.
    text = 'customer has customer status ("Asiakas", "Say \\"hi\\"\\\\", 2, 4)'
    assert answer.json() == {"rule": rule, "text": text}
    assert await write(api, rule) == text
    assert (await parse(api, text)).json() == answer.json()


async def test_unclear_titles_are_refused_with_candidates(rig: Rig, api: httpx.AsyncClient) -> None:
    await tell_statuses(rig)
    answer = await parse(api, 'customer has customer status ("entinen", "Asia", "Gone")')
    assert (answer.status_code, answer.json()["slug"]) == (422, "unknown_titles")
    entinen, asia, gone = answer.json()["titles"]
    assert [one["id"] for one in entinen["candidates"]] == ["2", "3"]
    assert asia["candidates"] == [{"id": "1", "title": "Asiakas"}]
    assert (gone["column"], gone["candidates"]) == (50, [])
    assert len(answer.json()["errors"]) == 3


async def test_segments_are_called_by_name(rig: Rig, api: httpx.AsyncClient) -> None:
    ids = []
    for name in ("Key", "Twin", "twin"):
        made = await api.post("/v1/segments", json={"name": name, "rule": TICKED})
        ids.append(made.json()["segment_id"])
    read = (await parse(api, 'in segment "KEY"')).json()
    assert read == {
        "rule": {"op": "in_segment", "segment_id": ids[0]},
        "text": 'in segment "Key"',
    }
    twin = (await parse(api, f"in segment {ids[1].upper()}")).json()
    assert twin["text"] == f"in segment {ids[1]}"
    answer = await parse(api, 'in segment "twin"')
    assert {one["id"] for one in answer.json()["titles"][0]["candidates"]} == set(ids[1:])


async def test_a_text_that_is_no_rule_says_line_and_column(api: httpx.AsyncClient) -> None:
    answer = await parse(api, "customer ended\nand customer citty is set")
    problem = answer.json()
    assert (answer.status_code, problem["slug"]) == (422, "malformed_rule_text")
    assert (problem["line"], problem["column"]) == (2, 14)
    assert "city" in problem["expected"]
    assert problem["errors"][0]["field"] == "text"
    for text in ("\ud800", "x" * 20_001, '"\\u0000"', "customer city is \x00", "(" * 20_000):
        body = json.dumps({"text": text}).encode()
        headers = {"Content-Type": "application/json"}
        answer = await api.post("/v1/segment-rules/parse", content=body, headers=headers)
        assert answer.status_code == 422, answer.text


async def test_a_text_too_long_with_titles_is_written_by_numbers(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.hear(*(titled("industry", n, f"{n} {'x' * 150}") for n in range(10)))
    has = {"op": "customer_has", "list": "industry", "numbers": list(range(10))}
    assert "xxx" in await write(api, {"op": "any", "rules": [has] * 2})
    assert "xxx" not in await write(api, {"op": "any", "rules": [has] * 50})
    much = {"op": "customer_has", "list": "industry", "numbers": [2**31 - 1] * 200}
    answer = await api.post(
        "/v1/segment-rules/write", json={"rule": {"op": "any", "rules": [much] * 20}}
    )
    assert (answer.status_code, answer.json()["slug"]) == (422, "rule_text_too_long")


async def test_the_schema_takes_what_the_service_takes(api: httpx.AsyncClient) -> None:
    schema = (await api.get("/v1/segment-rules/schema")).json()
    jsonschema.Draft202012Validator.check_schema(schema)
    valid = jsonschema.Draft202012Validator(schema)
    for entry in CATALOGUE:
        assert valid.is_valid(entry.example), entry.example
        assert not valid.is_valid({**entry.example, "more": 1})
        assert not valid.is_valid({**entry.example, "op": "sql"})


async def test_the_catalogue_tells_a_builder_all_it_needs(rig: Rig, api: httpx.AsyncClient) -> None:
    await tell_statuses(rig)
    await rig.hear(
        value_saved("category", 1),
        value_saved("contact_group", 1),
        value_saved("customer_type", 1, flags={"ended": True, "other": False}),
    )
    found = (await api.get("/v1/segment-rules/catalogue")).json()
    for node in found["nodes"]:
        read = (await parse(api, node["example"]["text"])).json()["rule"]
        assert Rule.model_validate(read) == Rule.model_validate(node["example"]["rule"])
    nodes = {node["op"]: node for node in found["nodes"]}
    headcount = next(
        one for one in nodes["customer_field"]["compared"] if one["name"] == "headcount"
    )
    assert headcount["operators"] == ["is_one_of", "at_least", "below", "is_set"]
    assert nodes["relationship_start"]["formerly"] == ["relationship_start_between"]
    assert found["limits"]["nodes"] == MAX_NODES
    lists = {one["name"]: one for one in found["lists"]}
    assert lists["customer_status"]["values"] == 3
    assert lists["customer_type"]["flags"] == ["ended", "other"]
    assert lists["category"]["of"] == ["customer", "contact"]
    assert lists["contact_group"]["of"] == ["contact"]


async def test_values_are_found_by_title_in_any_language_or_by_number(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await tell_statuses(rig)
    url = "/v1/segment-rules/values"

    async def numbers(text: str) -> list[int]:
        answer = await api.get(url, params={"list": "customer_status", "text": text})
        return [one["number"] for one in answer.json()["items"]]

    assert await numbers("") == [1, 2, 3]
    assert await numbers("KUN") == [1]
    assert await numbers("2") == [2]
    assert await numbers("ntine") == [2, 3]
    assert await numbers("%") == []
    first = (await api.get(url, params={"list": "customer_status", "limit": 2})).json()
    assert [one["number"] for one in first["items"]] == [1, 2]
    rest = await api.get(url, params={"list": "customer_status", "cursor": first["next"]})
    assert [one["title"] for one in rest.json()["items"]] == ['Say "hi"\\']
    assert (await api.get(url, params={"list": "nowhere"})).json() == {"items": [], "next": None}
    for wrong in ({"list": "A"}, {"list": "a", "text": "\x00"}, {"list": "a", "cursor": "x"}):
        assert (await api.get(url, params=wrong)).status_code == 422


async def fill(rig: Rig, contacts: int) -> None:
    await rig.change(
        """
        INSERT INTO contact (contact_id, version, first_name, last_name, city, language, deleted)
        SELECT gen_random_uuid(), 1, 'A', 'B',
               CASE WHEN n % 3 = 0 THEN 'TURKU' WHEN n % 3 = 1 THEN 'Turku' ELSE 'Tampere' END,
               CASE WHEN n = 0 THEN '' ELSE 'fi' END, n = 1
        FROM generate_series(0, :last) AS n
        """,
        last=contacts - 1,
    )


async def test_texts_of_fields_are_suggested(rig: Rig, api: httpx.AsyncClient) -> None:
    await fill(rig, 9)
    url = "/v1/segment-rules/suggestions"

    async def suggested(**asked: str) -> Any:
        return (await api.get(url, params=asked)).json()

    found = await suggested(field="city", text="t")
    assert found["sampled"] is False
    assert [(one["value"].lower(), one["rows"]) for one in found["items"]] == [
        ("turku", 5),
        ("tampere", 3),
    ]
    assert [one["value"] for one in (await suggested(field="city", text="tA"))["items"]] == [
        "Tampere"
    ]
    assert [one["rows"] for one in (await suggested(field="language"))["items"]] == [7]
    assert (await suggested(field="role"))["items"] == []
    assert (await suggested(field="city", about="customer"))["items"] == []
    answer = await api.get(url, params={"field": "role", "about": "customer"})
    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid_field")
    assert "city, country or postal_code" in answer.json()["remedy"]


async def test_of_a_large_table_a_sample_is_looked_at(
    rig: Rig, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(rig, 3_000)
    monkeypatch.setattr(rule_language, "LOOKED_AT", 10)
    found = (await api.get("/v1/segment-rules/suggestions", params={"field": "city"})).json()
    assert found["sampled"] is True
    assert 0 < sum(one["rows"] for one in found["items"]) < 2_000


def deep(levels: int) -> str:
    return '{"op":"not","rule":' * levels + '{"op":"has_attribute","number":1}' + "}" * levels


@pytest.mark.parametrize(
    ("rule", "field", "reason"),
    [
        (
            '{"op":"all","rules":[{"op":"all","rules":[]},'
            '{"op":"customer_has","list":"a","numbers":["x"]}]}',
            "body.rule.rules.1.numbers.0",
            "integer",
        ),
        (
            '{"op":"not","rule":{"op":"customer_field","field":"city","more":1,"is_set":true}}',
            "body.rule.rule.more",
            "Extra",
        ),
        ('{"op":"not","rule":{"op":"customer_has","list":"a"}}', "body.rule.rule.numbers", "req"),
        ('{"op":"any","rules":[{"op":"customer_field"}]}', "body.rule.rules.0.field", "required"),
        (
            '{"op":"all","rules":[{"op":"contact_field","field":"city"}]}',
            "body.rule.rules.0",
            "exactly one",
        ),
        (
            '{"op":"customer_value","attribute":1,"at_least":"1577836800"}',
            "body.rule.at_least",
            "2026-01-31",
        ),
        ('{"op":"contact_field","field":"city","regex":".*"}', "body.rule.regex", "Extra"),
        (
            '{"op":"customer_value","attribute":1,"at_least":5,"below":5}',
            "body.rule",
            "less than below",
        ),
        ('{"op":"any","rules":[5]}', "body.rule.rules.0", "object"),
        ('{"op":"any","rules":[{"op":"sql"}]}', "body.rule.rules.0", "sql"),
        (deep(8), "body.rule", "more than 8 levels"),
        (deep(100), "body.rule", "more than 8 levels"),
        (deep(900), "body.rule", "more than 8 levels"),
        ('{"op":"all","rules":[' + "5," * 9_999 + "5]}", "body.rule", "more than 200 nodes"),
    ],
)
async def test_bad_trees_are_refused_at_their_node(
    api: httpx.AsyncClient, rule: str, field: str, reason: str
) -> None:
    bodies = {"/v1/segments": f'{{"name":"Bad","rule":{rule}}}'}
    bodies["/v1/segment-rules/write"] = f'{{"rule":{rule}}}'
    for url, body in bodies.items():
        headers = {"Content-Type": "application/json"}
        answer = await api.post(url, content=body, headers=headers)
        assert answer.status_code == 422, answer.text
        errors = answer.json()["errors"]
        assert field in {one["field"] for one in errors}, errors
        assert reason in answer.json()["detail"]
        # However large what was sent, the answer is small.
        assert len(answer.content) < 5_000


@pytest.mark.parametrize("levels", [10_000, 100_000])
async def test_what_is_too_deep_for_json_is_malformed(api: httpx.AsyncClient, levels: int) -> None:
    answer = await api.post(
        "/v1/segment-rules/write",
        content=f'{{"rule":{deep(levels)}}}',
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["slug"]) == (400, "malformed_json")


async def test_texts_are_plain_and_mean_no_pattern(api: httpx.AsyncClient) -> None:
    for odd in (".*", "(a+)+$", "%", "_", "\\", '"', "[", "\u0130"):
        rule = {"op": "contact_field", "field": "city", "contains": odd}
        text = await write(api, rule)
        assert (await parse(api, text)).json()["rule"] == rule
