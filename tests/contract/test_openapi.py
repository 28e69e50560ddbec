"""The descriptions of the HTTP APIs: checked in, whole, and true of themselves."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from apps.openapi import OPENAPI, generate
from services.activities.domain.lists import LISTS as ACTIVITY_LISTS
from services.activities.handlers.keep_calendar_feeds import MOST_FEEDS
from services.customers.domain.duplicates import RULES
from services.customers.domain.lists import LISTS
from services.customers.domain.settings import NAMES as SETTINGS
from services.customers.handlers.pick_contacts import MOST_ADDRESSEES
from services.customers.handlers.read_history import MOST_CHANGES
from services.customers.persistence.duplicates import SHOWN
from services.customers.persistence.profiles import load_profiles
from services.customers.persistence.saved_searches import AT_MOST as SEARCHES_AT_MOST
from services.mailing.handlers.keep_report_providers import MOST_PROVIDERS
from services.mailing.handlers.keep_webhooks import MOST_WEBHOOKS
from services.mailing.handlers.segment_history import MOST_STEPS
from services.mailing.persistence.deliveries import KEPT
from services.mailing.persistence.rule_language import MAX_SUGGESTIONS
from services.pipeline.domain.lists import LISTS as PIPELINE_LISTS
from services.pipeline.persistence.profiles import load_profiles as pipeline_profiles
from shared.chassis.http.description import operations_of
from shared.chassis.http.paging import MAX_PAGE
from shared.chassis.http.schemas import resolved
from shared.lists.save import MOST_VALUES
from tests.contract.messages import ROOT

NAMES = ("customers", "activities", "pipeline", "mailing", "suhde")
DOCUMENTS: dict[str, Any] = {
    name: json.loads((ROOT / OPENAPI / f"{name}.json").read_text(encoding="utf-8"))
    for name in NAMES
}
PROBLEM = "application/problem+json"
PAGE = "text/html"
# What may be asked without a key: the addresses of calendars and unsubscribe links are secrets, and
# hooks take what is signed.
OPEN = {
    *("/health/live", "/health/ready", "/calendar/{secret}.ics", "/u/{token}"),
    "/hooks/delivery-reports/{provider}",
}
# Lists that have no pages, and how long they can be; docs/performance.md tells what they cost.
BOUNDED = {
    "/v1/segments/{segment_id}/builds": 500,
    "/v1/segments/{segment_id}/growth": MOST_STEPS,
    "/v1/segments/{segment_id}/moves": MAX_PAGE,
    "/v1/<list>": MOST_VALUES,
    "/v1/<list>/usage": MOST_VALUES,
    "/v1/customer-status-choices": 2 * MOST_VALUES,
    "/v1/customers/{customer_id}/addressees": MOST_ADDRESSEES,
    "/v1/customers/{customer_id}/status-times": MOST_CHANGES + 1,
    "/v1/customers/{record_id}/duplicates": SHOWN * len(RULES["customer"]),
    "/v1/contacts/{record_id}/duplicates": SHOWN * len(RULES["contact"]),
    "/v1/activity-lists": len(ACTIVITY_LISTS),
    "/v1/pipeline-lists": len(PIPELINE_LISTS),
    "/v1/pipeline-profiles": len(pipeline_profiles()),
    "/v1/import-fields": 40,
    "/v1/list-profiles": len(load_profiles()),
    "/v1/lists": len(LISTS),
    "/v1/saved-searches": SEARCHES_AT_MOST,
    "/v1/report-providers": MOST_PROVIDERS,
    "/v1/segment-rules/suggestions": MAX_SUGGESTIONS,
    "/v1/webhooks": MOST_WEBHOOKS,
    "/v1/webhooks/{webhook_id}/deliveries": KEPT,
    "/v1/sellers/{seller}/calendar-feeds": MOST_FEEDS,
    "/v1/settings": len(SETTINGS),
    # One row per value, per pair of values, or per month and value; never per customer.
    "/v1/reports/customers": MOST_VALUES,
    "/v1/reports/endings": MOST_VALUES,
    "/v1/reports/turnover": MOST_VALUES,
}


def operations() -> Iterator[Any]:
    for name in ("customers", "activities", "pipeline", "mailing"):
        for path, method, operation in operations_of(DOCUMENTS[name]):
            yield pytest.param(DOCUMENTS[name], operation, id=f"{method.upper()} {path}")


def validator(schema: dict[str, Any], document: dict[str, Any]) -> Draft202012Validator:
    whole = {**schema, "components": document["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_the_documents_are_up_to_date() -> None:
    stale = [
        str(path.relative_to(ROOT))
        for path, text in generate(ROOT).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, f"run `make schemas`: {stale}"


@pytest.mark.parametrize("name", NAMES)
def test_no_reference_is_dead_and_no_answer_is_the_frameworks(name: str) -> None:
    document = DOCUMENTS[name]

    def check(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                check(item)
        elif isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                assert resolved(node, document)
            for value in node.values():
                check(value)

    check(document)
    assert "HTTPValidationError" not in json.dumps(document)
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    ids = [operation["operationId"] for _, _, operation in operations_of(document)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", NAMES)
def test_every_tag_is_explained(name: str) -> None:
    document = DOCUMENTS[name]
    used = {tag for _, _, operation in operations_of(document) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"]}
    assert all(tag["description"] for tag in document["tags"])


@pytest.mark.parametrize(("document", "operation"), list(operations()))
def test_an_operation_is_described_wholly(document: Any, operation: Any) -> None:
    assert operation["summary"] and operation["description"]
    for parameter in (resolved(one, document) for one in operation.get("parameters", ())):
        if parameter["in"] == "path" or parameter["name"] == "If-Match":
            assert parameter["required"] or "left out to make" in parameter["description"]
            validator(parameter["schema"], document).validate(parameter["example"])
        elif parameter["in"] == "header":
            assert parameter["description"] and parameter["example"]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        validator(media["schema"], document).validate(media["example"])
    for status, response in operation["responses"].items():
        response = resolved(response, document)
        assert response["description"]
        # What is still as it was is not sent again.
        assert status == "304" or response["content"], status
        if int(status) >= 400 and status != "503" and list(response["content"]) != [PAGE]:
            assert list(response["content"]) == [PROBLEM]
            assert response["content"][PROBLEM]["schema"]["$ref"].endswith("/Problem")
            for example in response["content"][PROBLEM].get("examples", {}).values():
                schema = document["components"]["schemas"]["Problem"]
                validator(schema, document).validate(example["value"])
                assert example["value"]["status"] == int(status)


def is_list(document: dict[str, Any], operation: dict[str, Any]) -> bool:
    shown = operation["responses"]["200"]["content"].get("application/json", {}).get("schema", {})
    schema = resolved(shown, document)
    return schema.get("type") == "array" or "items" in schema.get("properties", {})


def lists_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every GET that answers a list, those of the classification lists as one."""
    values = [path for path in document["paths"] if f"{path}/usage" in document["paths"]]
    found = {}
    for path, method, operation in operations_of(document):
        if method == "get" and is_list(document, operation):
            of = next((one for one in values if path.startswith(one)), None)
            found[path if of is None else path.replace(of, "/v1/<list>")] = operation
    return found


