"""A ban acknowledged as fenced is never broken, and this harness would see it if it were."""

import asyncio
import itertools
import os
import random
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.consent_proof import Breach, prove
from services.mailing.domain.keys import GateKey
from services.mailing.handlers.ban_address import BanAddress, ban_address
from services.mailing.handlers.hand_off import HandOff, Released, hand_off, prepare_hand_off
from services.mailing.handlers.keep_topics import make_topic
from services.mailing.handlers.loops import fence_all
from services.mailing.handlers.read_consent_log import export_log
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ContactSaved
from tests.integration.mailing.rig import HASH_OF, Rig, bans_changed, contact_saved

RACES = int(os.environ.get("SUHDE_RACES", "150"))
AT_ONCE = 3
# Sending takes longer than banning, so that many bans come in the middle of a sending.
SENDING, BANNING = 0.020, 0.005

Send = Callable[[], Awaitable[None]]
Sender = Callable[[Rig, UUID, str, random.Random, Send], Awaitable[None]]
Wish = Callable[[UUID, str], BanAddress]
TOPIC = "news"
# Who is handed off in one batch with him who bans: nobody ever bans them.
OTHERS = tuple(UUID(int=place) for place in range(10**6, 10**6 + 20))


def whole(contact: UUID, address: str) -> BanAddress:
    return BanAddress(Channel.EMAIL, address, "race")


def topic_of_address(contact: UUID, address: str) -> BanAddress:
    return BanAddress(Channel.EMAIL, address, "race", topic=TOPIC)


def topic_of_contact(contact: UUID, address: str) -> BanAddress:
    return BanAddress(Channel.EMAIL, None, "race", contact_id=contact, topic=TOPIC)


async def _pause(uow: UnitOfWork, dice: random.Random, *, up_to: float) -> None:
    await uow.connection.execute(text("SELECT pg_sleep(:s)"), {"s": dice.uniform(0, up_to)})


async def gated(rig: Rig, contact: UUID, address: str, dice: random.Random, send: Send) -> None:
    """The product: the hand-off releases inside the gate."""
    command = HandOff((contact,), Channel.EMAIL, Purpose.MARKETING, "race")
    await _released(rig, command, contact, dice, send)


async def gated_topic(
    rig: Rig, contact: UUID, address: str, dice: random.Random, send: Send
) -> None:
    """The product, about a topic."""
    command = HandOff((contact,), Channel.EMAIL, Purpose.MARKETING, "race", topic=TOPIC)
    await _released(rig, command, contact, dice, send)


async def gated_batch(
    rig: Rig, contact: UUID, address: str, dice: random.Random, send: Send
) -> None:
    """The product, with many in one batch, of whom one bans."""
    command = HandOff((*OTHERS, contact), Channel.EMAIL, Purpose.MARKETING, str(contact))
    await _released(rig, command, contact, dice, send)


async def _released(
    rig: Rig, command: HandOff, contact: UUID, dice: random.Random, send: Send
) -> None:
    async with rig.service.units() as uow:

        async def release(one: Released) -> None:
            if one.contact_id == contact:
                await _pause(uow, dice, up_to=SENDING)
                await send()

        await _pause(uow, dice, up_to=BANNING)
        await hand_off(command, uow, limit_seconds=3600, release=release)


async def naive(rig: Rig, contact: UUID, address: str, dice: random.Random, send: Send) -> None:
    """The mutant: checks the ban, then sends, and holds nothing in between."""
    async with rig.service.units() as uow:
        await _pause(uow, dice, up_to=BANNING)
        banned = await uow.connection.execute(
            text("SELECT 1 FROM ban_address WHERE channel = 'email' AND address_key = :key"),
            {"key": address},
        )
        if banned.first() is None:
            await _pause(uow, dice, up_to=SENDING)
            await send()


