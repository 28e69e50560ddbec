"""A mailing database from before classifications learns them by a republish."""

import random

import httpx
import pytest

from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from tests.integration.customers.api_helpers import contact_at, made
from tests.integration.mailing.rig import open_rig
from tests.integration.republish.world import told_anew, told_to_mailing

QUERIES = (
    "SELECT customer_id, version, ended_on, held, held_version FROM customer ORDER BY 1",
    "SELECT contact_id, version, phone, held, held_version FROM contact ORDER BY 1",
    "SELECT to_jsonb(classification) - ARRAY['told_type', 'told_by', 'told_at'] "
    "FROM classification ORDER BY token",
)


@pytest.mark.requirement("VF-23", "LS-01")
async def test_an_upgraded_mailing_is_refilled_at_the_versions_it_has(
    customers: Service, api: httpx.AsyncClient, postgres: Postgres
) -> None:
    group = await made(api, "/v1/customer-groups", title="North")
    category = await made(api, "/v1/categories", title="VIP")
    statuses = (await api.get("/v1/customer-statuses")).json()
    ended = next(one["number"] for one in statuses if one["ended"])
    firm = await made(
        api,
        "/v1/customers",
        name="Firm",
        classifications={"customer_group": [group["number"]], "customer_status": [ended]},
    )
    await contact_at(api, firm, "P", phone="091234567", categories=[category["number"]])
    lists = {one["name"] for one in (await api.get("/v1/lists")).json()}

    async with open_rig(postgres) as rig:
        await rig.take(*await told_to_mailing(customers))
        whole = [await rig.rows(query) for query in QUERIES]
        (((_, _, ended_on, held, _),), ((_, _, phone, marked, _),), _) = whole
        assert {f"customer_status/{ended}", f"customer_group/{group['number']}"} <= set(held)
        assert (phone, marked) == ("+35891234567", [f"category/{category['number']}"])
        assert ended_on is not None
        known = await rig.rows("SELECT DISTINCT list_name FROM classification")
        assert {"customer_status", "status_group", "customer_group"} <= {one for (one,) in known}
        assert {one for (one,) in known} <= lists

        # What migration 0003 leaves of a database that was there before.
        await rig.change("TRUNCATE classification")
        await rig.change("UPDATE customer SET held = '{}', held_version = 0, ended_on = NULL")
        await rig.change("UPDATE contact SET held = '{}', held_version = 0, phone = NULL")

        _, messages = await told_anew(customers)
        random.shuffle(messages)
        await rig.take(*messages)
        assert [await rig.rows(query) for query in QUERIES] == whole
