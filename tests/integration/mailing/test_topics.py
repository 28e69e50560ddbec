"""Topics and bans that end stand above the three bans, which nothing of them ever lifts."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.mailing.domain.channels import BANNED_BY_CUSTOMERS, Channel, Purpose
from services.mailing.domain.consent_proof import prove
from services.mailing.handlers.read_consent_log import export_log
from shared.contracts.customers import Bans
from shared.contracts.erp import PostalAddress
from tests.integration.mailing.rig import Rig, bans_changed

HOME = PostalAddress(street="Katu 1", postal_code="00100", city="Helsinki", country="FI")
OUTBOX = "SELECT count(*) FROM outbox WHERE type = 'mailing.contact-unsubscribed.v1'"


@pytest.fixture(autouse=True)
async def proven(rig: Rig) -> AsyncIterator[None]:
    """Whatever a test does, the log of it proves that no hand-off came after its ban."""
    yield
    chunks = [chunk async for chunk in export_log(rig.service.units)]
    prove(b"".join(chunks).decode().splitlines())


async def topic(api: httpx.AsyncClient, key: str = "news") -> None:
    answer = await api.post("/v1/topics", json={"key": key, "titles": {"en": "News"}})
    assert answer.status_code == 201, answer.text


async def ban(api: httpx.AsyncClient, **wish: Any) -> str:
    body = {"channel": "email", "source": "link", **wish}
    answer = await api.post("/v1/bans", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["ban_id"])


@pytest.mark.requirement("LS-A6", "LS-A7")
async def test_a_topic_is_banned_by_address_or_contact_and_nothing_else_is(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.refresh()
    await topic(api)
    await topic(api, "offers")
    ada, sharing = await rig.contact(email="ada@a.fi"), await rig.contact(email="ada@a.fi")
    bo = await rig.contact(email="bo@b.fi")
    by_address = await ban(api, address="ADA@a.fi", topic="news")
    by_contact = await ban(api, contact_id=str(bo), topic="news")
    for one in (ada, sharing, bo):
        assert await rig.hand_off(one, topic="news") == ["topic_banned"]
        assert await rig.hand_off(one, topic="offers") == ["released"]
        assert await rig.hand_off(one) == ["released"]
        assert await rig.hand_off(one, topic="news", purpose=Purpose.SERVICE) == ["released"]
    assert await rig.one(OUTBOX) == 0, "customers bans no topic"
    asked = {"channel": "email", "topic": "news"}
    why = (await api.get(f"/v1/reachability/{ada}", params=asked)).json()
    assert why["reason"] == "topic_banned"
    assert why["bans"] == [{"closed": "topic:news", "by": [f"direct:{by_address}"]}]
    for ban_id in (by_address, by_contact):
        assert (await api.delete(f"/v1/bans/{ban_id}")).status_code == 200
    assert await rig.hand_off(ada, topic="news") == ["released"]
    assert await rig.hand_off(bo, topic="news") == ["released"]


@pytest.mark.requirement("LS-26")
async def test_the_three_bans_are_the_floor(rig: Rig, api: httpx.AsyncClient) -> None:
    await rig.refresh()
    await topic(api)
    ada = await rig.contact(email="ada@a.fi")
    ban_id = await ban(api, address="ada@a.fi", topic="news")
    await rig.hear(bans_changed(1, contact=ada))
    assert await rig.hand_off(ada, topic="news") == ["banned"]
    await api.delete(f"/v1/bans/{ban_id}")
    assert await rig.hand_off(ada, topic="news") == ["banned"]


async def test_a_topic_has_titles_and_a_version_and_is_archived(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.refresh()
    await topic(api)
    assert (await api.post("/v1/topics", json={"key": "news", "titles": {}})).status_code == 409
    assert (await api.post("/v1/topics", json={"key": "No Key", "titles": {}})).status_code == 422
    shown = await api.get("/v1/topics/news")
    change = {"titles": {"fi": "Uutiset", "en": "News"}, "archived": True}
    match = {"If-Match": shown.headers["etag"]}
    changed = await api.put("/v1/topics/news", json=change, headers=match)
    assert (changed.json()["titles"], changed.json()["version"]) == (change["titles"], 2)
    assert (await api.put("/v1/topics/news", json=change, headers=match)).status_code == 412
    assert [one["key"] for one in (await api.get("/v1/topics")).json()["items"]] == ["news"]
    body = {
        "contact_ids": [str(await rig.contact(email="a@a.fi"))], "channel": "email",
        "purpose": "marketing", "campaign": "may",
    }  # fmt: skip
    archived = await api.post("/v1/hand-offs", json={**body, "topic": "news"})
    assert (archived.status_code, archived.json()["slug"]) == (409, "topic_archived")
    assert (await api.post("/v1/hand-offs", json={**body, "topic": "none"})).status_code == 422


async def test_a_ban_with_an_end_stands_through_its_last_day_and_needs_no_sweep(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.refresh()
    await topic(api)
    now = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)  # the 25th in Helsinki
    rig.service.units.clock = lambda: now
    ada = await rig.contact(email="ada@a.fi")
    late = {"channel": "email", "address": "ada@a.fi", "source": "x", "until": "2026-11-24"}
    assert (await api.post("/v1/bans", json=late)).status_code == 422
    await ban(api, address="ada@a.fi", until="2026-11-25")
    await ban(api, address="ada@a.fi", until="2026-11-26", topic="news")
    assert await rig.one(OUTBOX) == 0, "customers would ban for good"

    async def on(day: int) -> tuple[list[str], list[str]]:
        rig.service.units.clock = lambda: now + timedelta(days=day - 25)
        return await rig.hand_off(ada), await rig.hand_off(ada, topic="news")

    assert await on(25) == (["banned"], ["banned"])
    assert await on(26) == (["released"], ["topic_banned"])
    assert await on(27) == (["released"], ["released"])
    rig.service.units.clock = lambda: now
    await ban(api, address="ada@a.fi")
    assert await on(30) == (["banned"], ["banned"]), "one that ends takes none away that does not"


@pytest.mark.requirement("LS-A4")
async def test_all_channels_is_an_action_of_its_own_and_is_never_inferred(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.refresh()
    ada = await rig.contact(email="ada@a.fi", mobile="+358401234567", address=HOME)
    bo = await rig.contact(email="bo@b.fi", mobile="+358401234568", address=HOME)
    await rig.hear(bans_changed(1, Bans(post=True), contact=bo))

    async def open_for(contact: UUID) -> list[Channel]:
        return [one for one in Channel if await rig.hand_off(contact, channel=one) == ["released"]]

    assert await open_for(bo) == [Channel.EMAIL, Channel.SMS, Channel.CALL], "letters, not all"
    answer = await api.post("/v1/bans/all-channels", json={"contact_id": str(bo), "source": "x"})
    assert answer.json()["fence"] == "fenced"
    assert [one["channel"] for one in answer.json()["bans"]] == ["email", "post", "sms"]
    assert await open_for(bo) == [Channel.CALL]
    assert await rig.one(OUTBOX) == len(BANNED_BY_CUSTOMERS)
    assert await open_for(ada) == [Channel.EMAIL, Channel.SMS, Channel.CALL], "they share a house"
    mute = await rig.contact()
    for contact, status in ((mute, 409), (uuid4(), 422)):
        body = {"contact_id": str(contact), "source": "x"}
        assert (await api.post("/v1/bans/all-channels", json=body)).status_code == status


@pytest.mark.requirement("LS-A5")
async def test_a_call_is_stopped_by_bans_of_calls_alone(rig: Rig, api: httpx.AsyncClient) -> None:
    await topic(api)
    ada = await rig.contact(mobile="+358401234567", phone="+35891234567")
    bo = await rig.contact(phone="+35891234567")
    await rig.hear(bans_changed(1, Bans(email=True, sms=True, post=True), contact=ada))
    # Customers knows no ban of calls: neither its settings nor its freshness close them.
    assert await rig.hand_off(ada, bo, channel=Channel.CALL) == ["released", "released"]
    await ban(api, channel="call", address="+358 40 1234567")
    await ban(api, channel="call", contact_id=str(bo), topic="news")
    assert await rig.hand_off(ada, bo, channel=Channel.CALL) == ["banned", "released"]
    assert await rig.hand_off(bo, channel=Channel.CALL, topic="news") == ["topic_banned"]
    assert await rig.one(OUTBOX) == 0
    answer = await api.post("/v1/segments", json={"name": "x", "rule": {"op": "all", "rules": []}})
    counts = (await api.get(f"/v1/segments/{answer.json()['segment_id']}/counts")).json()
    assert set(counts) == {"email", "sms", "post", "call"}
    assert (counts["call"]["mailable"], counts["call"]["banned"]) == (1, 1)
    assert counts["call"]["refused"] is None
    url = f"/v1/segments/{answer.json()['segment_id']}/call-list"
    for purpose, listed in (("marketing", [bo]), ("service", [ada, bo])):
        shown = (await api.get(url, params={"purpose": purpose})).json()
        assert {one["contact_id"] for one in shown["items"]} == set(map(str, listed))
        assert shown["banned"] == 2 - len(listed)


async def test_a_contact_is_banned_here_for_a_topic_only(api: httpx.AsyncClient) -> None:
    for wrong in (
        {"contact_id": str(uuid4())},
        {},
        {"address": "a@a.fi", "contact_id": str(uuid4()), "topic": "news"},
        {"address": "a@a.fi", "topic": "no-such-topic"},
    ):
        body = {"channel": "email", "source": "x", **wrong}
        assert (await api.post("/v1/bans", json=body)).status_code == 422
