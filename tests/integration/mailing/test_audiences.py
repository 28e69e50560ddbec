"""Audiences: who is taken, who comes and goes, and that the gate has the last word."""

import asyncio
import random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.mailing.domain.channels import Channel
from services.mailing.handlers import hand_off_audience
from services.mailing.handlers.ban_address import BanAddress, ban_address
from services.mailing.handlers.follow_audiences import follow_audiences
from services.mailing.handlers.hand_off_audience import hand_off_next, prepare_next
from shared.contracts.customers import ContactDeleted
from tests.integration.locks import waits
from tests.integration.mailing.rig import HASH_OF, Rig, bans_changed

MARKED = {"name": "Marked", "rule": {"op": "has_attribute", "number": 1}}


async def person(rig: Rig, number: int, version: int = 1, *, marked: bool = True) -> UUID:
    """Tell of a contact whose id and address have this number."""
    return await rig.contact(
        contact_id=UUID(int=number),
        version=version,
        email=f"n{number}@example.fi",
        attributes=(1,) if marked else (),
    )


async def refresh(rig: Rig) -> None:
    """Make the consent news fresh, however far it goes."""
    await rig.refresh(await rig.one("SELECT applied_through FROM consent_position"))


async def segment_of(api: httpx.AsyncClient) -> str:
    return str((await api.post("/v1/segments", json=MARKED)).json()["segment_id"])


async def take(
    rig: Rig, api: httpx.AsyncClient, segment: str, *, keep_up: bool = False, **more: Any
) -> str:
    """Take an audience for marketing by e-mail; return its URL."""
    await refresh(rig)
    asked = {
        "segment_id": segment, "channel": "email", "purpose": "marketing", "campaign": "spring",
        "keep_up": keep_up, **more,
    }  # fmt: skip
    answer = await api.post("/v1/audiences", json=asked)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def inside(api: httpx.AsyncClient, audience: str) -> list[int]:
    items = (await api.get(f"{audience}/members")).json()["items"]
    return [UUID(one["contact_id"]).int for one in items if one["left_at"] is None]


async def next_ones(
    rig: Rig, api: httpx.AsyncClient, audience: str, limit: int = 500
) -> dict[int, str]:
    """Hand off the next ones; return `released` or the reason by number."""
    await refresh(rig)
    return await hand_off(api, audience, limit)


async def hand_off(api: httpx.AsyncClient, audience: str, limit: int) -> dict[int, str]:
    answer = await api.post(f"{audience}/hand-offs", json={"limit": limit})
    assert answer.status_code == 200, answer.text
    return {
        UUID(one["contact_id"]).int: "released" if one["released"] else one["refused"]["reason"]
        for one in answer.json()["outcomes"]
    }


async def tokens(api: httpx.AsyncClient, audience: str, limit: int = 500) -> list[str]:
    answer = await api.post(f"{audience}/seals", json={"limit": limit})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["tokens"])


async def unseal(
    rig: Rig, api: httpx.AsyncClient, audience: str, asked: list[str], **headers: str
) -> list[dict[str, Any]]:
    await refresh(rig)
    return await resolve(api, audience, asked, **headers)


async def resolve(
    api: httpx.AsyncClient, audience: str, asked: list[str], **headers: str
) -> list[dict[str, Any]]:
    answer = await api.post(f"{audience}/sealed-hand-offs", json={"tokens": asked}, headers=headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["outcomes"])


@pytest.mark.requirement("LS-26")
async def test_only_recipients_are_taken(rig: Rig, api: httpx.AsyncClient) -> None:
    for number in (1, 2, 3):
        await person(rig, number)
    await rig.contact(contact_id=UUID(int=4), attributes=(1,))
    await person(rig, 5, marked=False)
    await rig.hear(bans_changed(1, contact=UUID(int=2)))
    segment = await segment_of(api)

    assert await inside(api, await take(rig, api, segment)) == [1, 3]
    assert await inside(api, await take(rig, api, segment, purpose="service")) == [1, 2, 3]
    nobody = await take(rig, api, segment, customer_id=str(uuid4()))
    assert await inside(api, nobody) == []


