"""A pipeline database that is new beside a running customers is filled by a republish."""

import random
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.customers.handlers.republish import republish
from services.pipeline.messaging.subscribers import subscriptions
from shared.chassis.service import Service
from tests.integration.activities.hearing import hear, rows
from tests.integration.customers.api_helpers import contact_at, delete, made
from tests.integration.customers.erp import document, project, send, void
from tests.integration.customers.test_merges import erp_customer, merged
from tests.integration.pipeline.conftest import pipeline
from tests.integration.republish.world import last_told, told_to

__all__ = ["pipeline"]

# Of what is gone no name is told anew; versions of projects count the words on them.
HEARD = {
    "customer": "SELECT customer_id, CASE WHEN NOT deleted THEN name END, deleted, merged_into "
    "FROM customer ORDER BY 1",
    "contact": "SELECT contact_id, name, deleted FROM contact ORDER BY 1",
    "project": "SELECT project_ref, customer_id, name, active, violated_rule FROM project "
    "ORDER BY 1",
    "document": "SELECT document_id, kind, customer_id, document_date, currency, net_amount "
    "FROM document WHERE NOT voided ORDER BY 1",
    "voided": "SELECT document_id FROM document WHERE voided ORDER BY 1",
}
NEW = text("TRUNCATE customer, contact, classification, project, document, inbox CASCADE")


async def projected(service: Service) -> dict[str, list[tuple[Any, ...]]]:
    return {name: await rows(service, statement) for name, statement in HEARD.items()}


@pytest.mark.requirement("TS-32", "TS-33", "TS-34")
async def test_a_new_pipeline_knows_what_one_knows_that_heard_everything(
    customers: Service, api: httpx.AsyncClient, pipeline: Service
) -> None:
    into, loser = [await erp_customer(customers, api, ref) for ref in "AB"]
    invoice = document("invoice-posted", "2", "B", "2024-02-01", document_version=1)
    events = [
        document("invoice-posted", "1", "A", "2024-03-01", "2024-03-01T09:00:00Z"),
        invoice,
        document("credit-note-posted", "3", "B", "2024-02-02"),
        document("sales-order-posted", "4", "B", "2024-02-03"),
        void("sales-order-cancelled", "4", "B"),
        *(project("P", "A"), project("Q", "B", active=False)),
    ]
    await send(customers, events)
    await contact_at(api, await made(api, "/v1/customers", name="Firm"), "Aino")
    await delete(api, await made(api, "/v1/customers", name="Gone"))
    await merged(api, into, loser)
    await hear(pipeline, await told_to(subscriptions(), customers))
    heard = await projected(pipeline)
    assert all(heard.values())
    before = await last_told(customers)

    await republish(customers.units, lambda told, total: None, chunk=2)
    messages = await told_to(subscriptions(), customers, since=before)
    await hear(pipeline, messages)
    assert await projected(pipeline) == heard, "who heard it all hears nothing new"

    async with pipeline.units() as unit:
        await unit.connection.execute(NEW)
    random.shuffle(messages)
    await hear(pipeline, messages)
    assert await projected(pipeline) == heard
