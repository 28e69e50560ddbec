"""An activities database that is new beside a running customers is filled by a republish."""

import random
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import text

from services.activities.messaging.subscribers import subscriptions
from services.customers.handlers.republish import republish
from shared.chassis.messages import Incoming
from shared.chassis.service import Service
from tests.integration.activities.conftest import activities
from tests.integration.activities.hearing import hear, rows
from tests.integration.customers.api_helpers import contact_at, delete, made
from tests.integration.customers.erp import customer, document, send
from tests.integration.republish.world import last_told, told_to

__all__ = ["activities"]

MILESTONES = "SELECT customer_id, kind, at, facts FROM milestone WHERE NOT withdrawn ORDER BY 1, 2"


async def told_since(customers: Service, seq: int) -> list[Incoming]:
    heard = subscriptions(ZoneInfo("UTC"), clean=lambda: None)
    return await told_to(heard, customers, since=seq)


@pytest.mark.requirement("LE-01")
async def test_a_republish_tells_activities_who_the_customers_are_and_their_milestones(
    customers: Service, api: httpx.AsyncClient, activities: Service
) -> None:
    invoice = document("invoice-posted", "1", "A", "2024-03-01", "2024-03-01T09:00:00Z")
    order = document("sales-order-posted", "2", "A", "2024-02-01", "2024-02-01T09:00:00Z")
    await send(customers, [customer("A"), invoice, order])
    firm = await made(api, "/v1/customers", name="Firm")
    person = await contact_at(api, firm, "Aino")
    await delete(api, firm)
    before = await last_told(customers)

    await republish(customers.units, lambda told, total: None)
    messages = await told_since(customers, before)
    random.shuffle(messages)
    await hear(activities, messages)

    assert len(await rows(activities, "SELECT name FROM customer WHERE NOT deleted")) == 1
    assert await rows(activities, "SELECT contact_id::text FROM contact") == [
        (person["contact_id"],)
    ]
    found = {kind: at for _, kind, at, _ in await rows(activities, MILESTONES)}
    assert set(found) == {
        "relationship_started",
        "first_invoice",
        "first_sales_order",
        "customer_deleted",
    }
    # When it was deleted, not when that was told anew.
    assert found["customer_deleted"] == await deleted_at(customers)

    once = await rows(activities, MILESTONES)
    await republish(customers.units, lambda told, total: None)
    await hear(activities, await told_since(customers, before))
    assert await rows(activities, MILESTONES) == once


async def deleted_at(customers: Service) -> datetime:
    async with customers.engine.connect() as connection:
        result = await connection.execute(
            text("SELECT deleted_at FROM customer WHERE deleted_at IS NOT NULL")
        )
        found: datetime = result.scalar_one()
        return found