async def race(rig: Rig, sender: Sender, races: int, *, wish: Wish = whole) -> tuple[int, int]:
    """Let a hand-off and a ban of one address meet, again and again: (broken bans, releases)."""
    await rig.refresh()
    ticks = itertools.count()
    broken = released = 0
    lanes = [random.Random(lane) for lane in range(AT_ONCE)]

    async def meet(contact: UUID, address: str, dice: random.Random) -> None:
        nonlocal broken, released
        sent: list[int] = []
        acknowledged: list[int] = []

        async def send() -> None:
            sent.append(next(ticks))

        async def ban() -> None:
            async with rig.service.units() as uow:
                await _pause(uow, dice, up_to=BANNING)
                await ban_address(wish(contact, address), uow, hash_of=HASH_OF)
            acknowledged.append(next(ticks))

        await asyncio.gather(sender(rig, contact, address, dice, send), ban())
        released += len(sent)
        broken += any(tick > acknowledged[0] for tick in sent)

    contacts = {UUID(int=place + 1): f"race{place}@example.fi" for place in range(races)}
    await rig.hear(
        *[contact_saved(one, email=address) for one, address in contacts.items()],
        *[contact_saved(one, email=f"other{one.int}@example.fi") for one in OTHERS],
    )
    async with rig.service.units() as uow:
        await make_topic(TOPIC, {}, uow)
    await rig.change("UPDATE consent_position SET confirmed_probe_at = clock_timestamp()")
    # The gate rows are there before: a row made by the hand-off itself would keep the ban out even
    # if the hand-off held no lock, and the test would prove nothing.
    async with rig.service.units() as uow:
        everybody = HandOff((*contacts, *OTHERS), Channel.EMAIL, Purpose.MARKETING, "race")
        await prepare_hand_off(everybody, uow)
    left = iter(contacts.items())

    async def lane(dice: random.Random) -> None:
        for contact, address in left:
            await meet(contact, address, dice)

    await asyncio.gather(*[lane(dice) for dice in lanes])
    # The figure; pytest -rP shows it.
    print(f"{races} races, {released} releases, {broken} bans broken")  # noqa: T201
    return broken, released


async def logged(rig: Rig) -> list[str]:
    chunks = [chunk async for chunk in export_log(rig.service.units)]
    return b"".join(chunks).decode().splitlines()


@pytest.mark.requirement("LS-26")
@pytest.mark.parametrize(
    ("sender", "wish"),
    [
        (gated, whole),
        (gated_batch, whole),
        (gated_topic, topic_of_address),
        (gated_topic, topic_of_contact),
    ],
)
async def test_nothing_is_released_after_the_ban_is_acknowledged(
    rig: Rig, sender: Sender, wish: Wish
) -> None:
    broken, released = await race(rig, sender, RACES, wish=wish)
    assert broken == 0
    assert released > 0, "the hand-off must win some of the races, or nothing was tested"
    counts = prove(await logged(rig)).counts
    assert counts["banned"] + counts["topic_banned"] == RACES
    assert counts["handed_off"] >= released


async def test_the_harness_sees_a_naive_check_break_the_ban(rig: Rig) -> None:
    broken, _ = await race(rig, naive, RACES)
    assert broken > 0


