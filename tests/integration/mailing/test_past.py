"""What was is kept, whoever changes it, and can be read as of any moment."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.mailing.domain.facts import (
    ActivityFacts,
    ContactFacts,
    CustomerFacts,
    DocumentFacts,
    Facts,
    News,
    OpportunityFacts,
    Told,
    ValueFacts,
)
from services.mailing.persistence.past import OUTDATED_PAST, FactsAt, facts_at
from services.mailing.persistence.projection import save_contacts, save_customers
from services.mailing.persistence.projection_facts import (
    follow_merges,
    save_activities,
    save_documents,
    save_opportunities,
    save_values,
)
from shared.chassis.housekeeping import Housekeeper
from tests.integration.mailing.rig import Rig

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SAVE: dict[type[Facts], Any] = {
    CustomerFacts: save_customers,
    ContactFacts: save_contacts,
    DocumentFacts: save_documents,
    ActivityFacts: save_activities,
    OpportunityFacts: save_opportunities,
    ValueFacts: save_values,
}


@dataclass
class Days:
    """Tells facts on the n-th day, and asks what was known on it."""

    rig: Rig

    async def tell(self, day: int, *facts: Facts) -> None:
        async with self.rig.service.units() as unit:
            for one in facts:
                news = [News(one, Told("t", str(day), BEGIN + day * DAY))]
                changed = await SAVE[type(one)](unit.connection, news)
                if isinstance(one, CustomerFacts):
                    await follow_merges(unit.connection, changed)

    async def known(self, day: float, contact_id: UUID) -> FactsAt:
        async with self.rig.service.engine.connect() as connection:
            return await facts_at(connection, contact_id, BEGIN + day * DAY)

    async def fields(self, day: float, contact_id: UUID, table: str, field: str) -> list[Any]:
        found = [row[field] for row in (await self.known(day, contact_id))[table]]
        return sorted(found, key=str)


@pytest.fixture
def days(rig: Rig) -> Days:
    return Days(rig)


def document(customer_id: UUID, version: int, **said: Any) -> DocumentFacts:
    at = {"told_customer_id": customer_id, "customer_id": customer_id, "recorded_at": BEGIN}
    return DocumentFacts("erp/1", "invoice", "7", version, **at, **said)


async def test_each_row_is_known_as_it_was_from_the_moment_it_was_told(days: Days) -> None:
    person, firm, call, deal = (uuid4() for _ in range(4))
    of_firm = {"told_customer_id": firm, "customer_id": firm}
    await days.tell(
        1,
        CustomerFacts(firm, 1, name="old", attribute_values={"1": 2.5}),
        ContactFacts(person, 1, first_name="old", links=((firm, "old"),)),
        document(firm, 1, currency="EUR"),
        ActivityFacts(call, 1, **of_firm, contacts=(person,), seller="old"),
        OpportunityFacts(deal, 1, **of_firm, contacts=(person,), name="old"),
        ValueFacts("customer_status/1", "customer_status", 1, 1, "old"),
    )
    await days.tell(
        2,
        CustomerFacts(firm, 2, name="new"),
        ContactFacts(person, 2, first_name="new", links=((firm, "new"),)),
        document(firm, 2, currency="SEK"),
        ActivityFacts(call, 2, **of_firm, seller="new"),
        OpportunityFacts(deal, 2, **of_firm, name="new"),
        ValueFacts("customer_status/1", "customer_status", 1, 2, "new"),
    )
    fields = {
        "contact": "first_name",
        "contact_customer": "role",
        "customer": "name",
        "activity": "seller",
        "opportunity": "name",
        "classification": "title",
    }
    assert not any((await days.known(0.5, person)).values())
    for day, word in ((1, "old"), (1.5, "old"), (2, "new"), (9, "new")):
        for table, field in fields.items():
            assert await days.fields(day, person, table, field) == [word], (day, table)
    assert await days.fields(1, person, "document", "currency") == ["EUR"]
    assert await days.fields(2, person, "document", "currency") == ["SEK"]
    assert await days.fields(1, person, "customer", "attribute_values") == [{"1": 2.5}]
    # Once per change, and all of it: what stands was not yet.
    assert set(await days.rig.rows("SELECT kind, count(*) FROM past GROUP BY kind")) == {
        (table, 1) for table in (*fields, "document")
    }


async def test_the_shape_is_that_of_the_tables(days: Days) -> None:
    """What was can take the place of the table: read back, it is the row that stood."""
    person, firm = uuid4(), uuid4()
    await days.tell(1, CustomerFacts(firm, 1), ContactFacts(person, 1, links=((firm, None),)))
    await days.tell(1, document(firm, 1), ActivityFacts(uuid4(), 1, contacts=(person,)))
    for table, rows in (await days.known(1, person)).items():
        assert await days.rig.rows(f"SELECT to_jsonb(one) FROM {table} AS one") == [  # noqa: S608
            (row,) for row in rows
        ]


async def test_customers_and_what_was_done_are_those_of_then(days: Days) -> None:
    person, first, second = (uuid4() for _ in range(3))
    calls = {one: uuid4() for one in (first, second)}
    alone = uuid4()
    await days.tell(
        1,
        CustomerFacts(first, 1, name="first"),
        CustomerFacts(second, 1, name="second"),
        ContactFacts(person, 1, links=((first, None),)),
        *(ActivityFacts(call, 1, told_customer_id=at) for at, call in calls.items()),
        ActivityFacts(alone, 1, told_customer_id=uuid4(), contacts=(person,)),
    )
    await days.tell(2, ContactFacts(person, 2, links=((second, None),)))
    await days.tell(3, ContactFacts(person, 3), ActivityFacts(alone, 2, deleted=True))
    for day, names, done in (
        (1, ["first"], [calls[first], alone]),
        (2, ["second"], [calls[second], alone]),
        (3, [], []),
    ):
        assert await days.fields(day, person, "customer", "name") == names
        assert await days.fields(day, person, "activity", "activity_id") == sorted(map(str, done))


async def test_a_merge_moves_what_was_done_from_then_on(days: Days) -> None:
    person, first, second = (uuid4() for _ in range(3))
    await days.tell(
        1,
        CustomerFacts(first, 1),
        ContactFacts(person, 1, links=((second, None),)),
        document(first, 1),
        ActivityFacts(uuid4(), 1, told_customer_id=first),
        OpportunityFacts(uuid4(), 1, told_customer_id=first),
    )
    await days.tell(2, CustomerFacts(first, 2, deleted=True, merged_into=second))
    await days.tell(3, CustomerFacts(first, 3))
    for table in ("document", "activity", "opportunity"):
        for day, count in ((1, 0), (2, 1), (3, 0)):
            assert len((await days.known(day, person))[table]) == count, (table, day)
        told = await days.rig.rows(f"SELECT told_by FROM {table}")  # noqa: S608
        assert told == [("3",)], "the last event that said whose it is"


async def test_an_update_that_changes_nothing_was_nothing(rig: Rig, days: Days) -> None:
    firm, other = uuid4(), uuid4()
    await days.tell(1, CustomerFacts(firm, 1), CustomerFacts(other, 1))
    await rig.change("UPDATE customer SET name = name")
    assert await rig.one("SELECT count(*) FROM past") == 0
    await rig.change(
        "UPDATE customer SET name = CASE customer_id WHEN :id THEN 'x' ELSE name END", id=firm
    )
    assert await rig.rows("SELECT kind, record_id, customer_id FROM past") == [
        ("customer", str(firm), firm)
    ]


async def test_what_was_goes_after_its_own_retention(rig: Rig, days: Days) -> None:
    firm = uuid4()
    for day in range(1, 5):
        await days.tell(day, CustomerFacts(firm, day))
    assert OUTDATED_PAST in rig.service.retained
    keeper = Housekeeper(
        rig.service.engine,
        lambda: BEGIN + 13 * DAY,
        retention=DAY,
        fleeting=frozenset(),
        retained={OUTDATED_PAST: 10 * DAY},
        chunk=1,
    )
    await keeper.sweep()
    assert await rig.rows("SELECT fields ->> 'version' FROM past ORDER BY seq") == [("2",), ("3",)]
