"""The ERP's entrance over HTTP: an answer for each event."""

import json
from typing import Any

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.customers.erp import SOURCE, customer, event, work_off

URL = "/v1/erp/events"


async def results(api: httpx.AsyncClient, body: Any) -> list[dict[str, Any]]:
    answer = await api.post(URL, json=body)
    assert answer.status_code == 202, answer.text
    return list(answer.json()["results"])


async def names(api: httpx.AsyncClient) -> list[str]:
    return [one["name"] for one in (await api.get("/v1/customers")).json()["items"]]


async def test_a_single_event_is_accepted_and_applied(
    customers: Service, api: httpx.AsyncClient
) -> None:
    sent = customer("A")

    assert await results(api, sent) == [
        {"id": sent["id"], "status": "accepted", "reason": None, "detail": None}
    ]
    await work_off(customers)
    assert await names(api) == ["Customer A"]


async def test_a_batch_is_answered_event_by_event_in_its_order(
    customers: Service, api: httpx.AsyncClient
) -> None:
    first, second = customer("A"), customer("B")
    await results(api, first)
    reused = {**customer("X"), "id": first["id"]}
    batch = [
        first,
        reused,
        event("customer-saved", {"erp_ref": "C"}),
        event("coffee-brewed", {}),
        event("", {"nonce": "x"}, type="mailing.consent-probed.v1"),
        {"id": "1"},
        17,
        second,
        second,
        {key: value for key, value in customer("D").items() if key != "data"},
    ]

    found = await results(api, batch)

    assert [one["status"] for one in found] == [
        "duplicate", "parked", "parked", "parked", "refused", "refused", "refused",
        "accepted", "duplicate", "parked",
    ]  # fmt: skip
    assert "id of its own" in found[1]["detail"]
    assert found[1]["reason"] == "message_id_reused"
    assert "name" in found[2]["detail"]
    assert found[3]["reason"] == "type_unknown"
    assert "specversion" in found[5]["detail"]
    assert "data" in found[9]["detail"]
    assert all(one["reason"] and one["detail"] for one in found[1:7])
    await work_off(customers)
    assert await names(api) == ["Customer A", "Customer B"]


async def test_binary_mode_carries_the_attributes_in_headers(
    customers: Service, api: httpx.AsyncClient
) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "binary-1",
        "ce-source": SOURCE,
        "ce-type": "erp.customer-saved.v1",
        "ce-time": "2026-01-01T00:00:00Z",
    }
    body = json.dumps({"erp_ref": "A", "name": "Binary"})

    fates = [(await api.post(URL, content=body, headers=headers)).json() for _ in range(2)]

    assert [fate["results"][0]["status"] for fate in fates] == ["accepted", "duplicate"]
    await work_off(customers)
    assert await names(api) == ["Binary"]


async def test_a_thousand_events_are_taken_and_one_more_is_too_many(
    customers: Service, api: httpx.AsyncClient
) -> None:
    events = [customer(f"C{n}") for n in range(1001)]

    refused = await api.post(URL, json=events)
    assert (refused.status_code, refused.json()["slug"]) == (413, "too_many_events")
    assert "1000" in refused.json()["remedy"]

    assert {one["status"] for one in await results(api, events[:1000])} == {"accepted"}


async def test_a_body_of_five_megabytes_is_too_large(api: httpx.AsyncClient) -> None:
    answer = await api.post(URL, content=b" " * 5 * 1024 * 1024)

    assert answer.status_code == 413
    assert answer.json()["remedy"]


async def test_one_event_over_a_megabyte_is_refused_and_the_others_are_taken(
    api: httpx.AsyncClient,
) -> None:
    large = customer("A", note="x" * 1_100_000)

    assert [one["status"] for one in await results(api, [large, customer("B")])] == [
        "refused",
        "accepted",
    ]


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[]", b"17", b'"text"', b"null", b"\xff\xfe", b"[" * 5000, b"NaN"]
)
async def test_what_holds_no_events_is_refused_with_the_remedy(
    api: httpx.AsyncClient, body: bytes
) -> None:
    answer = await api.post(URL, content=body)

    assert (answer.status_code, answer.json()["slug"]) == (422, "events_unreadable")
    assert "CloudEvent" in answer.json()["remedy"]
