"""A ban outlives the person: whoever comes back with a banned address is banned from the start."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.keys import GateKey
from services.mailing.handlers.ban_address import BanAddress, ban_address
from services.mailing.handlers.hash_addresses import hash_all
from services.mailing.handlers.suppress import suppress_addresses, suppress_erased
from services.mailing.persistence.gate import lock_exclusive, lock_shared, make_rows, remove_rows
from services.mailing.settings import Settings
from shared.chassis.settings import BadSettings
from shared.contracts.customers import Bans, ContactDeleted
from tests.integration.locks import waits
from tests.integration.mailing.rig import HASH_OF, KEY, Rig, bans_changed, contact_saved

EVERYTHING = """
    SELECT DISTINCT name FROM (
        SELECT 'ban_address', CAST(ban_address AS text) FROM ban_address
        UNION ALL SELECT 'gate', CAST(gate AS text) FROM gate
        UNION ALL SELECT 'pending_ban', CAST(pending_ban AS text) FROM pending_ban
        UNION ALL SELECT 'hand_off', CAST(hand_off AS text) FROM hand_off
        UNION ALL SELECT 'contact', CAST(contact AS text) FROM contact
        UNION ALL SELECT 'suppression', CAST(suppression AS text) FROM suppression
        UNION ALL SELECT 'topic_ban', CAST(topic_ban AS text) FROM topic_ban
        UNION ALL SELECT 'consent_log', CAST(consent_log AS text) FROM consent_log
    ) AS kept (name, line) WHERE line LIKE :like
