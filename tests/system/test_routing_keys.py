"""A routing key that nobody listens to loses no message of an ERP, even without `mandatory`."""

import asyncio
import json

import aio_pika
import pytest

from shared.chassis.testing.waiting import eventually
from tests.integration.customers.erp import customer, event, project
from tests.system.processes import ServiceProcess
from tests.system.test_crash_points import rows

pytestmark = pytest.mark.rabbitmq


async def test_a_wrong_routing_key_loses_nothing(deployed: dict[str, ServiceProcess]) -> None:
    service = deployed["customers"]
    await service.start()
    connection = await aio_pika.connect(service.broker_url)
    async with asyncio.timeout(20), connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("suhde.erp")
        for key, one in (
            ("erp.customer-saved.v1", customer("A")),
            ("erp.customer.saved", customer("B")),
            ("", customer("C")),
            ("erp.project-saved.v1", project("P", "A")),
            ("erp.project.saved", project("Q", "A")),
            ("erp.coffee-brewed.v1", event("coffee-brewed", {})),
            ("erp.invoice-posted.v1", event("", {"nonce": "x"}, type="mailing.consent-probed.v1")),
        ):
            await exchange.publish(
                aio_pika.Message(json.dumps(one).encode()), routing_key=key, mandatory=False
            )

    async def settled() -> bool:
        found = await rows(service, "SELECT type, state, reason FROM inbox ORDER BY seq")
        assert found == [
            *[("erp.customer-saved.v1", "done", None)] * 3,
            *[("erp.project-saved.v1", "done", None)] * 2,
            ("erp.coffee-brewed.v1", "parked", "type_unknown"),
            ("unreadable", "parked", "type_not_allowed"),
        ]
        return True

    await eventually(settled, within=90)
    names = await rows(service, "SELECT name FROM customer ORDER BY name")
    assert names == [("Customer A",), ("Customer B",), ("Customer C",)]
    projects = await rows(service, "SELECT project_ref FROM erp_project ORDER BY project_ref")
    assert projects == [("P",), ("Q",)]