async def test_the_harness_sees_a_hand_off_without_its_lock_break_the_ban(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(connection: AsyncConnection, keys: Iterable[GateKey]) -> None:
        """The mutant: the gate rows are read, and nobody holds them."""

    monkeypatch.setattr("services.mailing.handlers.hand_off.lock_shared", nothing)
    broken, _ = await race(rig, gated, RACES)
    assert broken > 0
    with pytest.raises(Breach, match="hands off what position"):
        prove(await logged(rig))


async def test_a_ban_that_cannot_be_fenced_in_time_is_accepted_and_heeded_at_once(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.refresh()
    contact = await rig.contact(email="busy@example.fi")
    body = {"channel": "email", "address": "busy@example.fi", "source": "test"}
    sending = asyncio.Event()
    finish = asyncio.Event()

    async def slow() -> None:
        async def release(_: Released) -> None:
            sending.set()
            await finish.wait()

        command = HandOff((contact,), Channel.EMAIL, Purpose.MARKETING, "slow")
        async with rig.service.units() as uow:
            await prepare_hand_off(command, uow)
        async with rig.service.units() as uow:
            await hand_off(command, uow, limit_seconds=3600, release=release)

    running = asyncio.create_task(slow())
    await sending.wait()
    key = {"Idempotency-Key": "one"}
    answer = await api.post("/v1/bans", json=body, headers=key)
    assert (answer.status_code, answer.json()["fence"]) == (202, "accepted")
    again = await api.post("/v1/bans", json=body, headers=key)
    assert again.json() == answer.json()
    await rig.refresh()
    assert await rig.hand_off(contact) == ["banned"], "another hand-off shares the gate"
    finish.set()
    await running
    await fence_all(rig.service.units, HASH_OF)
    assert await rig.one("SELECT count(*) FROM pending_ban") == 0
    assert await rig.one("SELECT banned FROM gate WHERE key = 'address:busy@example.fi'")
    assert (
        await rig.one("SELECT count(*) FROM outbox WHERE type = 'mailing.contact-unsubscribed.v1'")
        == 1
    )
    lifted = await api.delete(f"/v1/bans/{answer.json()['ban_id']}")
    assert lifted.status_code == 200
    await rig.refresh()
    assert await rig.hand_off(contact) == ["released"]


@pytest.mark.requirement("LS-26")
async def test_a_repeated_hand_off_releases_nobody_who_was_banned_since(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    await rig.refresh()
    kept = await rig.contact(email="kept@example.fi")
    gone = await rig.contact(email="gone@example.fi")
    moved = await rig.contact(email="old@example.fi")
    body = {
        "contact_ids": [str(kept), str(gone), str(moved), str(UUID(int=1))],
        "channel": "email",
        "purpose": "marketing",
        "campaign": "may",
    }
    key = {"Idempotency-Key": "one"}
    first = (await api.post("/v1/hand-offs", json=body, headers=key)).json()["outcomes"]
    assert [bool(one["released"]) for one in first] == [True, True, True, False]
    for address in ("gone@example.fi", "old@example.fi"):
        ban = {"channel": "email", "address": address, "source": "test"}
        assert (await api.post("/v1/bans", json=ban)).json()["fence"] == "fenced"
    await rig.contact(contact_id=moved, version=2, email="new@example.fi")
    await rig.refresh()
    again = await api.post("/v1/hand-offs", json=body, headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    outcomes = again.json()["outcomes"]
    assert (outcomes[0], outcomes[3]) == (first[0], first[3])
    assert outcomes[1]["refused"]["reason"] == "banned"
    assert outcomes[2]["released"] == {**first[2]["released"], "address": "new@example.fi"}
    service = {**body, "purpose": "service"}
    assert (await api.post("/v1/hand-offs", json=service, headers=key)).status_code == 422


async def test_hand_offs_and_the_news_of_the_same_contacts_never_wait_in_a_ring(rig: Rig) -> None:
    contacts = [UUID(int=place + 1) for place in range(50)]

    def told(version: int) -> list[ContactSaved]:
        return [contact_saved(one, version, email=f"n{one.int}@example.fi") for one in contacts]

    await rig.hear(*told(1))
    everybody = HandOff((*contacts, *OTHERS), Channel.EMAIL, Purpose.SERVICE, "ring")
    async with rig.service.units() as uow:
        await prepare_hand_off(everybody, uow)
    done = False

    async def keep_handing_off() -> int:
        times = 0
        while not done:
            await rig.hand_off(*contacts, purpose=Purpose.SERVICE)
            times += 1
        return times

    running = [asyncio.create_task(keep_handing_off()) for _ in range(AT_ONCE)]
    for version in range(2, 12):
        # A batch that begins with a ban: the gates are taken before the contacts.
        await rig.hear(bans_changed(version - 1, contact=contacts[version]), *told(version))
    done = True
    assert min(await asyncio.gather(*running)) > 0
