"""A sale is won and stands on the customer's timeline: in one process, and over RabbitMQ."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from shared.chassis.testing.waiting import eventually
from tests.integration.customers.api_helpers import made
from tests.integration.customers.erp import customer, project
from tests.system.processes import ServiceProcess
from tests.system.test_embedded import suhde

__all__ = ["suhde"]


async def sell(
    register: httpx.AsyncClient, pipeline: httpx.AsyncClient, activities: httpx.AsyncClient
) -> None:
    events = [customer("A"), project("P", "A")]
    sent = await register.post("/v1/erp/events", json=events)
    assert [one["status"] for one in sent.json()["results"]] == ["accepted", "accepted"]
    members = [{"seller": "anna.k"}]
    group = await made(pipeline, "/v1/user-groups", title="North", kind="sales", members=members)
    said = {
        "project_source": events[1]["source"],
        "project_ref": "P",
        "name": "Lift",
        "expected_close": "2099-12-18",
        "sellers": members,
    }

    async def is_recorded() -> str:
        # Until pipeline has heard of the customer and of the project, which brings him.
        answer = await pipeline.post("/v1/opportunities", json=said)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    lift = await eventually(is_recorded, within=90)
    won = await pipeline.post(f"{lift}/win", json={}, headers={"If-Match": '"1"'})
    assert won.status_code == 200, won.text
    customer_id = won.json()["customer_id"]

    async def is_on_the_timeline() -> bool:
        answer = await activities.get(f"/v1/customers/{customer_id}/timeline")
        assert answer.status_code == 200, answer.text
        found = [one["milestone"]["kind"] for one in answer.json()["items"]]
        assert found == ["opportunity_won"]
        return True

    async def group_is_known() -> bool:
        found = (await activities.get("/v1/seller-groups")).json()["items"]
        assert [(one["group_id"], one["title"]) for one in found] == [(group["group_id"], "North")]
        return True

    await eventually(is_on_the_timeline, within=90)
    await eventually(group_is_known, within=90)


@pytest.mark.requirement("LE-01", "TS-15", "TS-33")
async def test_in_one_process(suhde: httpx.AsyncClient) -> None:
    await sell(suhde, suhde, suhde)


@pytest.mark.rabbitmq
@pytest.mark.requirement("LE-01", "TS-15", "TS-33")
async def test_over_rabbitmq(deployed: dict[str, ServiceProcess]) -> None:
    services = [deployed[name] for name in ("customers", "pipeline", "activities")]
    await asyncio.gather(*(one.start() for one in services))
    await asyncio.gather(*(one.ready() for one in services))
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=one.url, headers=one.headers)
            )
            for one in services
        ]
        await sell(*clients)
    assert [await one.stop() for one in services] == [0, 0, 0]