"""


async def erase(rig: Rig, contact: UUID, version: int) -> None:
    """Erase a person as the listener of `customers.person-erased.v1` does."""
    async with rig.service.units() as uow:
        await suppress_erased([contact], uow, hash_of=HASH_OF)
    await rig.hear(ContactDeleted(contact_id=contact, version=version))


async def ban(rig: Rig, address: str, channel: Channel = Channel.EMAIL) -> None:
    async with rig.service.units() as uow:
        await ban_address(BanAddress(channel, address, "test"), uow, hash_of=HASH_OF)


async def mentions(rig: Rig, words: str) -> list[str]:
    """Return the tables in which these words stand."""
    return [name for (name,) in await rig.rows(EVERYTHING, like=f"%{words}%")]


@pytest.mark.requirement("LS-A6")
async def test_an_erased_person_is_forgotten_and_his_ban_is_not(rig: Rig) -> None:
    await rig.refresh()
    ada = await rig.contact(email="ada@example.fi", mobile="+358401234567")
    await rig.hand_off(ada)
    await rig.hear(bans_changed(1, contact=ada))
    await erase(rig, ada, 2)
    assert await mentions(rig, "ada@example") == []
    again = await rig.contact(email="ADA@example.fi", mobile="+358401234567")
    assert await rig.hand_off(again) == ["banned"]
    assert await rig.hand_off(again, purpose=Purpose.SERVICE) == ["released"]
    assert await rig.hand_off(again, channel=Channel.SMS) == ["released"], "it was not banned"
    assert await rig.one("SELECT count(*) FROM consent_log WHERE what = 'suppressed'") == 1


@pytest.mark.requirement("LS-A6")
async def test_an_address_that_others_have_stays_banned_for_them(rig: Rig) -> None:
    await rig.refresh()
    ada, bo = await rig.contact(email="both@example.fi"), await rig.contact(email="both@example.fi")
    await ban(rig, "both@example.fi")
    await rig.hear(bans_changed(1, contact=ada))
    await erase(rig, ada, 2)
    assert await rig.hand_off(bo) == ["banned"]
    assert "ban_address" in await mentions(rig, "both@example.fi")
    await erase(rig, bo, 2)
    assert await mentions(rig, "both@example.fi") == []
    assert await rig.hand_off(await rig.contact(email="both@example.fi")) == ["banned"]


async def test_an_address_that_bounced_is_suppressed_once(rig: Rig) -> None:
    await rig.refresh()
    ada = await rig.contact(email="ada@example.fi")
    for _ in range(2):
        async with rig.service.units() as uow:
            gone = [("email", "ada@example.fi")]
            await suppress_addresses(gone, "bounced", uow, hash_of=HASH_OF)
    assert await rig.hand_off(ada) == ["banned"]
    assert await rig.one("SELECT count(*) FROM consent_log WHERE what = 'suppressed'") == 1


async def test_who_was_not_hashed_yet_is_closed_until_he_is(rig: Rig) -> None:
    await rig.refresh()
    ada = await rig.contact(email="ada@example.fi", mobile="+358401234567")
    hashed = "SELECT email_hash, sms_hash, post_hash, call_hash FROM contact"
    before = await rig.rows(hashed)
    # As a program of before writes it: a newer version, with the hashes of the older one.
    await rig.change("UPDATE contact SET version = 2, email_hash = 'of what it was'")
    assert await rig.hand_off(ada) == ["banned"]
    await hash_all(rig.service.units, HASH_OF)
    assert await rig.rows(hashed) == before
    assert await rig.hand_off(ada) == ["released"]


@pytest.mark.parametrize("given", [None, "too short"])
def test_without_its_secret_the_service_does_not_start(
    given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "BROKER_URL"):
        monkeypatch.setenv(f"SUHDE_{name}", "postgresql+asyncpg://nowhere/nothing")
    monkeypatch.setenv("SUHDE_API_KEY", KEY)
    if given is not None:
        monkeypatch.setenv("SUHDE_SUPPRESSION_KEY", given)
    with pytest.raises(BadSettings, match=r"^SUHDE_SUPPRESSION_KEY: [^\n]+$"):
        Settings.read()


@pytest.mark.parametrize("lock", [lock_shared, lock_exclusive])
async def test_who_waits_for_a_gate_that_an_erasure_removes_holds_it_nevertheless(
    rig: Rig, lock: Callable[[AsyncConnection, Iterable[GateKey]], Awaitable[None]]
) -> None:
    key = [("email", "address:ada@example.fi")]

    async def hold() -> int:
        async with rig.service.units() as uow:
            await lock(uow.connection, key)
            found = await uow.connection.execute(text("SELECT count(*) FROM gate"))
            return int(found.scalar_one())

    async with rig.service.units() as uow:
        await make_rows(uow.connection, key)
    async with rig.service.units() as uow:
        await lock_exclusive(uow.connection, key)
        waiting = asyncio.create_task(hold())
        await waits(rig.service)
        await remove_rows(uow.connection, key)
    async with asyncio.timeout(10):
        assert await waiting == 1


ADDRESSES = st.sampled_from(["a@example.fi", "b@example.fi"])
STEPS = st.one_of(
    st.tuples(st.just("save"), st.integers(0, 2), ADDRESSES),
    st.tuples(st.just("ban contact"), st.integers(0, 2), st.just("")),
    st.tuples(st.just("ban address"), st.integers(0, 2), ADDRESSES),
    st.tuples(st.just("erase"), st.integers(0, 2), st.just("")),
)


@pytest.mark.requirement("LS-A6")
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, max_size=10))
async def test_once_banned_and_never_lifted_an_address_is_never_written_to(
    rig: Rig, steps: list[tuple[str, int, str]]
) -> None:
    """FAILURES 62 and 68: merged, erased, come back under another id: the ban is there."""
    people: dict[int, UUID] = {}
    versions: dict[int, int] = {}
    addresses: dict[int, str] = {}
    banned: set[str] = set()
    barred: set[int] = set()
    salt = uuid4().hex
    for what, place, mail in steps:
        address = f"{salt}-{mail}"
        if what == "save":
            people.setdefault(place, uuid4())
            versions[place] = versions.get(place, 0) + 1
            addresses[place] = address
            await rig.hear(contact_saved(people[place], versions[place], email=address))
        elif what == "ban address":
            banned.add(address)
            await ban(rig, address)
        elif place in people and what == "ban contact":
            barred.add(place)
            seq = 1 + await rig.one("SELECT applied_through FROM consent_position")
            await rig.hear(bans_changed(seq, Bans(email=True), contact=people[place]))
        elif place in people and what == "erase":
            await erase(rig, people.pop(place), versions.pop(place) + 1)
            addresses.pop(place)
            barred.discard(place)
        banned |= {addresses[one] for one in barred if one in addresses}
    await rig.refresh(seq=await rig.one("SELECT applied_through FROM consent_position"))
    for mail in ("a@example.fi", "b@example.fi"):
        address = f"{salt}-{mail}"
        expected = "banned" if address in banned else "released"
        assert await rig.hand_off(await rig.contact(email=address)) == [expected]
