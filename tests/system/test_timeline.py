"""A customer, its invoice and a call meet in one timeline: in one process, and over RabbitMQ."""

import asyncio

import httpx
import pytest

from shared.chassis.testing.waiting import eventually
from tests.integration.customers.erp import customer, document
from tests.system.processes import ServiceProcess
from tests.system.test_embedded import suhde

__all__ = ["suhde"]


async def meet_in_a_timeline(register: httpx.AsyncClient, activities: httpx.AsyncClient) -> None:
    sent = await register.post(
        "/v1/erp/events",
        json=[
            customer("A", name="Kauppa Oy"),
            document("invoice-posted", "1", "A", "2024-03-01", "2024-03-01T09:00:00Z"),
        ],
    )
    assert [one["status"] for one in sent.json()["results"]] == ["accepted", "accepted"]

    async def only_customer() -> str | None:
        items = (await register.get("/v1/customers")).json()["items"]
        return items[0]["customer_id"] if items else None

    customer_id = await eventually(only_customer, within=90)
    said = {"customer_id": customer_id, "category": 1, "memo": "Called about the first invoice."}

    async def is_recorded() -> bool:
        answer = await activities.post("/v1/activities", json=said)
        # Until activities has heard of the customer.
        assert answer.status_code == 201, answer.text
        return True

    await eventually(is_recorded, within=90)

    async def timeline() -> bool:
        answer = await activities.get(f"/v1/customers/{customer_id}/timeline")
        assert answer.status_code == 200, answer.text
        found = [
            one["activity"]["subject"] if one["activity"] else one["milestone"]["kind"]
            for one in answer.json()["items"]
        ]
        wanted = ["Called about the first invoice.", "relationship_started", "first_invoice"]
        assert found == wanted
        return True

    await eventually(timeline, within=90)


@pytest.mark.requirement("LE-01")
async def test_in_one_process(suhde: httpx.AsyncClient) -> None:
    await meet_in_a_timeline(suhde, suhde)


@pytest.mark.rabbitmq
@pytest.mark.requirement("LE-01")
async def test_over_rabbitmq(deployed: dict[str, ServiceProcess]) -> None:
    services = [deployed[name] for name in ("customers", "activities")]
    await asyncio.gather(*(one.start() for one in services))
    await asyncio.gather(*(one.ready() for one in services))
    register, activities = (
        httpx.AsyncClient(base_url=one.url, headers=one.headers) for one in services
    )
    async with register, activities:
        await meet_in_a_timeline(register, activities)
    assert [await one.stop() for one in services] == [0, 0]
