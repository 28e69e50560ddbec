"""Mailing knows what was invoiced, done and may be sold, and who stands for whom by now."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from services.mailing.domain.facts import CustomerFacts, Moved, News, Told
from services.mailing.handlers.project_activities import on_activity_saved
from services.mailing.handlers.project_customers import on_customer_deleted
from services.mailing.persistence.projection import save_customers
from services.mailing.persistence.projection_facts import follow_merges
from shared.contracts import activities, pipeline
from shared.contracts.activities import ActivityDeleted, ActivitySaved
from shared.contracts.customers import CustomerDeleted, DocumentRecorded
from shared.contracts.pipeline import OpportunityDeleted, OpportunitySaved
from shared.contracts.types import Contract
from tests.integration.locks import waits
from tests.integration.mailing.rig import Rig, batch_of, customer_saved

# Late in the evening in UTC, so that the day is another one in Helsinki.
EVENING = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)


def activity(customer_id: UUID, version: int = 1, **said: Any) -> ActivitySaved:
    facts: dict[str, Any] = {"activity_id": uuid4(), "category": 3, "kind": 1, "type": 2}
    facts |= {"state": "done", "starts_at": EVENING, "subject": "Call", **said}
    return ActivitySaved(customer_id=customer_id, version=version, **facts)


def opportunity(customer_id: UUID, version: int = 1, **said: Any) -> OpportunitySaved:
    facts: dict[str, Any] = {"opportunity_id": uuid4(), "name": "Sauna", "value": "120.50"}
    facts |= {"currency": "EUR", "expected_close": "2026-05-01", "pipeline": 1, "stage": 2}
    facts |= {"outcome": "open", "closed": False, "probability": 35, "probability_source": "stage"}
    return OpportunitySaved(customer_id=customer_id, version=version, **facts | said)


def document(customer_id: UUID, version: int = 1, **said: Any) -> DocumentRecorded:
    facts: dict[str, Any] = {"document_source": "erp", "kind": "invoice", "document_id": "1"}
    facts |= {"recorded_at": EVENING, "document_date": "2026-03-01", "currency": "EUR"}
    facts |= {"net_amount": "10.0000"}
    return DocumentRecorded(customer_id=customer_id, document_version=version, **facts | said)


async def hear(rig: Rig, news: Sequence[Contract], *, together: bool) -> None:
    for some in [news] if together else [[one] for one in news]:
        await rig.hear(*some)


@pytest.mark.parametrize("together", [True, False])
async def test_of_an_activity_the_newest_word_holds_in_any_order(rig: Rig, together: bool) -> None:
    one, person = uuid4(), uuid4()
    for order in permutations(range(3)):
        told = activity(one)
        news: list[Contract] = [
            told,
            ActivityDeleted(activity_id=told.activity_id, version=2),
            told.model_copy(
                update={
                    "version": 3,
                    "contacts": [person],
                    "seller": "anna.k",
                    "attributes": [7, 2],
                }
            ),
        ]
        await hear(rig, [news[place] for place in order], together=together)
        assert await rig.rows(
            "SELECT version, deleted, customer_id, contacts, category, kind, type, attributes, "
            "seller, state, day FROM activity WHERE activity_id = :id",
            id=told.activity_id,
        ) == [(3, False, one, [person], 3, 1, 2, [2, 7], "anna.k", "done", date(2026, 3, 2))]


@pytest.mark.parametrize("together", [True, False])
async def test_of_an_opportunity_the_newest_word_holds_in_any_order(
    rig: Rig, together: bool
) -> None:
    one = uuid4()
    shares = [pipeline.SellerShare(seller='k"\\,\nk', weight=100)]
    for order in permutations(range(3)):
        told = opportunity(one)
        news: list[Contract] = [
            told,
            OpportunityDeleted(opportunity_id=told.opportunity_id, version=2),
            told.model_copy(
                update={"version": 3, "value": Decimal("999999999999999.9999"), "sellers": shares}
            ),
        ]
        await hear(rig, [news[place] for place in order], together=together)
        assert await rig.rows(
            "SELECT version, deleted, customer_id, pipeline, stage, outcome, value, sellers "
            "FROM opportunity WHERE opportunity_id = :id",
            id=told.opportunity_id,
        ) == [(3, False, one, 1, 2, "open", Decimal("999999999999999.9999"), ['k"\\,\nk'])]


async def test_a_tombstone_keeps_late_news_out_and_holds_nothing(rig: Rig) -> None:
    told, sold = activity(uuid4(), seller="anna.k"), opportunity(uuid4())
    await rig.hear(told, sold)
    await rig.hear(
        ActivityDeleted(activity_id=told.activity_id, version=5),
        OpportunityDeleted(opportunity_id=sold.opportunity_id, version=5),
    )
    await rig.hear(told.model_copy(update={"version": 4}), sold.model_copy(update={"version": 4}))
    assert await rig.rows("SELECT version, deleted, customer_id, seller FROM activity") == [
        (5, True, None, None)
    ]
    assert await rig.rows("SELECT version, deleted, customer_id, name FROM opportunity") == [
        (5, True, None, None)
    ]


async def test_of_a_document_the_highest_version_holds_then_what_was_recorded_last(
    rig: Rig,
) -> None:
    one = uuid4()
    first = document(one)
    corrected = first.model_copy(update={"recorded_at": EVENING + timedelta(hours=1)})
    voided = document(one, version=2, voided=True, recorded_at=EVENING - timedelta(days=1))
    for number, order in enumerate(permutations((first, corrected, voided))):
        for news in order:
            await rig.hear(news.model_copy(update={"document_id": str(number)}))
    assert set(await rig.rows("SELECT version, voided, net_amount FROM document")) == {
        (2, True, Decimal("10.0000"))
    }


async def test_each_row_says_which_event_told_it_and_hears_it_once(rig: Rig) -> None:
    told, written = activity(uuid4()), document(uuid4())
    await rig.hear(told, written)
    messages = await rig.rows("SELECT type, message_id FROM inbox ORDER BY type")
    said = "SELECT told_type, told_by FROM {} UNION SELECT told_type, told_by FROM {} ORDER BY 1"
    assert await rig.rows(said.format("activity", "document")) == messages
    await rig.hear(told, written)
    assert await rig.rows(said.format("activity", "document")) == messages


@pytest.mark.requirement("LE-15")
async def test_values_of_activities_and_pipeline_stand_beside_those_of_customers(rig: Rig) -> None:
    value = {"value_id": uuid4(), "version": 1, "number": 2, "title": "Visit"}
    await rig.hear(
        activities.ClassificationSaved(list_name="activity_category", **value),
        pipeline.ClassificationSaved(list_name="pipeline", **value),
        pipeline.ClassificationSaved(list_name="stage", **value, parent=2),
    )
    assert await rig.rows("SELECT token, above FROM classification ORDER BY token") == [
        ("activity_category/2", None),
        ("pipeline/2", None),
        ("stage/2", "pipeline/2"),
    ]


async def stands(rig: Rig) -> set[UUID]:
    """Return who stands for the customers of everything that was done."""
    rows = await rig.rows(
        "SELECT customer_id FROM document UNION ALL SELECT customer_id FROM activity "
        "UNION ALL SELECT customer_id FROM opportunity"
    )
    assert len(rows) == 3
    return {customer_id for (customer_id,) in rows}


async def test_what_was_done_goes_to_the_survivor_whichever_is_heard_first(rig: Rig) -> None:
    one, two, three = uuid4(), uuid4(), uuid4()
    done: list[Contract] = [activity(one), opportunity(one), document(one)]
    merged: list[Contract] = [
        CustomerDeleted(customer_id=one, version=2, merged_into=two),
        CustomerDeleted(customer_id=two, version=2, merged_into=three),
    ]
    for order in permutations((done, merged[:1], merged[1:])):
        for news in order:
            await rig.hear(*news)
        assert await stands(rig) == {three}
        await rig.change("TRUNCATE document, activity, opportunity, customer")


async def test_a_merge_that_is_undone_gives_back_what_was_done(rig: Rig) -> None:
    one, two, three = uuid4(), uuid4(), uuid4()
    await rig.hear(activity(one), opportunity(one), document(one))
    await rig.hear(
        CustomerDeleted(customer_id=one, version=2, merged_into=two),
        CustomerDeleted(customer_id=two, version=2, merged_into=three),
    )
    assert await stands(rig) == {three}
    # At the same version, a document that is told to be the survivor's stays whose it was.
    await rig.hear(document(three))
    await rig.hear(customer_saved(two, 3))
    assert await stands(rig) == {two}
    await rig.hear(customer_saved(one, 3))
    assert await stands(rig) == {one}


async def test_what_is_told_during_a_merge_goes_to_the_survivor(rig: Rig) -> None:
    """Neither sees what the other has not committed: the one waits for the other."""
    one, two = uuid4(), uuid4()
    merge = batch_of(CustomerDeleted(customer_id=one, version=2, merged_into=two))
    async with rig.service.units() as unit:
        await on_customer_deleted(merge, unit)
        telling = asyncio.create_task(rig.hear(activity(one), opportunity(one), document(one)))
        await waits(rig.service)
    await asyncio.wait_for(telling, 10)
    assert await stands(rig) == {two}


async def test_a_merge_waits_for_what_is_being_told(rig: Rig) -> None:
    one, two = uuid4(), uuid4()
    await rig.hear(opportunity(one), document(one))
    async with rig.service.units() as unit:
        await on_activity_saved(ZoneInfo("UTC"))(batch_of(activity(one)), unit)
        merging = asyncio.create_task(
            rig.hear(CustomerDeleted(customer_id=one, version=2, merged_into=two))
        )
        await waits(rig.service)
    await asyncio.wait_for(merging, 10)
    assert await stands(rig) == {two}


async def test_a_merge_says_who_gave_and_who_was_given(rig: Rig) -> None:
    one, two, three, other = (uuid4() for _ in range(4))
    await rig.hear(activity(one), document(other))
    told = Told("t", "1", EVENING)
    merged = [
        CustomerFacts(one, 2, deleted=True, merged_into=two),
        CustomerFacts(two, 2, deleted=True, merged_into=three),
        CustomerFacts(uuid4(), 2, deleted=True, merged_into=three),
    ]
    async with rig.service.units() as unit:
        changed = await save_customers(unit.connection, [News(facts, told) for facts in merged])
        assert await follow_merges(unit.connection, changed) == [
            Moved(frozenset({one, three}), told)
        ]
        assert await follow_merges(unit.connection, changed) == []
