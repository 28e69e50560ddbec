"""Who is erased leaves no trace, whenever that is heard and whatever is told again."""

import asyncio
import random
from itertools import permutations
from uuid import UUID, uuid4

import pytest

from services.mailing.handlers.erase_persons import on_person_erased
from shared.contracts.activities import ActivityDeleted
from shared.contracts.customers import ContactDeleted, PersonErased
from shared.contracts.types import Contract
from tests.integration.locks import waits
from tests.integration.mailing.rig import (
    HASH_OF,
    Rig,
    bans_changed,
    batch_of,
    contact_saved,
    customer_saved,
)
from tests.integration.mailing.test_projection_facts import activity, opportunity

CANARY = "Aallotar"
TABLES = ("contact", "contact_customer", "activity", "opportunity", "past")


def saved(contact_id: UUID, version: int = 1, *at: UUID) -> Contract:
    return contact_saved(
        contact_id, version, email=f"{CANARY}@example.fi", first_name=CANARY, at=at, role=CANARY
    )


async def traces(rig: Rig, *persons: UUID) -> list[str]:
    """Return where anything of these persons is but that they are erased."""
    found = []
    for table in TABLES:
        words = [CANARY.lower(), *(str(one) for one in persons if table != "contact")]
        if await rig.one(
            f"SELECT count(*) FROM {table} AS one "  # noqa: S608
            "WHERE lower(CAST(to_jsonb(one) AS text)) LIKE ANY(CAST(:words AS text[]))",
            words=[f"%{word}%" for word in words],
        ):
            found.append(table)
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_wherever_in_a_history_he_is_erased_nothing_brings_him_back(
    rig: Rig, seed: int
) -> None:
    """FAILURES 68: erased at every position, then all is told again, three times, in any order."""
    chance = random.Random(seed)
    for position in range(10):
        person, double, other, firm, next_firm = (uuid4() for _ in range(5))
        call = activity(firm, contacts=[person, other])
        deal = opportunity(firm, contacts=[double])
        history: list[Contract] = [
            customer_saved(firm),
            saved(double, 1, firm),
            saved(person, 1, firm),
            call,
            deal,
            saved(person, 2, firm, next_firm),
            ContactDeleted(contact_id=double, version=2, merged_into=person),
            call.model_copy(update={"version": 2, "contacts": [other, double, person]}),
            deal.model_copy(update={"version": 2, "name": "Bigger sauna"}),
        ]
        erased = PersonErased(contact_id=person, version=chance.randint(1, 9))
        for news in [*history[:position], erased, *history[position:]]:
            await rig.hear(news)
        for _ in range(3):
            assert await traces(rig, person, double) == []
            chance.shuffle(history)
            await rig.hear(*history[:5])
            await rig.hear(*history[5:])
        assert await traces(rig, person, double) == []
        await rig.hear(saved(person, 99, firm), saved(double, 99, firm))
        assert await traces(rig, person, double) == []
        assert await rig.rows(
            "SELECT DISTINCT erased, deleted, email_key FROM contact "
            "WHERE contact_id IN (:person, :double)",
            person=person,
            double=double,
        ) == [(True, True, None)]
        assert await rig.rows(
            "SELECT contacts, version, deleted FROM activity WHERE activity_id = :id",
            id=call.activity_id,
        ) == [([other], 2, False)], "others took part in it still"


async def test_those_merged_into_him_go_with_him_in_any_order(rig: Rig) -> None:
    for order in permutations(range(4)):
        last, middle, first, firm = (uuid4() for _ in range(4))
        await rig.hear(saved(first, 1, firm), saved(middle, 1, firm), saved(last, 1, firm))
        await rig.hear(activity(firm, contacts=[first]), opportunity(firm, contacts=[middle]))
        told: list[Contract] = [
            ContactDeleted(contact_id=first, version=2, merged_into=middle),
            ContactDeleted(contact_id=middle, version=2, merged_into=last),
            PersonErased(contact_id=last, version=2),
            saved(first, 1, firm),
        ]
        for place in order:
            await rig.hear(told[place])
        assert await traces(rig, first, middle, last) == []


async def test_an_erasure_told_again_changes_nothing(rig: Rig) -> None:
    person = uuid4()
    await rig.hear(saved(person), activity(uuid4(), contacts=[person]))
    erased = PersonErased(contact_id=person, version=2)
    rows = "SELECT to_jsonb(contact), to_jsonb(activity) FROM contact CROSS JOIN activity"
    await rig.hear(erased)
    before = await rig.rows(rows)
    await rig.hear(erased, ContactDeleted(contact_id=person, version=9))
    assert await rig.rows(rows) == before


async def test_of_others_nothing_is_lost(rig: Rig) -> None:
    person, other, firm = uuid4(), uuid4(), uuid4()
    call = activity(firm, contacts=[other, person])
    await rig.hear(saved(other, 1, firm), saved(person, 1, firm), call)
    await rig.hear(saved(other, 2), ActivityDeleted(activity_id=call.activity_id, version=2))
    await rig.hear(PersonErased(contact_id=person, version=2))
    assert await rig.rows(
        "SELECT kind, contacts, fields -> 'contacts' FROM past ORDER BY kind"
    ) == [
        ("activity", [other], [str(other)]),
        ("contact", [other], None),
        ("contact_customer", [other], None),
    ]


@pytest.mark.requirement("LS-26")
async def test_the_bans_of_an_erased_person_stay_and_his_address_is_suppressed(rig: Rig) -> None:
    person = uuid4()
    await rig.hear(saved(person), bans_changed(1, contact=person))
    bans = "SELECT subject, email FROM ban_subject"
    before = await rig.rows(bans)
    assert await rig.rows("SELECT address_key FROM ban_address")

    await rig.hear(PersonErased(contact_id=person, version=2))

    assert before and await rig.rows(bans) == before
    assert not await rig.rows("SELECT address_key FROM ban_address")
    assert await rig.rows("SELECT channel, reason FROM suppression") == [("email", "erased")]


async def test_what_is_told_of_him_while_he_is_erased_is_without_him(rig: Rig) -> None:
    """An activity that comes during the erasure waits for it, or it would name him for ever."""
    person, firm = uuid4(), uuid4()
    await rig.hear(saved(person, 1, firm))
    async with rig.service.units() as unit:
        await on_person_erased(HASH_OF)(batch_of(PersonErased(contact_id=person, version=2)), unit)
        telling = asyncio.create_task(rig.hear(activity(firm, contacts=[person])))
        await waits(rig.service)
    await asyncio.wait_for(telling, 10)
    assert await rig.rows("SELECT contacts FROM activity") == [([],)]
