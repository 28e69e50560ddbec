"""Call lists: each number once, by customer, and nobody who has gone."""

import csv
import io
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.mailing.domain.channels import Purpose
from services.mailing.handlers.call_list import export_call_list
from shared.contracts.customers import ContactDeleted, CustomerDeleted
from tests.integration.mailing.rig import Rig, contact_saved, customer_saved, value_saved
from tests.integration.mailing.test_segments import make

SWITCHBOARD = "+35891000000"


async def told_by_pages(api: httpx.AsyncClient, segment: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params = {"purpose": "marketing", "limit": "1"}
    while True:
        answer = await api.get(f"/v1/segments/{segment}/call-list", params=params)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next"] is None:
            return found
        params["cursor"] = answer.json()["next"]


@pytest.mark.requirement("VF-32", "VF-35")
async def test_a_call_list_names_each_number_once_by_customer_and_person(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    alfa, beta, gone = uuid4(), uuid4(), uuid4()
    people = [uuid4() for _ in range(8)]
    await rig.hear(
        value_saved("industry", 3),
        customer_saved(beta, name="Beta Oy", number="2", industry=[3]),
        customer_saved(alfa, name="alfa Oy", number="1", industry=[3]),
        customer_saved(gone, name="Aaa Oy", number="3", industry=[3]),
        contact_saved(people[0], last_name="Öst", at=(alfa,), role="CEO", mobile="+358401111111"),
        contact_saved(people[1], last_name="Aho", at=(beta, alfa), phone=SWITCHBOARD),
        contact_saved(people[2], last_name="Bo", at=(beta,), phone=SWITCHBOARD),
        contact_saved(
            people[3], last_name="Both", at=(beta, gone), mobile="+358402222222", phone=SWITCHBOARD
        ),
        contact_saved(people[4], last_name="Mute", at=(alfa,)),
        contact_saved(people[5], last_name="Deleted", at=(alfa,), phone="+35899"),
        contact_saved(people[6], last_name="Elsewhere", phone="+35898"),
        ContactDeleted(contact_id=people[5], version=2),
    )
    await rig.hear(CustomerDeleted(customer_id=gone, version=2))
    rule = {"op": "customer_has", "list": "industry", "numbers": [3]}
    segment = await make(api, rule)
    url = f"/v1/segments/{segment}/call-list"
    whole = (await api.get(url, params={"purpose": "marketing"})).json()
    assert (whole["members"], whole["without_number"], whole["numbers"]) == (5, 1, 3)
    assert [
        (one["customer_name"], one["customer_number"], one["last_name"], one["role"], one["phone"])
        for one in whole["items"]
    ] == [
        ("alfa Oy", "1", "Aho", None, SWITCHBOARD),
        ("alfa Oy", "1", "Öst", "CEO", "+358401111111"),
        ("Beta Oy", "2", "Both", None, "+358402222222"),
    ]
    first = whole["items"][0]
    assert [(one["last_name"], one["customer_name"]) for one in first["also"]] == [
        ("Aho", "Beta Oy"),
        ("Bo", "Beta Oy"),
    ]
    assert first["also_count"] == 2
    assert await told_by_pages(api, segment) == whole["items"]

    answer = await api.get(url, params={"purpose": "marketing", "format": "csv"})
    assert (answer.headers["suhde-members"], answer.headers["suhde-without-number"]) == ("5", "1")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["phone"] for row in rows] == [one["phone"] for one in whole["items"]]
    assert rows[0]["also"] == "Aino Aho (Beta Oy); Aino Bo (Beta Oy)"
    _, stream = await export_call_list(UUID(segment), Purpose.SERVICE, rig.service.units, chunk=2)
    assert b"".join([part async for part in stream]).decode() == answer.text

    for bad in ({}, {"purpose": "fun"}, {"purpose": "service", "cursor": "WyIxIl0"}):
        assert (await api.get(url, params=bad)).status_code == 422
    unknown = f"/v1/segments/{uuid4()}/call-list"
    for format_ in ("json", "csv"):
        asked = {"purpose": "service", "format": format_}
        assert (await api.get(unknown, params=asked)).status_code == 404


async def test_those_without_customer_come_last_and_an_empty_list_has_totals(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    customer_id = uuid4()
    everybody = await make(api, {"op": "all", "rules": []})
    gone = await rig.contact(mobile="+358406")
    await rig.hear(ContactDeleted(contact_id=gone, version=2))
    empty = (await api.get(f"/v1/segments/{everybody}/call-list?purpose=service")).json()
    assert (empty["members"], empty["items"], empty["next"]) == (0, [], None), (
        "the deleted are none"
    )
    await rig.hear(customer_saved(customer_id, name="Öljy Oy"))
    names = ["=1+1", "B", "a"]
    for place, name in enumerate(names):
        await rig.contact(last_name=name, first_name="", mobile=f"+3584000000{place}")
    await rig.contact(last_name="z", mobile="+358405", at=(customer_id,))
    found = await told_by_pages(api, everybody)
    assert [one["last_name"] for one in found] == ["z", "=1+1", "a", "B"]
    page = await api.get(f"/v1/segments/{everybody}/call-list?purpose=service&format=csv")
    assert "'=1+1" in page.text


async def test_a_number_of_many_names_the_first_and_counts_all(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    people = [contact_saved(uuid4(), phone=SWITCHBOARD) for _ in range(25)]
    await rig.hear(*people)
    segment = await make(api, {"op": "all", "rules": []})
    (one,) = (await api.get(f"/v1/segments/{segment}/call-list?purpose=service")).json()["items"]
    assert (len(one["also"]), one["also_count"]) == (20, 24)
    page = await api.get(f"/v1/segments/{segment}/call-list?purpose=service&format=csv")
    (row,) = csv.DictReader(io.StringIO(page.text))
    assert row["also"].endswith("and 4 more")