def test_every_list_has_pages_or_a_bound_and_a_documented_cost() -> None:
    document = DOCUMENTS["suhde"]
    costs = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    section = costs.partition("\n## Lists\n")[2].partition("\n## ")[0]
    rows = {path: row for row in section.splitlines() for path in re.findall(r"`GET (.+?)`", row)}
    without_pages = set()
    for path, operation in lists_of(document).items():
        asked = {one["name"]: one for one in operation.get("parameters", ()) if "name" in one}
        if "cursor" not in asked:
            without_pages.add(path)
            continue
        shown = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert "next" in resolved(shown, document)["properties"], path
        assert asked["limit"]["schema"]["maximum"] <= MAX_PAGE, path
    assert without_pages == set(BOUNDED)
    assert set(rows) == set(lists_of(document))
    untold = [path for path, most in BOUNDED.items() if f"{most:,}" not in rows[path]]
    assert not untold, "the bound is told with the cost"


def test_what_holds_everywhere_is_told_everywhere() -> None:
    document = DOCUMENTS["suhde"]
    assert document["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, method, operation in operations_of(document):
        names = {
            resolved(one, document)["name"]
            for one in operation.get("parameters", ())
            if resolved(one, document)["in"] == "header"
        }
        assert "if-match" not in names, "If-Match is described in the chassis"
        assert (operation.get("security") == []) == (path in OPEN), path
        if path in OPEN:
            continue
        assert {"401", "503"} <= set(operation["responses"]), path
        if "If-Match" in names:
            assert {"412", "428"} <= set(operation["responses"]), path
        if "{" in path:
            assert "404" in operation["responses"], path
        if method == "get":
            assert names == ({"Last-Event-ID"} if path.endswith("/feed") else set()), path
