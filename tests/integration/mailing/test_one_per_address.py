"""One hand-off per address within a campaign, channel and purpose, and counts that say so."""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.handlers.hand_off import HandOff, Refused, Released, hand_off
from tests.integration.mailing.rig import Rig, bans_changed, contact_saved

EVERYBODY = {"name": "Everybody", "rule": {"op": "all", "rules": []}}


async def outcomes(rig: Rig, *contacts: UUID, campaign: str) -> list[Released | Refused]:
    command = HandOff(contacts, Channel.EMAIL, Purpose.MARKETING, campaign)
    async with rig.service.units() as uow:
        return await hand_off(command, uow, limit_seconds=3600)


async def test_the_smallest_id_is_chosen_and_the_others_are_told_whose_receipt_stands(
    rig: Rig,
) -> None:
    await rig.refresh()
    banned, first, second, third = (UUID(int=n) for n in (1, 2, 3, 4))
    for one in (third, second, first):
        await rig.contact(contact_id=one, email="both@example.fi")
    # The smallest is not let through: he is banned at a customer of his own.
    company = UUID(int=9)
    await rig.contact(contact_id=banned, email="both@example.fi", at=(company,))
    await rig.hear(bans_changed(1, customer=company))
    asked = (third, second, banned, first)
    found = await outcomes(rig, *asked, campaign="may")
    assert isinstance(found[3], Released)
    assert isinstance(found[2], Refused) and found[2].reason == "banned"
    for one in found[:2]:
        assert isinstance(one, Refused) and one.reason == "address_already_handed_off"
        assert one.earlier == found[3].receipt
    again = await outcomes(rig, first, second, campaign="may")
    assert [one.reason for one in again if isinstance(one, Refused)] == [
        "already_handed_off",
        "address_already_handed_off",
    ]
    assert [one.earlier for one in again if isinstance(one, Refused)] == [found[3].receipt] * 2
    assert await rig.hand_off(second, campaign="june") == ["released"]
    assert await rig.hand_off(second, campaign="may", purpose=Purpose.SERVICE) == ["released"]


async def test_hand_offs_that_meet_release_an_address_once(rig: Rig) -> None:
    await rig.refresh()
    people = [UUID(int=n + 1) for n in range(60)]
    await rig.hear(*[contact_saved(one, email=f"n{one.int % 20}@example.fi") for one in people])
    halves = [people[start::3] for start in range(3)]
    for campaign in ("a", "b", "c", "d"):
        found = await asyncio.gather(
            *[outcomes(rig, *half, campaign=campaign) for half in [*halves, people]]
        )
        addresses = Counter(
            one.address for half in found for one in half if isinstance(one, Released)
        )
        assert len(addresses) == 20 and set(addresses.values()) == {1}


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    people=st.lists(
        st.tuples(st.sampled_from([None, "a", "b", "c"]), st.booleans()), min_size=1, max_size=8
    ),
    data=st.data(),
)
async def test_counts_are_what_a_hand_off_to_all_does(
    rig: Rig, api: httpx.AsyncClient, people: list[tuple[str | None, bool]], data: st.DataObject
) -> None:
    await rig.change("DELETE FROM contact")
    campaign = str(uuid4())
    contacts = {}
    for address, barred in people:
        email = f"{address}-{campaign}@example.fi" if address else None
        contact = await rig.contact(email=email)
        contacts[contact] = address
        if barred:
            seq = 1 + await rig.one("SELECT applied_through FROM consent_position")
            await rig.hear(bans_changed(seq, contact=contact))
    await rig.refresh(seq=await rig.one("SELECT applied_through FROM consent_position"))
    segment = (await api.post("/v1/segments", json=EVERYBODY)).json()["segment_id"]
    counted = (await api.get(f"/v1/segments/{segment}/counts")).json()["email"]
    asked = data.draw(st.permutations(list(contacts)))
    done = Counter(await rig.hand_off(*asked, campaign=campaign))
    assert counted["members"] == len(contacts)
    assert counted["mailable"] == done["released"]
    assert counted["banned"] == done["banned"]
    assert counted["without_address"] == done["no_address"]
    assert counted["duplicates"] == done["address_already_handed_off"]