async def test_an_audience_knows_after_which_change_it_was_taken(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await person(rig, 1)
    segment = await segment_of(api)
    last = await rig.one("SELECT max(position) FROM member_change")
    audience = await take(rig, api, segment)
    shown = (await api.get(audience)).json()
    (member,) = (await api.get(f"{audience}/members")).json()["items"]
    assert shown["position"] == member["position"] == last


async def test_one_stays_frozen_and_the_other_keeps_up(rig: Rig, api: httpx.AsyncClient) -> None:
    await person(rig, 1)
    await person(rig, 2)
    segment = await segment_of(api)
    frozen = await take(rig, api, segment)
    kept = await take(rig, api, segment, keep_up=True)

    await person(rig, 1, 2, marked=False)
    await person(rig, 3)
    await rig.hear(bans_changed(1, contact=UUID(int=4)))
    await person(rig, 4)
    await follow_audiences(rig.service.units)

    assert await inside(api, frozen) == [1, 2]
    assert await inside(api, kept) == [2, 3], "4 is banned"
    assert (await api.get(f"{frozen}/counts")).json()["left"] == 1
    assert (await api.get(f"{kept}/counts")).json()["left"] == 1
    assert await next_ones(rig, api, kept) == {2: "released", 3: "released"}


async def test_a_closed_audience_follows_and_releases_no_more(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await person(rig, 1)
    audience = await take(rig, api, await segment_of(api), keep_up=True)
    (token,) = await tokens(api, audience)
    closed = await api.post(f"{audience}/closure", headers={"If-Match": '"1"'})
    assert closed.status_code == 200 and closed.json()["closed_at"]
    await person(rig, 2)
    await follow_audiences(rig.service.units)
    assert await inside(api, audience) == [1]
    await rig.refresh()
    for path, body in (
        ("hand-offs", {"limit": 1}),
        ("seals", {"limit": 1}),
        ("sealed-hand-offs", {"tokens": [token]}),
    ):
        answer = await api.post(f"{audience}/{path}", json=body)
        assert (answer.status_code, answer.json()["slug"]) == (409, "audience_closed")


async def test_what_is_removed_leaves_its_receipts(rig: Rig, api: httpx.AsyncClient) -> None:
    await person(rig, 1)
    await person(rig, 2)
    segment = await segment_of(api)
    audience = await take(rig, api, segment)
    await tokens(api, audience)
    assert await next_ones(rig, api, audience, 1) == {1: "released"}
    stale = await api.delete(audience, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    assert (await api.delete(audience, headers={"If-Match": '"1"'})).status_code == 200
    assert (await api.get(audience)).status_code == 404
    assert await rig.one("SELECT count(*) FROM audience_member") == 0
    assert await rig.one("SELECT count(*) FROM seal") == 0
    again = await take(rig, api, segment)
    assert await next_ones(rig, api, again) == {2: "released"}, "1 has a receipt of the campaign"


@pytest.mark.requirement("LS-26", "LS-A6")
async def test_who_was_banned_since_is_not_released(rig: Rig, api: httpx.AsyncClient) -> None:
    for number in (1, 2, 3, 4):
        await person(rig, number)
    audience = await take(rig, api, await segment_of(api))
    await rig.hear(bans_changed(1, contact=UUID(int=1)))
    async with rig.service.units() as uow:
        await ban_address(BanAddress(Channel.EMAIL, "n2@example.fi", "test"), uow, hash_of=HASH_OF)
    await rig.hear(ContactDeleted(contact_id=UUID(int=3), version=2))
    await rig.refresh(1)
    counts = (await api.get(f"{audience}/counts")).json()
    assert counts == {
        "members": 4, "mailable": 1, "addresses": 1, "banned": 2, "without_address": 1, "left": 1,
        "handed_off": 0, "refused": None,
    }  # fmt: skip
    assert await next_ones(rig, api, audience) == {4: "released"}
    assert (await api.get(f"{audience}/counts")).json()["handed_off"] == 1


@pytest.mark.requirement("LS-26", "LS-A6")
async def test_a_ban_after_the_choice_is_heeded_by_the_gate(
    rig: Rig, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await person(rig, 1)
    await person(rig, 2)
    audience = await take(rig, api, await segment_of(api))
    chosen = hand_off_audience.audiences.next_members

    async def then_banned(*args: Any, **options: Any) -> list[UUID]:
        found = await chosen(*args, **options)
        await rig.hear(bans_changed(1, contact=UUID(int=1)))
        await rig.refresh(1)
        return found

    monkeypatch.setattr(hand_off_audience.audiences, "next_members", then_banned)
    audience_id = UUID(audience.rpartition("/")[2])
    async with rig.service.units() as uow:
        _, outcomes = await hand_off_next(
            audience_id, uow, limit=10, limit_seconds=rig.limit_seconds
        )
    assert [type(one).__name__ for one in outcomes] == ["Refused", "Released"]


async def test_a_closed_channel_is_refused(rig: Rig, api: httpx.AsyncClient) -> None:
    await person(rig, 1)
    segment = await segment_of(api)
    audience = await take(rig, api, segment)
    await rig.change("UPDATE consent_position SET confirmed_seq = 1")
    answer = await api.post(f"{audience}/hand-offs", json={"limit": 1})
    assert (answer.status_code, answer.json()["slug"]) == (503, "consent_not_fresh")
    asked = {
        "segment_id": segment, "channel": "email", "purpose": "marketing", "campaign": "x",
        "keep_up": False,
    }  # fmt: skip
    answer = await api.post("/v1/audiences", json=asked)
    assert (answer.status_code, answer.json()["slug"]) == (503, "consent_not_fresh")


async def test_each_is_released_once_and_each_address_once(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    for number in range(1, 31):
        # Every address is that of two persons.
        await rig.contact(
            contact_id=UUID(int=number), email=f"n{number % 15}@example.fi", attributes=(1,)
        )
    audience = await take(rig, api, await segment_of(api))
    counts = (await api.get(f"{audience}/counts")).json()
    assert (counts["members"], counts["addresses"]) == (30, 15)

    await refresh(rig)

    async def all_of_them() -> list[int]:
        released: list[int] = []
        while found := await hand_off(api, audience, 4):
            released += [number for number, one in found.items() if one == "released"]
        return released

    both = await asyncio.gather(all_of_them(), all_of_them())
    released = sorted([*both[0], *both[1]])
    assert len(released) == 15
    assert {number % 15 for number in released} == set(range(15))


async def test_two_hand_offs_of_an_audience_take_turns(rig: Rig, api: httpx.AsyncClient) -> None:
    for number in (1, 2):
        await rig.contact(contact_id=UUID(int=number), email="both@example.fi", attributes=(1,))
    audience = await take(rig, api, await segment_of(api))
    audience_id = UUID(audience.rpartition("/")[2])
    async with rig.service.units() as uow:
        await prepare_next(audience_id, uow, limit=1)
    await refresh(rig)
    async with rig.service.units() as uow:
        await hand_off_next(audience_id, uow, limit=1, limit_seconds=rig.limit_seconds)
        other = asyncio.create_task(hand_off(api, audience, 1))
        await waits(rig.service)
    assert await other == {}, "nobody else has another address"


async def test_a_repeated_request_takes_no_others_and_asks_the_gate_again(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    for number in (1, 2, 3):
        await person(rig, number)
    audience = await take(rig, api, await segment_of(api))
    await rig.refresh()
    headers = {"Idempotency-Key": str(uuid4())}
    url, body = f"{audience}/hand-offs", {"limit": 2}
    first = (await api.post(url, json=body, headers=headers)).json()["outcomes"]
    assert [UUID(one["contact_id"]).int for one in first] == [1, 2]
    await rig.hear(bans_changed(1, contact=UUID(int=2)))
    await rig.refresh(1)
    again = (await api.post(url, json=body, headers=headers)).json()["outcomes"]
    assert again[0] == first[0]
    assert again[1]["released"] is None and again[1]["refused"]["reason"] == "banned"


@pytest.mark.parametrize("seed", range(4))
async def test_one_that_keeps_up_is_the_segment(
    rig: Rig, api: httpx.AsyncClient, seed: int
) -> None:
    """Whatever happens between, and however few changes are followed at once."""
    chance = random.Random(seed)
    versions = dict.fromkeys(range(1, 9), 0)

    async def happens() -> None:
        number = chance.choice(list(versions))
        versions[number] += 1
        await person(rig, number, versions[number], marked=chance.random() < 0.6)

    for _ in range(6):
        await happens()
    segment = await segment_of(api)
    kept = await take(rig, api, segment, keep_up=True)
    for _ in range(25):
        await happens()
        if chance.random() < 0.3:
            await follow_audiences(rig.service.units, taken=chance.randint(1, 4))
    await follow_audiences(rig.service.units, taken=chance.randint(1, 4))
    members = (await api.get(f"/v1/segments/{segment}/members")).json()["items"]
    assert await inside(api, kept) == [UUID(one["contact_id"]).int for one in members]


@pytest.mark.requirement("LS-26")
async def test_a_seal_is_resolved_once(rig: Rig, api: httpx.AsyncClient) -> None:
    await person(rig, 1)
    await person(rig, 2)
    segment = await segment_of(api)
    audience = await take(rig, api, segment)
    other = await take(rig, api, segment, campaign="other")
    sealed = await tokens(api, audience)
    assert len(sealed) == 2 and await tokens(api, audience) == [], "each has one"
    (foreign, _) = await tokens(api, other)

    outcomes = await unseal(rig, api, audience, [sealed[0], "forged", foreign])

    assert [bool(one["released"]) for one in outcomes] == [True, False, False]
    assert outcomes[0]["released"]["address"] in ("n1@example.fi", "n2@example.fi")
    again = await unseal(rig, api, audience, [sealed[0]])
    refusals = [one["refused"] for one in (outcomes[1], outcomes[2], again[0])]
    assert all(one == refusals[0] and one["reason"] is None for one in refusals)
    await refresh(rig)
    both = await asyncio.gather(*[resolve(api, audience, [sealed[1]]) for _ in range(3)])
    assert sum(bool(one["released"]) for (one,) in both) == 1
    assert not await next_ones(rig, api, audience)


async def test_nothing_of_a_seal_tells_whose_it_is(rig: Rig, api: httpx.AsyncClient) -> None:
    await person(rig, 1)
    audience = await take(rig, api, await segment_of(api))
    (token,) = await tokens(api, audience)
    kept = await rig.rows("SELECT CAST(seal AS text) FROM seal")
    assert token not in str(kept)
    await rig.hear(bans_changed(1, contact=UUID(int=1)))
    (refused,) = await unseal(rig, api, audience, [token])
    assert refused["refused"]["reason"] == "banned"
    assert str(UUID(int=1)) not in str(refused) and "n1@" not in str(refused)
    await rig.hear(bans_changed(2, type(bans_changed(2).bans)(), contact=UUID(int=1)))
    (released,) = await unseal(rig, api, audience, [token])
    assert released["released"]["address"] == "n1@example.fi", "who was refused may be tried again"


async def test_seals_expire(rig: Rig, api: httpx.AsyncClient) -> None:
    await person(rig, 1)
    audience = await take(rig, api, await segment_of(api))
    (old,) = await tokens(api, audience)
    await rig.change("UPDATE seal SET expires_at = now() - interval '1 second'")
    (refused,) = await unseal(rig, api, audience, [old])
    assert refused["refused"]["reason"] is None
    (new,) = await tokens(api, audience)
    (released,) = await unseal(rig, api, audience, [new])
    assert released["released"]


async def test_a_repeated_request_resolves_seals_again_for_whom_the_gate_lets_through(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await person(rig, 1)
    audience = await take(rig, api, await segment_of(api))
    (token,) = await tokens(api, audience)
    key = {"Idempotency-Key": str(uuid4())}
    first = await unseal(rig, api, audience, [token, "forged"], **key)
    assert await unseal(rig, api, audience, [token, "forged"], **key) == first
    await rig.hear(bans_changed(1, contact=UUID(int=1)))
    (banned, forged) = await unseal(rig, api, audience, [token, "forged"], **key)
    assert banned["released"] is None and banned["refused"]["reason"] == "banned"
    assert forged == first[1]
