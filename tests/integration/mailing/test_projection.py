"""What mailing knows follows versions, not the order in which messages come."""

from datetime import date
from itertools import permutations
from uuid import uuid4

import pytest

from shared.contracts.customers import (
    ClassificationSaved,
    ContactDeleted,
    CustomerDeleted,
    CustomerSaved,
    Relationship,
)
from tests.integration.mailing.rig import Rig, contact_saved


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
