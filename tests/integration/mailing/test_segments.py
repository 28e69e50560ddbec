"""Segments over HTTP: rules, counts that agree with the gate, and streams that are safe to open."""

import csv
import io
import json
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.handlers.export_recipients import Export, export_recipients
from shared.contracts.customers import CustomerDeleted, CustomerSaved, Relationship
from tests.integration.mailing.rig import Rig, bans_changed

SAUNA: dict[str, Any] = {"op": "has_attribute", "number": 7}


async def make(api: httpx.AsyncClient, rule: dict[str, Any]) -> str:
    answer = await api.post("/v1/segments", json={"name": "Some", "rule": rule})
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["segment_id"]
    return found


async def members(api: httpx.AsyncClient, rule: dict[str, Any]) -> set[str]:
    segment = await make(api, rule)
    found: set[str] = set()
    cursor: dict[str, str] = {}
    while True:
        url = f"/v1/segments/{segment}/members"
        page = (await api.get(url, params={"limit": "1", **cursor})).json()
        found |= {item["contact_id"] for item in page["items"]}
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def customer(rig: Rig, day: date | None) -> UUID:
    customer_id = uuid4()
    began = Relationship(started_on=day, source="manual") if day else None
    await rig.hear(
        CustomerSaved(customer_id=customer_id, version=1, number="1", name="Oy", relationship=began)
    )
    return customer_id


@pytest.mark.requirement("LS-21")
async def test_rules_say_who_is_a_member(rig: Rig, api: httpx.AsyncClient) -> None:
    old, new = await customer(rig, date(2020, 1, 1)), await customer(rig, date(2024, 1, 1))
    unknown = await customer(rig, None)
    a = str(await rig.contact(at=(old,), attributes=(7,)))
    b = str(await rig.contact(at=(new, old), attributes=(8,)))
    c = str(await rig.contact(at=(unknown,)))
    since: dict[str, Any] = {"op": "relationship_start_between", "from_day": "2024-01-01"}
    before: dict[str, Any] = {"op": "relationship_start_between", "before_day": "2024-01-01"}
    assert await members(api, {"op": "all", "rules": []}) == {a, b, c}
    assert await members(api, SAUNA) == {a}
    assert await members(api, {"op": "not", "rule": SAUNA}) == {b, c}
    assert await members(api, since) == {b}
    assert await members(api, before) == {a, b}
    assert await members(api, {"op": "not", "rule": since}) == {a, c}
    assert await members(api, {"op": "any", "rules": [SAUNA, since]}) == {a, b}
    assert await members(api, {"op": "all", "rules": [SAUNA, before]}) == {a}
    await rig.hear(CustomerDeleted(customer_id=old, version=2))
    assert await members(api, before) == set()


