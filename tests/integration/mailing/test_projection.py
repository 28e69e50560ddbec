"""What mailing knows follows versions, not the order in which messages come."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import permutations
from uuid import uuid4

import pytest

from services.mailing.domain.facts import Changed, ContactFacts, CustomerFacts, News, Told
from services.mailing.persistence.projection import save_contacts, save_customers
from shared.contracts.customers import (
    ClassificationSaved,
    ContactDeleted,
    CustomerDeleted,
    CustomerSaved,
    Relationship,
)
from tests.integration.locks import waits
from tests.integration.mailing.rig import Rig, contact_saved

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.requirement("LS-21")
async def test_the_newest_version_wins_in_any_order_and_any_batching(rig: Rig) -> None:
    one, two = uuid4(), uuid4()
    for together in (True, False):
        for order in permutations(range(3)):
            contact_id = uuid4()
            news = [
                contact_saved(contact_id, 1, email="old@example.fi", at=(one,), attributes=(1,)),
                ContactDeleted(contact_id=contact_id, version=2),
                contact_saved(contact_id, 3, email="New@Example.FI", at=(two,), attributes=(7, 2)),
            ]
            ordered = [news[place] for place in order]
            if together:
                await rig.hear(*ordered)
            else:
                for message in ordered:
                    await rig.hear(message)
            assert await rig.rows(
                "SELECT version, deleted, email_key, attributes FROM contact WHERE contact_id=:id",
                id=contact_id,
            ) == [(3, False, "new@example.fi", [2, 7])]
            assert await rig.rows(
                "SELECT customer_id FROM contact_customer WHERE contact_id = :id", id=contact_id
            ) == [(two,)]


async def test_a_tombstone_keeps_late_news_and_personal_data_out(rig: Rig) -> None:
    contact_id = uuid4()
    await rig.hear(contact_saved(contact_id, 1, email="a@example.fi", at=(uuid4(),)))
    await rig.hear(ContactDeleted(contact_id=contact_id, version=5))
    await rig.hear(contact_saved(contact_id, 4, email="late@example.fi", at=(uuid4(),)))
    assert await rig.rows(
        "SELECT version, deleted, first_name, email FROM contact WHERE contact_id = :id",
        id=contact_id,
    ) == [(5, True, "", None)]
    assert await rig.one("SELECT count(*) FROM contact_customer") == 0


async def test_customers_and_values_of_lists_are_projected(rig: Rig) -> None:
    customer_id = uuid4()
    began = Relationship(started_on=date(2024, 5, 1), source="invoice")
    saved = CustomerSaved(
        customer_id=customer_id, version=2, number="1001", name="Oy", relationship=began
    )
    await rig.hear(saved, saved.model_copy(update={"version": 1, "name": "Old"}))
    assert await rig.rows("SELECT version, name, started_on, start_source FROM customer") == [
        (2, "Oy", date(2024, 5, 1), "invoice")
    ]
    await rig.hear(CustomerDeleted(customer_id=customer_id, version=3), saved)
    assert await rig.rows("SELECT version, deleted FROM customer") == [(3, True)]
    title = ClassificationSaved(
        list_name="contact_attribute", value_id=uuid4(), version=2, number=3, title="Sauna"
    )
    other = title.model_copy(update={"list_name": "customer_type", "version": 9})
    await rig.hear(title, title.model_copy(update={"version": 1, "title": "Old"}), other)
    assert await rig.rows("SELECT token, version, title FROM classification ORDER BY token") == [
        ("contact_attribute/3", 2, "Sauna"),
        ("customer_type/3", 9, "Sauna"),
    ]


async def test_what_changed_is_told_with_what_it_was_and_by_whom(rig: Rig) -> None:
    customer_id = uuid4()
    first, second = Told("t", "1", MOMENT), Told("t", "2", MOMENT + timedelta(days=1))
    old = CustomerFacts(customer_id, 1, attribute_values={"3": 1.5}, held=("customer_status/1",))
    new = CustomerFacts(customer_id, 2, city="Turku", merged_into=uuid4())
    other = CustomerFacts(uuid4(), 1)
    async with rig.service.units() as unit:
        take_over = partial(save_customers, unit.connection)
        assert await take_over([News(old, first)]) == [Changed(None, old, first)]
        assert await take_over([News(old, second)]) == []
        assert await take_over([News(new, second), News(other, second)]) == [
            Changed(None, other, second),
            Changed(old, new, second),
        ]
    assert (
        await rig.rows("SELECT told_type, told_by, told_at FROM customer ORDER BY version")
        == [("t", "2", second.at)] * 2
    )


async def test_of_links_only_those_that_change_are_told_anew(rig: Rig) -> None:
    contact_id, stays, goes, turns, comes = (uuid4() for _ in range(5))
    first, second = Told("t", "1", MOMENT), Told("t", "2", MOMENT + timedelta(days=1))
    before = ContactFacts(contact_id, 1, links=((stays, "a"), (goes, None), (turns, "b")))
    after = ContactFacts(contact_id, 2, links=((stays, "a"), (turns, "c"), (comes, None)))
    async with rig.service.units() as unit:
        await save_contacts(unit.connection, [News(before, first)])
        (changed,) = await save_contacts(unit.connection, [News(after, second)])
    assert changed.before is not None
    assert set(changed.before.links) == set(before.links)
    assert replace(changed.before, links=before.links) == before
    assert changed.after == after
    assert set(await rig.rows("SELECT customer_id, role, told_at FROM contact_customer")) == {
        (stays, "a", first.at),
        (turns, "c", second.at),
        (comes, None, second.at),
    }


async def test_a_clock_that_is_behind_ends_nothing_before_it_began(rig: Rig) -> None:
    customer_id = uuid4()
    async with rig.service.units() as unit:
        for version, at in ((1, MOMENT), (2, MOMENT - timedelta(days=1))):
            news = News(CustomerFacts(customer_id, version), Told("t", "1", at))
            await save_customers(unit.connection, [news])
    assert await rig.rows("SELECT version, told_at FROM customer") == [(2, MOMENT)]


async def test_two_who_tell_of_a_new_customer_at_once_each_see_what_the_other_made_of_it(
    rig: Rig,
) -> None:
    """Whoever comes second is told what it replaces, though nothing stood when it began."""
    customer_id = uuid4()
    told = Told("t", "1", MOMENT)
    one, two = CustomerFacts(customer_id, 1, name="One"), CustomerFacts(customer_id, 2, name="Two")

    async def second() -> list[Changed[CustomerFacts]]:
        async with rig.service.units() as unit:
            return await save_customers(unit.connection, [News(two, told)])

    async with rig.service.units() as unit:
        await save_customers(unit.connection, [News(one, told)])
        waiting = asyncio.create_task(second())
        await waits(rig.service)
    assert await asyncio.wait_for(waiting, 10) == [Changed(one, two, told)]
