"""Operations on many customers: rehearsed, whole or not at all, told, undone."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import STANDING, made
from tests.integration.customers.test_lists import classify


async def held(api: httpx.AsyncClient, customer: dict[str, Any]) -> dict[str, list[int]]:
    answer = await api.get(f"/v1/customers/{customer['customer_id']}")
    return dict(answer.json()["classifications"])


async def move(
    api: httpx.AsyncClient,
    source: int,
    target: int,
    *,
    dry_run: bool = False,
    list_: str = "product",
) -> httpx.Response:
    return await api.post(
        "/v1/customer-moves",
        params={"dry_run": dry_run},
        json={"list": list_, "from_number": source, "to_number": target},
    )


@pytest.mark.requirement("TS-19", "TS-20", "TS-21", "TS-A7")
async def test_all_customers_of_an_industry_are_moved_once(
    customers: Service, api: httpx.AsyncClient
) -> None:
    farms, fish = [
        (await made(api, "/v1/industries", title=t))["number"] for t in ("Farming", "Fishing")
    ]
    farmers = [
        await made(api, "/v1/customers", name=f"F{n}", classifications={"industry": [farms]})
        for n in range(3)
    ]
    async with customers.engine.begin() as connection:
        await connection.execute(
            text("UPDATE customer SET deleted_at = now() WHERE customer_id = :id"),
            {"id": farmers[2]["customer_id"]},
        )

    rehearsed = (await move(api, farms, fish, dry_run=True, list_="industry")).json()
    assert (rehearsed["customers"], rehearsed["deleted"], rehearsed["operation_id"]) == (2, 1, None)
    assert (await held(api, farmers[0]))["industry"] == [farms]

    done = (await move(api, farms, fish, list_="industry")).json()
    assert (done["customers"], done["deleted"]) == (2, 1)
    assert (await held(api, farmers[0]))["industry"] == [fish]
    again = (await move(api, farms, fish, list_="industry")).json()
    assert (again["customers"], again["deleted"], again["operation_id"]) == (0, 0, None)
    same = await move(api, farms, farms, list_="industry")
    assert same.status_code == 422

    async with customers.engine.connect() as connection:
        told = await connection.execute(
            text(
                "SELECT convert_from(body, 'UTF8')::jsonb FROM outbox "
                "WHERE type = 'customers.operation-completed.v1'"
            )
        )
        assert told.scalars().all() == [
            {"operation_id": done["operation_id"], "customers": 2, "deleted": 1}
        ]


@pytest.mark.requirement("TS-19", "VF-A1")
async def test_moving_to_an_ended_status_ends_the_relationships(api: httpx.AsyncClient) -> None:
    firm = await made(api, "/v1/customers", name="F")

    answer = await api.post(
        "/v1/customer-moves",
        json={
            "list": "customer_status",
            "from_number": 1,
            "to_number": 5,
            "ended_on": "2026-05-05",
        },
    )

    assert answer.json()["customers"] == 1
    now = (await api.get(f"/v1/customers/{firm['customer_id']}")).json()
    assert now["ended_on"] == "2026-05-05"
    undone = (await api.post(f"/v1/operations/{answer.json()['operation_id']}/undo")).json()
    assert undone["reverted"] == 1
    now = (await api.get(f"/v1/customers/{firm['customer_id']}")).json()
    assert (now["ended_on"], now["classifications"]["customer_status"]) == (None, [1])


async def test_a_move_in_a_list_of_several_leaves_the_other_values(api: httpx.AsyncClient) -> None:
    one, two, three = [
        (await made(api, "/v1/products", title=t))["number"] for t in ("One", "Two", "Three")
    ]
    firm = await made(api, "/v1/customers", name="F", classifications={"product": [one, three]})
    both = await made(api, "/v1/customers", name="G", classifications={"product": [one, two]})

    await move(api, one, two)

    assert (await held(api, firm))["product"] == [two, three]
    assert (await held(api, both))["product"] == [two]


async def test_matches_of_a_search_are_changed_and_taken_back(api: httpx.AsyncClient) -> None:
    product = (await made(api, "/v1/products", title="Boats"))["number"]
    harbours = [await made(api, "/v1/customers", name=f"Harbour {n}") for n in range(3)]
    other = await made(api, "/v1/customers", name="Mountain")
    body = {
        "filter": {"fragment": "harbour"},
        "add": {"product": [product]},
        "put": {"customer_type": [2]},
    }

    rehearsed = (await api.post("/v1/customer-changes?dry_run=true", json=body)).json()
    done = (await api.post("/v1/customer-changes", json=body)).json()

    assert rehearsed["customers"] == done["customers"] == 3
    assert (await held(api, harbours[0])) == {
        **STANDING,
        "customer_type": [2],
        "product": [product],
    }
    assert "product" not in await held(api, other)

    await classify(api, harbours[1], classifications={"customer_type": [1]})
    undone = (await api.post(f"/v1/operations/{done['operation_id']}/undo")).json()
    assert (undone["reverted"], undone["changed_since"]) == (2, 1)
    assert undone["first_changed_since"] == [
        {
            "record": "customer",
            "record_id": harbours[1]["customer_id"],
            "fields": {"classifications": "changed_since"},
            "choices": [],
        }
    ]
    assert await held(api, harbours[0]) == STANDING
    assert (await held(api, harbours[1]))["customer_type"] == [1]

    twice = await api.post(f"/v1/operations/{done['operation_id']}/undo")
    assert (twice.status_code, twice.json()["slug"]) == (409, "operation_undone")
    listed = (await api.get("/v1/operations")).json()["items"]
    assert [one["undone_by"] is not None for one in listed] == [False, True]
    back = (await api.post(f"/v1/operations/{undone['operation_id']}/undo")).json()
    assert back["reverted"] == 2
    assert (await held(api, harbours[0]))["product"] == [product]


async def test_a_value_that_is_gone_is_not_given_back(api: httpx.AsyncClient) -> None:
    old, new = [(await made(api, "/v1/products", title=t))["number"] for t in ("Old", "New")]
    await made(api, "/v1/customers", name="F", classifications={"product": [old]})
    done = (await move(api, old, new)).json()
    gone = await api.delete(f"/v1/products/{old}", headers={"If-Match": '"1"'})
    assert gone.status_code == 200

    undone = (await api.post(f"/v1/operations/{done['operation_id']}/undo")).json()

    assert (undone["reverted"], undone["changed_since"]) == (0, 1)


async def test_an_operation_is_whole_or_not_at_all(api: httpx.AsyncClient) -> None:
    live = await made(api, "/v1/customers", name="Live")
    ended = await made(api, "/v1/customers", name="E", classifications={"customer_status": [5]})
    body = {"filter": {"ended": "show"}, "everybody": True, "put": {"end_reason": [1]}}

    refused = await api.post("/v1/customer-changes", json=body)

    assert refused.status_code == 422
    assert "end_reason" not in await held(api, live)
    assert "end_reason" not in await held(api, ended)
    bare = await api.post(
        "/v1/customer-changes",
        json={"filter": {}, "everybody": True, "remove": {"customer_status": [1]}},
    )
    assert bare.status_code == 422
    missing = await api.post(f"/v1/operations/{uuid4()}/undo")
    assert missing.status_code == 404
