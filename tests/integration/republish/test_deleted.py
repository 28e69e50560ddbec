"""A listener that starts late hears of the deleted as deleted, and of all their bans."""

import httpx
import pytest

from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from tests.integration.customers.api_helpers import contact_at, delete, made
from tests.integration.mailing.rig import open_rig
from tests.integration.republish.world import ban, bans_at, told_anew, true_bans


@pytest.mark.requirement("TS-A9", "LS-26")
async def test_a_republish_tells_the_deleted_as_deleted_and_their_bans(
    customers: Service, api: httpx.AsyncClient, postgres: Postgres
) -> None:
    firm = await made(api, "/v1/customers", name="Firm")
    ann = await contact_at(api, firm, "Ann", email="ann@example.com")
    await contact_at(api, firm, "Bob", email="bob@example.com")
    await ban(api, "customer", firm, sms=True)
    await ban(api, "contact", ann, email=True)
    versions = {(await delete(api, one))["version"] for one in (ann, firm)}

    _, messages = await told_anew(customers)

    async with open_rig(postgres) as rig:
        await rig.take(*messages)
        assert await bans_at(rig) == await true_bans(customers) != {}
        gone = await rig.rows(
            "SELECT version FROM customer WHERE deleted "
            "UNION SELECT version FROM contact WHERE deleted AND email IS NULL"
        )
        assert {version for (version,) in gone} == versions
        assert await rig.one("SELECT count(*) FROM contact WHERE NOT deleted") == 1
        banned = await rig.one("SELECT address_key FROM ban_address WHERE channel = 'email'")
        assert banned == "ann@example.com"
