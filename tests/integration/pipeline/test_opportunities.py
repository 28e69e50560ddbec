"""Opportunities over HTTP: recorded, changed, deleted, restored, copied."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.chassis.service import Service
from tests.integration.pipeline.selling import PATH, changed, done, recorded, told
from tests.integration.pipeline.world import ERP, STAGE, World


@pytest.mark.requirement("TS-27", "TS-28", "TS-32", "TS-36")
async def test_customer_name_and_day_are_enough(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    customer = str(await world.customer())
    made = await recorded(api, customer_id=customer)
    assert (made["stage"], made["pipeline"], made["outcome"]) == (1, 1, "open")
    assert (made["probability"], made["probability_source"]) == (15, "stage")
    assert (made["value"], made["currency"], made["sellers"]) == (0, "EUR", [])
    assert (await api.get(f"{PATH}/{made['opportunity_id']}")).json() == made

    saved, entered = await told(pipeline, made["opportunity_id"])
    assert saved[0] == "saved" and saved[1]["value"] == "0.00"
    assert entered[0] == "stage-changed"
    assert (entered[1]["from_stage"], entered[1]["stage"]) == (None, 1)


@pytest.mark.requirement("TS-28", "TS-39", "TS-A12")
async def test_all_that_is_said_is_kept_and_told(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    contact = str(await world.contact())
    said = {
        "customer_id": str(await world.customer()),
        "name": "Lift for the harbour",
        "memo": "By spring.",
        "currency": "SEK",
        "lines": [
            {"title": "Lift", "quantity": "2", "unit_price": 150_000},
            {"title": "Service", "quantity": "0.5", "unit_price": 333},
        ],
        "expected_close": "2099-05-31",
        "stage": STAGE["second-visit"],
        "probability": 0,
        "type": 2,
        "source": 1,
        "contacts": [contact],
        "sellers": [{"seller": "bo.l", "weight": 30}, {"seller": "anna.k", "weight": 70}],
    }
    made = await recorded(api, **said)
    assert made["value"] == 300_167
    assert [one["total"] for one in made["lines"]] == [300_000, 167]
    assert (made["probability"], made["probability_source"]) == (0, "manual")
    assert [one["seller"] for one in made["sellers"]] == ["anna.k", "bo.l"]
    for field in ("name", "memo", "currency", "expected_close", "stage", "type", "source"):
        assert made[field] == said[field], field
    (_, public), _ = await told(pipeline, made["opportunity_id"])
    assert (public["value"], public["currency"]) == ("3001.67", "SEK")
    assert public["contacts"] == [contact] and public["probability"] == 0
    assert public["sellers"][0] == {"seller": "anna.k", "weight": 70}


@pytest.mark.requirement("TS-33", "TS-A5")
async def test_a_project_brings_its_customer(api: httpx.AsyncClient, world: World) -> None:
    customer, other = await world.customer(), await world.customer()
    project = {"project_source": ERP, "project_ref": await world.project(customer)}
    made = await recorded(api, **project)
    assert made["customer_id"] == str(customer)
    assert made["rule_violated"] is None
    await recorded(api, **project, customer_id=str(customer))
    body = {"name": "Lift", "expected_close": "2099-01-01"}
    refused = await api.post(PATH, json={**body, **project, "customer_id": str(other)})
    assert refused.status_code == 422 and str(customer) in refused.json()["remedy"]
    neither = await api.post(PATH, json=body)
    assert neither.json()["errors"][0]["field"] == "customer_id"


@pytest.mark.requirement("TS-A5")
async def test_the_customer_of_a_project_that_was_merged_is_its_survivor(
    api: httpx.AsyncClient, world: World
) -> None:
    merged, survivor, last = [await world.customer() for _ in range(3)]
    project = {"project_source": ERP, "project_ref": await world.project(merged)}
    before = await recorded(api, **project)
    await world.customer_is_deleted(merged, merged_into=survivor)
    await world.customer_is_deleted(survivor, merged_into=last)
    assert (await recorded(api, **project))["customer_id"] == str(last)
    body = {"name": "Lift", "expected_close": "2099-01-01", "customer_id": str(merged)}
    refused = await api.post(PATH, json=body)
    assert refused.status_code == 422 and str(last) in refused.json()["remedy"]
    kept = await changed(api, before, name="Another name")
    assert kept.status_code == 200, kept.text
    assert kept.json()["customer_id"] == str(merged), "it stays where it was put"
    shown = (await api.get(PATH, params={"customer_id": str(last)})).json()["items"]
    assert len(shown) == 2
    assert {one["customer"]["customer_id"] for one in shown} == {str(last)}


@pytest.mark.requirement("VF-11", "VF-12", "VF-17", "VF-A6")
async def test_a_project_that_breaks_a_rule_is_recorded_with_the_rule(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    customer = await world.customer()
    rule = "selectable_in_project"
    ref = await world.project(customer, "P-9", violated_rule=rule)
    made = await recorded(api, project_source=ERP, project_ref=ref)
    assert made["rule_violated"] == rule
    assert (await told(pipeline, made["opportunity_id"]))[0][1]["rule_violated"] == rule
    kept = await changed(api, made, name="Another name")
    assert kept.json()["rule_violated"] == rule
    without = await changed(api, kept.json(), project_source=None, project_ref=None)
    assert without.json()["rule_violated"] is None
    assert without.json()["customer_id"] == str(customer)


async def test_a_deleted_customer_is_refused_and_kept_where_it_is(
    api: httpx.AsyncClient, world: World
) -> None:
    customer = await world.customer()
    made = await recorded(api, customer_id=str(customer))
    await world.customer_is_deleted(customer)
    body = {"name": "Lift", "expected_close": "2099-01-01", "customer_id": str(customer)}
    refused = await api.post(PATH, json=body)
    assert refused.status_code == 422 and "deleted" in refused.json()["detail"]
    assert (await changed(api, made, memo="Later")).status_code == 200


@pytest.mark.requirement("TS-A3", "TS-A4")
async def test_a_change_keeps_what_it_leaves_out_of_stage_and_probability(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    made = await recorded(
        api, customer_id=str(await world.customer()), currency="SEK", probability=80
    )
    moved = (await changed(api, made, stage=STAGE["first-visit"], name="Crane")).json()
    assert (moved["probability"], moved["probability_source"]) == (80, "manual")
    assert (moved["name"], moved["currency"], moved["version"]) == ("Crane", "SEK", 2)
    reset = (await changed(api, moved, reset_probability=True)).json()
    assert (reset["stage"], reset["probability"]) == (STAGE["first-visit"], 35)
    assert reset["entered_at"] == moved["entered_at"] > made["entered_at"]
    kinds = [kind for kind, _ in await told(pipeline, made["opportunity_id"])]
    assert kinds == ["saved", "stage-changed", "saved", "stage-changed", "saved"]


async def test_a_write_is_safe_to_repeat_and_an_outdated_one_is_refused(
    api: httpx.AsyncClient, world: World
) -> None:
    body = {
        "customer_id": str(await world.customer()),
        "name": "Lift",
        "expected_close": "2099-01-01",
    }
    key = {"Idempotency-Key": "once"}
    first, again = [await api.post(PATH, json=body, headers=key) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await api.get(PATH)).json()["total"] == 1
    path = first.headers["location"]
    assert (await api.put(path, json=body)).status_code == 428
    assert (await api.put(path, json=body, headers={"If-Match": '"7"'})).status_code == 412


async def test_deleted_ones_are_listed_and_come_back_as_they_were(
    api: httpx.AsyncClient, world: World, pipeline: Service
) -> None:
    made = await recorded(api, customer_id=str(await world.customer()), probability=80)
    path = f"{PATH}/{made['opportunity_id']}"
    gone = await api.delete(path, headers={"If-Match": '"1"'})
    assert gone.status_code == 200 and gone.headers["etag"] == '"2"'
    missing = await api.get(path)
    assert missing.status_code == 404 and "restore" in missing.json()["remedy"]
    assert (await api.get(PATH)).json()["items"] == []
    deleted = (await api.get(PATH, params={"deleted": True})).json()["items"]
    assert [one["opportunity_id"] for one in deleted] == [made["opportunity_id"]]
    back = await api.post(f"{path}/restore", headers={"If-Match": '"2"'})
    changing = ("version", "updated_at")
    assert {k: v for k, v in back.json().items() if k not in changing} == {
        k: v for k, v in made.items() if k not in changing
    }
    again = await api.post(f"{path}/restore", headers={"If-Match": '"3"'})
    assert again.json()["version"] == 3, "what is live stays as it is"
    kinds = [kind for kind, _ in await told(pipeline, made["opportunity_id"])]
    assert kinds == ["saved", "stage-changed", "deleted", "saved"]


async def test_a_copy_begins_anew(api: httpx.AsyncClient, world: World) -> None:
    customer, survivor = await world.customer(), await world.customer()
    today = datetime.now(UTC).date()
    made = await recorded(
        api,
        customer_id=str(customer),
        expected_close=str(today + timedelta(days=30)),
        lines=[{"title": "Lift", "quantity": "1.5", "unit_price": 101}],
        sellers=[{"seller": "anna.k"}],
        type=1,
    )
    won = await done(api, made, "win")
    await world.customer_is_deleted(customer, merged_into=survivor)
    answer = await api.post(f"{PATH}/{made['opportunity_id']}/copies", json={"name": "Again"})
    assert answer.status_code == 201, answer.text
    copy: dict[str, Any] = answer.json()
    assert copy["opportunity_id"] != won["opportunity_id"]
    assert (copy["name"], copy["stage"], copy["outcome"]) == ("Again", 1, "open")
    assert copy["customer_id"] == str(survivor)
    for field in ("value", "lines", "sellers", "type", "currency", "memo"):
        assert copy[field] == won[field], field
    distance = date.fromisoformat(copy["expected_close"]) - today
    assert timedelta(days=29) <= distance <= timedelta(days=31), "as far off as it was"
