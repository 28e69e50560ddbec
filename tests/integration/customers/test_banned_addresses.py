"""Bans that come with an address: however long it is, and however many come at once."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import event as listen

from shared.chassis.service import Service
from shared.contracts import customers as told_by_us
from tests.integration.customers.api_helpers import put_setting
from tests.integration.customers.erp import customer, event, parked, send, told

CHANGED = "customers.bans-changed.v1"


def unsubscribed(channel: str, address: str) -> dict[str, Any]:
    data = {"ban_id": str(uuid4()), "channel": channel, "address": address}
    data |= {"source": "link", "at": "2026-01-01T00:00:00Z"}
    return event("", data, type="mailing.contact-unsubscribed.v1", source="/mailing")


def person(ref: str, **fields: Any) -> dict[str, Any]:
    return {"contact_ref": ref, "first_name": ref, **fields}


@pytest.mark.requirement("LS-26")
async def test_the_ban_of_the_longest_address_is_told(customers: Service) -> None:
    # Of all letters this one grows most when it is folded: to three.
    longest = "ΐ" * 500
    address = {"street": longest, "postal_code": longest, "city": longest, "country": "GR"}

    await send(customers, [customer("A", contacts=[person("a", address=address, bans=["NO_SMS"])])])

    assert await parked(customers) == {}
    (changed,) = await told(customers, CHANGED)
    assert len(changed["post"]) == 3 * 1500 + 5
    assert told_by_us.BansChanged.model_validate(changed).post == changed["post"]


@pytest.mark.requirement("LS-A6")
async def test_addresses_banned_together_cost_no_more_statements_and_one_number_a_contact(
    customers: Service, api: httpx.AsyncClient
) -> None:
    home = {"street": "Katu  1", "postal_code": "00100", "city": "Helsinki", "country": "FI"}
    people = [
        person("both", email="both@example.com", address=home),
        *(person(f"p{n}", email=f"p{n}@example.com") for n in range(20)),
        person("spared", email="spared@example.com", mobile="+358401234567"),
    ]
    await send(customers, [customer("A", contacts=people)])
    assert (await put_setting(api, "NO_SMS", None)).status_code == 200
    statements: list[str] = []
    listen.listen(
        customers.engine.sync_engine,
        "before_cursor_execute",
        lambda *arguments: statements.append(arguments[2]),
    )

    async def cost(*news: dict[str, Any]) -> int:
        statements.clear()
        await send(customers, news)
        return len(statements)

    few = await cost(
        unsubscribed("email", "both@example.com"),
        unsubscribed("post", "katu 1|00100|helsinki|fi"),
        unsubscribed("sms", "+358401234567"),
    )
    many = await cost(
        *(unsubscribed("email", f"p{n}@example.com") for n in range(20)),
        unsubscribed("post", "katu 2|00100|helsinki|fi"),
        unsubscribed("sms", "+358401234567"),
    )

    assert many == few
    changed = await told(customers, CHANGED)
    assert [one["consent_seq"] for one in changed] == list(range(1, 22))
    assert changed[0]["bans"] == {"email": True, "sms": False, "post": True}
    assert {one["email"] for one in changed[1:]} == {f"p{n}@example.com" for n in range(20)}
