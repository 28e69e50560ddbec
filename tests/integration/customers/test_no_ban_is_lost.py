"""Whatever is done to records and lists: what was told last of bans is what is held."""

from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from shared.chassis.service import Service
from tests.integration.customers.api_helpers import delete, made, restore, url
from tests.integration.customers.erp import customer, send, told
from tests.integration.customers.test_banned_addresses import unsubscribed
from tests.integration.customers.test_lists import delete as delete_value
from tests.integration.republish.world import Held, told_anew, true_bans

CHANNELS = ("email", "sms", "post")
Step = tuple[str, int, str, bool]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ban", "ban", "delete", "delete", "restore", "unsubscribe", "erp", "merge", "anew"]
        ),
        st.integers(0, 2),
        st.sampled_from(CHANNELS),
        st.booleans(),
    ),
    min_size=2,
    max_size=12,
)


class World:
    """A customer with two contacts from an ERP, and the bans that they ought to have."""

    def __init__(self, customers: Service, api: httpx.AsyncClient) -> None:
        self.customers = customers
        self.api = api
        self.records: list[dict[str, Any]] = []
        self.emails = ["p0@example.com", "p1@example.com"]
        self.expected: dict[str, set[str]] = {}
        self.moves = count()

    async def fill(self) -> None:
        async with self.customers.engine.begin() as connection:
            await connection.execute(text("TRUNCATE inbox, outbox, customer, contact CASCADE"))
        await self.erp()
        (firm,) = (await self.api.get("/v1/customers")).json()["items"]
        people = (await self.api.get("/v1/contacts")).json()["items"]
        self.records = [firm, *sorted(people, key=lambda one: one["email"])]
        self.expected = {subject(one): set() for one in self.records}

    async def erp(self) -> None:
        """Send master data that names no ban: it must lift none."""
        people = [
            {"contact_ref": f"p{n}", "email": email, "mobile": f"04012345{n}0"}
            for n, email in enumerate(self.emails)
        ]
        await send(self.customers, [customer("A", contacts=people)])

    async def take(self, step: Step) -> None:
        what, which, channel, on = step
        record = self.records[which]
        person = max(which, 1)
        match what:
            case "ban":
                await self.api.put(f"{url(record)}/bans", json={channel: on})
                held = self.expected[subject(record)]
                held.update({channel}) if on else held.discard(channel)
            case "delete" if (present := await self.api.get(url(record))).status_code == 200:
                await self.api.delete(url(record), headers={"If-Match": present.headers["etag"]})
            case "restore":
                await restore(self.api, record)
            case "unsubscribe":
                await send(self.customers, [unsubscribed("email", self.emails[person - 1])])
                self.expected[subject(self.records[person])].add("email")
            case "erp":
                self.emails[person - 1] = f"p{person - 1}-{next(self.moves)}@example.com"
                await self.erp()
            case "merge":
                await self.merge(self.records[person], channel)
            case "anew":
                await told_anew(self.customers)

    async def merge(self, record: dict[str, Any], channel: str) -> None:
        """Give a contact an attribute, perhaps delete the contact, and merge that into a ban."""
        present = await self.api.get(url(record))
        if present.status_code != 200:
            return
        spare = await made(self.api, "/v1/contact-attributes", title=f"Spare {next(TITLES)}")
        kept = {
            name: value
            for name, value in present.json().items()
            if name not in ("contact_id", "version", "created_at", "updated_at")
        }
        kept["attributes"] = [*kept["attributes"], spare["number"]]
        changed = await self.api.put(
            url(record), json=kept, headers={"If-Match": present.headers["etag"]}
        )
        assert changed.status_code == 200, changed.text
        await delete(self.api, record)
        name = {"email": "NO_EMAIL", "sms": "NO_SMS", "post": "NO_MARKETING"}[channel]
        number = (await self.api.get(f"/v1/settings/{name}")).json()["value"]
        merged = await delete_value(self.api, "contact-attributes", spare["number"], move_to=number)
        assert merged.json()["moved_contacts"] == 1, merged.text
        self.expected[subject(record)].add(channel)

    def wanted(self) -> Held:
        return {
            one: (bans >= {"email"}, bans >= {"sms"}, bans >= {"post"})
            for one, bans in self.expected.items()
            if bans
        }


TITLES = count()


def subject(record: dict[str, Any]) -> str:
    kind = "contact" if "contact_id" in record else "customer"
    return f"{kind}:{record[f'{kind}_id']}"


async def bans_told(customers: Service) -> Held:
    newest: Held = {}
    numbers: dict[str, int] = {}
    for one in await told(customers, "customers.bans-changed.v1"):
        who = (
            f"contact:{one['contact_id']}"
            if one["contact_id"]
            else f"customer:{one['customer_id']}"
        )
        assert one["consent_seq"] > numbers.get(who, 0)
        numbers[who] = one["consent_seq"]
        newest[who] = (one["bans"]["email"], one["bans"]["sms"], one["bans"]["post"])
    return {who: bans for who, bans in newest.items() if any(bans)}


@pytest.mark.requirement("TS-A9", "LS-26")
@given(steps=STEPS)
@example(steps=[("delete", 1, "email", True), ("unsubscribe", 1, "email", True)])
@example(
    steps=[("ban", n, "sms", True) for n in range(3)]
    + [("delete", n, "", True) for n in range(3)]
    + [("anew", 0, "", True)]
)
@example(steps=[("merge", 1, "post", True), ("erp", 1, "", True), ("restore", 1, "", True)])
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_no_sequence_of_operations_loses_a_ban(
    customers: Service, restoring: httpx.AsyncClient, steps: list[Step]
) -> None:
    world = World(customers, restoring)
    await world.fill()

    for step in steps:
        await world.take(step)
        held = await true_bans(customers)
        assert held == world.wanted()
        assert await bans_told(customers) == held
