"""Operations on many customers as jobs: asked for, watched, waited for, cancelled."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from services.customers.api import operations
from shared.chassis import job_runner
from shared.chassis.service import Service
from shared.chassis.testing.waiting import eventually
from tests.integration.customers.api_helpers import delete, made

NOT_WAITING = {"Prefer": "respond-async"}
MOVE = {"list": "customer_type", "from_number": 1, "to_number": 2}


@pytest.fixture
async def firm(api: httpx.AsyncClient) -> dict[str, Any]:
    return await made(api, "/v1/customers", name="F", classifications={"customer_type": [1]})


@pytest.fixture
async def held_up(customers: Service, firm: dict[str, Any]) -> AsyncIterator[asyncio.Event]:
    """Somebody holds the customer, so that jobs do not come to their end until the event is set."""
    go_on = asyncio.Event()

    async def hold() -> None:
        async with customers.engine.begin() as connection:
            await connection.execute(text("SELECT FROM customer FOR UPDATE"))
            held.set()
            await go_on.wait()

    held = asyncio.Event()
    holding = asyncio.create_task(hold())
    await held.wait()
    yield go_on
    go_on.set()
    await holding


async def ended(api: httpx.AsyncClient, url: str) -> dict[str, Any]:
    async def has_ended() -> dict[str, Any] | None:
        job = (await api.get(url)).json()
        return job if job["ended_at"] else None

    found = await eventually(has_ended)
    assert found is not None
    return found


@pytest.mark.requirement("TS-19", "TS-20")
async def test_a_move_is_a_job_whose_id_is_the_operations(
    api: httpx.AsyncClient, firm: dict[str, Any]
) -> None:
    asked = await api.post("/v1/customer-moves", json=MOVE, headers=NOT_WAITING)

    assert asked.status_code == 202
    job = asked.json()
    assert asked.headers["location"] == f"/v1/jobs/{job['job_id']}"
    assert (job["state"], job["kind"], job["actor"]) == ("waiting", "customer-move", "api-key")
    job = await ended(api, asked.headers["location"])
    assert (job["state"], job["done"], job["total"]) == ("done", 1, 1)
    assert job["result"]["operation_id"] == job["job_id"]
    assert job["result"]["first"] == [firm["customer_id"]]
    operation = await api.get(f"/v1/operations/{job['job_id']}")
    assert operation.json()["customers"] == 1


async def test_who_prefers_to_wait_gets_the_outcome(
    api: httpx.AsyncClient, firm: dict[str, Any], held_up: asyncio.Event
) -> None:
    waited = await api.post("/v1/customer-moves", json=MOVE, headers={"Prefer": "foo, wait=0"})
    assert waited.status_code == 202
    held_up.set()
    await ended(api, waited.headers["location"])
    back = {**MOVE, "from_number": 2, "to_number": 1}

    outcome = await api.post("/v1/customer-moves", json=back, headers={"Prefer": "wait=20"})

    assert outcome.status_code == 200
    assert outcome.headers["preference-applied"] == "wait=20"
    assert outcome.json()["customers"] == 1
    assert outcome.headers["location"] == f"/v1/jobs/{outcome.json()['operation_id']}"
    long = await api.post("/v1/customer-moves", json=back, headers={"Prefer": "wait=99999"})
    assert long.headers["preference-applied"] == "wait=30"


async def test_who_waits_for_what_breaks_is_told_when_to_come_again(
    api: httpx.AsyncClient, firm: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(operations, "carry_out", broken)

    outcome = await api.post("/v1/customer-moves", json=MOVE)

    assert (outcome.status_code, outcome.json()["slug"]) == (503, "job_broken")
    assert int(outcome.headers["retry-after"]) > 0
    assert (await api.get(f"/v1/jobs/{outcome.json()['job_id']}")).json()["state"] == "failed"


async def test_a_repeated_request_gets_the_same_job(
    api: httpx.AsyncClient, firm: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "once"}
    answers = [
        await api.post("/v1/customer-moves", json=MOVE, headers={**key, **NOT_WAITING})
        for _ in range(2)
    ]

    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json()["job_id"] == answers[1].json()["job_id"]
    outcome = await api.post("/v1/customer-moves", json=MOVE, headers=key)
    assert (outcome.status_code, outcome.json()["customers"]) == (200, 1)
    assert outcome.json()["operation_id"] == answers[0].json()["job_id"]
    assert len((await api.get("/v1/jobs")).json()["items"]) == 1


@pytest.mark.requirement("TS-A7")
async def test_a_rehearsal_tells_who_does_not_show(api: httpx.AsyncClient) -> None:
    product = (await made(api, "/v1/products", title="Boats"))["number"]
    firms = [
        await made(api, "/v1/customers", name=f"Harbour {n}", classifications=held)
        for n, held in enumerate(
            (
                {"customer_type": [1]},
                {"customer_type": [1], "customer_status": [5]},
                {"customer_type": [1]},
            )
        )
    ]
    await delete(api, firms[2])
    change = {"filter": {"fragment": "harbour"}, "add": {"product": [product]}}

    changed = (await api.post("/v1/customer-changes?dry_run=true", json=change)).json()
    moved = (await api.post("/v1/customer-moves?dry_run=true", json=MOVE)).json()

    assert (changed["customers"], changed["hidden_ended"], changed["hidden_deleted"]) == (1, 1, 1)
    assert (moved["customers"], moved["deleted"]) == (2, 1)
    assert (moved["hidden_ended"], moved["hidden_deleted"]) == (1, 1)
    assert (await api.get("/v1/jobs")).json()["items"] == []
    done = (await api.post("/v1/customer-changes", json=change)).json()
    assert done["customers"] == changed["customers"]


@pytest.mark.parametrize(
    "filter_",
    [
        {},
        {"fragment": " "},
        {"ended": "show"},
        {"lacking": {"product": []}},
        {"turnover": {"currency": "EUR", "since": "2026-01-01"}},
    ],
)
async def test_everybody_is_changed_only_if_that_is_said(
    api: httpx.AsyncClient, firm: dict[str, Any], filter_: dict[str, Any]
) -> None:
    body = {"filter": filter_, "put": {"customer_type": [2]}}
    for dry_run in (True, False):
        refused = await api.post(f"/v1/customer-changes?dry_run={dry_run}", json=body)
        assert (refused.status_code, refused.json()["slug"]) == (422, "everybody_meant")
    said = await api.post("/v1/customer-changes", json={**body, "everybody": True})
    assert (said.status_code, said.json()["customers"]) == (200, 1)


@pytest.mark.parametrize("change", [{}, {"add": {"product": []}}, {"remove": {"product": []}}])
async def test_a_change_that_changes_nothing_is_refused(
    api: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    body = {"filter": {"fragment": "harbour"}, **change}
    refused = await api.post("/v1/customer-changes", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "put")


async def test_what_is_wrong_is_refused_at_once_and_leaves_no_job(api: httpx.AsyncClient) -> None:
    bad = {"filter": {"fragment": "x"}, "put": {"customer_type": [99]}}
    for path, body in (
        ("/v1/customer-changes", bad),
        ("/v1/customer-moves", {**MOVE, "to_number": 1}),
        ("/v1/customer-moves", {**MOVE, "list": "shoe_size"}),
    ):
        refused = await api.post(path, json=body, headers=NOT_WAITING)
        assert refused.status_code == 422, refused.text
    assert (await api.get("/v1/jobs")).json()["items"] == []


async def test_a_job_that_fails_tells_the_problem(
    api: httpx.AsyncClient, firm: dict[str, Any]
) -> None:
    """What turns out only with the customers: a reason without an end is refused."""
    body = {"filter": {}, "everybody": True, "put": {"end_reason": [1]}}

    waited = await api.post("/v1/customer-changes", json=body)
    asked = await api.post("/v1/customer-changes", json=body, headers=NOT_WAITING)

    assert waited.status_code == 422
    assert waited.headers["content-type"] == "application/problem+json"
    job = await ended(api, asked.headers["location"])
    assert (job["state"], job["problem"]["status"]) == ("failed", 422)
    assert job["problem"]["slug"] == waited.json()["slug"]
    failed = (await api.get("/v1/jobs?state=failed&limit=1")).json()
    assert [one["job_id"] for one in failed["items"]] == [job["job_id"]]
    older = (await api.get(f"/v1/jobs?state=failed&cursor={failed['next']}")).json()["items"]
    assert [one["job_id"] for one in older] == [waited.json()["job_id"]]
    assert (await api.get("/v1/jobs?state=done")).json()["items"] == []


async def test_a_running_job_is_cancelled_at_its_next_chunk(
    api: httpx.AsyncClient, firm: dict[str, Any], held_up: asyncio.Event
) -> None:
    running = await api.post("/v1/customer-moves", json=MOVE, headers=NOT_WAITING)
    url = running.headers["location"]
    waiting = await api.post("/v1/customer-moves", json=MOVE, headers=NOT_WAITING)

    async def runs() -> bool:
        return bool((await api.get(url)).json()["state"] == "running")

    await eventually(runs)
    at_once = await api.post(f"{waiting.headers['location']}/cancel")
    assert (at_once.status_code, at_once.json()["state"]) == (200, "cancelled")
    asked = await api.post(f"{url}/cancel")
    assert (asked.status_code, asked.json()["cancel_asked"]) == (202, True)
    held_up.set()

    assert (await ended(api, url))["state"] == "cancelled"
    now = (await api.get(f"/v1/customers/{firm['customer_id']}")).json()
    assert now["classifications"]["customer_type"] == [1]
    assert (await api.get("/v1/operations")).json()["items"] == []
    twice = await api.post(f"{url}/cancel")
    assert (twice.status_code, twice.json()["slug"]) == (409, "job_ended")
    for answer in (
        await api.get(f"/v1/jobs/{uuid4()}"),
        await api.get(f"/v1/jobs/{uuid4()}/events"),
        await api.post(f"/v1/jobs/{uuid4()}/cancel"),
    ):
        assert (answer.status_code, answer.json()["slug"]) == (404, "job_not_found")


async def test_the_events_of_a_job_end_with_its_outcome(
    api: httpx.AsyncClient, firm: dict[str, Any], held_up: asyncio.Event
) -> None:
    asked = await api.post("/v1/customer-moves", json=MOVE, headers=NOT_WAITING)
    listening = asyncio.create_task(api.get(f"{asked.headers['location']}/events"))

    async def heard() -> bool:
        return bool((await api.get(asked.headers["location"])).json()["state"] == "running")

    await eventually(heard)
    held_up.set()
    answer = await listening

    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [part.split("\n") for part in answer.text.strip().split("\n\n")]
    assert {name for name, _ in events[:-1]} == {"event: progress"}
    assert events[-1][0] == "event: done"
    assert json.loads(events[-1][1].removeprefix("data: "))["result"]["customers"] == 1


async def test_watchers_are_bounded(
    api: httpx.AsyncClient, firm: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "MOST_WATCHERS", 0)

    asked = await api.post("/v1/customer-moves", json=MOVE)

    assert asked.status_code == 202
    refused = await api.get(f"{asked.headers['location']}/events")
    assert (refused.status_code, refused.json()["slug"]) == (503, "too_many_watchers")