async def test_rule_trees_are_bounded_and_segments_are_versioned(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    deep = SAUNA
    for _ in range(7):
        deep = {"op": "not", "rule": deep}
    segment = await make(api, deep)
    wide = {"op": "any", "rules": [SAUNA] * 200}
    for bad in (
        {"op": "not", "rule": deep},
        wide,
        {"op": "any", "rules": []},
        {"op": "sql", "text": "TRUE"},
        {**SAUNA, "more": 1},
        {"op": "relationship_start_between", "from_day": 5},
    ):
        answer = await api.post("/v1/segments", json={"name": "Bad", "rule": bad})
        assert answer.status_code == 422, answer.text
    body = {"name": "Other", "rule": SAUNA}
    url = f"/v1/segments/{segment}"
    assert (await api.put(url, json=body)).status_code == 428
    changed = await api.put(url, json=body, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (await api.put(url, json=body, headers={"If-Match": '"1"'})).status_code == 412
    assert (await api.get(url)).json()["name"] == "Other"
    assert [one["segment_id"] for one in (await api.get("/v1/segments")).json()["items"]] == [
        segment
    ]
    assert (await api.delete(url, headers={"If-Match": '"2"'})).status_code == 200
    assert (await api.get(url)).status_code == 404


@pytest.mark.requirement("LS-A6", "LS-A7")
async def test_counts_stream_reachability_and_hand_off_agree(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    company = uuid4()
    people = {
        "free": await rig.contact(email="free@example.fi", attributes=(7,)),
        "banned": await rig.contact(email="shared@example.fi", attributes=(7,)),
        "sharing": await rig.contact(email="shared@example.fi", attributes=(7,)),
        "at banned customer": await rig.contact(
            email="c@example.fi", at=(company,), attributes=(7,)
        ),
        "unsubscribed": await rig.contact(email="gone@example.fi", attributes=(7,)),
        "mute": await rig.contact(attributes=(7,)),
    }
    await rig.contact(email="outside@example.fi")
    await rig.hear(bans_changed(1, contact=people["banned"]), bans_changed(2, customer=company))
    ban = {"channel": "email", "address": " GONE@example.fi ", "source": "link"}
    assert (await api.post("/v1/bans", json=ban)).json()["fence"] == "fenced"
    segment = await make(api, SAUNA)
    counts = (await api.get(f"/v1/segments/{segment}/counts")).json()["email"]
    assert counts["refused"] == "ban_not_configured"
    asked = {"channel": "email", "purpose": "marketing", "format": "ndjson"}
    url = f"/v1/segments/{segment}/recipients"
    refused = await api.get(url, params=asked)
    assert (refused.status_code, refused.json()["slug"]) == (409, "ban_not_configured")
    await rig.refresh(seq=3)
    refused = await api.get(url, params=asked)
    assert (refused.status_code, refused.json()["slug"]) == (503, "consent_not_fresh")
    await rig.hear(bans_changed(3, contact=uuid4()))
    counts = (await api.get(f"/v1/segments/{segment}/counts")).json()["email"]
    assert counts == {
        "members": 6, "mailable": 1, "banned": 4, "without_address": 1, "duplicates": 0,
        "refused": None, "unknown_values": [],
    }  # fmt: skip
    lines = [json.loads(line) for line in (await api.get(url, params=asked)).text.splitlines()]
    assert [line["email"] for line in lines] == ["free@example.fi"]
    service = await api.get(url, params={**asked, "purpose": "service"})
    assert len(service.text.splitlines()) == 5
    assert (await api.get(url, params={"channel": "email"})).status_code == 422, "no purpose"

    async def reach(name: str) -> dict[str, Any]:
        answer = await api.get(f"/v1/reachability/{people[name]}", params={"channel": "email"})
        found: dict[str, Any] = answer.json()
        return found

    assert (await reach("free"))["reachable"]
    assert (await reach("sharing"))["bans"] == [
        {"closed": "address:shared@example.fi", "by": [f"contact:{people['banned']}"]}
    ]
    assert (await reach("at banned customer"))["bans"][0]["closed"] == f"customer:{company}"
    answer = await api.post(
        "/v1/hand-offs",
        json={
            "contact_ids": [str(one) for one in people.values()],
            "channel": "email",
            "purpose": "marketing",
            "campaign": "may",
        },
    )
    asked_for_nothing = {"contact_ids": [str(uuid4())], "channel": "email", "campaign": "may"}
    assert (await api.post("/v1/hand-offs", json=asked_for_nothing)).status_code == 422
    outcomes = answer.json()["outcomes"]
    verdicts = [one["refused"]["reason"] if one["refused"] else "released" for one in outcomes]
    assert verdicts == ["released", *["banned"] * 4, "no_address"]
    receipt = outcomes[0]["released"]
    assert (receipt["address"], receipt["consent_seq"]) == ("free@example.fi", 3)
    shown = await api.get(f"/v1/hand-offs/{receipt['hand_off_id']}")
    assert shown.json()["campaign"] == "may"
    assert (await api.get(f"/v1/hand-offs/{uuid4()}")).status_code == 404
    assert (await api.delete(f"/v1/bans/{uuid4()}")).status_code == 404
    consent = (await api.get("/v1/consent")).json()
    assert (consent["applied_through"], consent["fresh"]) == (3, True)


async def test_a_spreadsheet_runs_nothing_and_chunks_lose_nobody(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.refresh()
    names = ["=1+1", "+cmd", "-2", "@x", "\tx", "Aino", 'A "B", C']
    for place, name in enumerate(names):
        await rig.contact(first_name=name, email=f"n{place}@example.fi", mobile=f"+35840{place}000")
    segment = UUID(await make(api, {"op": "all", "rules": []}))
    stream = await export_recipients(
        Export(segment, Channel.SMS, Purpose.MARKETING, "csv"),
        rig.service.units,
        limit_seconds=5,
        chunk=3,
    )
    page = b"".join([part async for part in stream]).decode()
    rows = list(csv.DictReader(io.StringIO(page)))
    assert {row["first_name"] for row in rows} == {
        "'=1+1", "'+cmd", "'-2", "'@x", "'\tx", "Aino", 'A "B", C',
    }  # fmt: skip
    assert len(rows) == len(names)
    assert all(row["mobile"].startswith("+358") for row in rows)


@pytest.mark.parametrize(
    ("channel", "address"),
    [("sms", "040 123 4567"), ("email", "nobody"), ("post", "Katu 1"), ("email", "a\x00@b.fi"),
     ("post", "ﬃ" * 390 + "|1|Helsinki|FI")],
)  # fmt: skip
async def test_a_ban_that_could_match_nobody_is_refused(
    api: httpx.AsyncClient, channel: str, address: str
) -> None:
    body = {"channel": channel, "address": address, "source": "test"}
    assert (await api.post("/v1/bans", json=body)).status_code == 422
