"""Milestones: heard in any order, twice or late, they are the same, and no time is invented."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.chassis.messages import Incoming
from shared.chassis.service import Service
from shared.contracts.customers import (
    CustomerDeleted,
    CustomerSaved,
    FirstInvoicePosted,
    Relationship,
)
from shared.contracts.pipeline import OpportunityClosed
from shared.contracts.types import Contract
from tests.integration.activities.hearing import hear, rows, told

ZONE = ZoneInfo("Europe/Helsinki")
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUSTOMER, OTHER = UUID(int=1), UUID(int=2)
OPPORTUNITY = UUID(int=3)


def at(version: int) -> datetime:
    return BEGIN + timedelta(hours=version)


def saved(version: int, *, status: int | None = 1, **said: Any) -> CustomerSaved:
    return CustomerSaved(
        **{"customer_id": CUSTOMER, "number": "1", "name": "Kauppa Oy", "saved_at": at(version)}
        | said,
        version=version,
        classifications={} if status is None else {"customer_status": [status]},
    )


def deleted(version: int, merged_into: UUID | None = None) -> CustomerDeleted:
    return CustomerDeleted(
        customer_id=CUSTOMER, version=version, merged_into=merged_into, deleted_at=at(version)
    )


def started(day: str) -> Relationship:
    return Relationship(started_on=date.fromisoformat(day), source="manual")


def first_invoice(version: int, document_id: str, *, withdrawn: bool = False) -> FirstInvoicePosted:
    return FirstInvoicePosted(
        customer_id=CUSTOMER,
        version=version,
        document_source="/erp",
        document_id=document_id,
        document_date=date(2026, 1, 10),
        recorded_at=BEGIN,
        withdrawn=withdrawn,
    )


async def milestones(service: Service) -> list[tuple[Any, ...]]:
    return await rows(
        service,
        "SELECT kind, at, facts FROM milestone WHERE NOT withdrawn ORDER BY at, kind, key",
    )


async def kinds(service: Service) -> list[str]:
    return [kind for kind, _, _ in await milestones(service)]


async def heard(service: Service, *data: Contract) -> None:
    await hear(service, [told(one) for one in data])


@pytest.mark.requirement("LE-01")
async def test_a_status_change_has_the_time_it_was_made_at_and_the_first_sight_is_none(
    activities: Service,
) -> None:
    await heard(activities, saved(4, status=1))
    assert await kinds(activities) == []
    await heard(activities, saved(5, status=1), saved(7, status=2))
    changed = ("status_changed", at(7), {"status_before": 1, "status_after": 2})
    assert await milestones(activities) == [changed]
    # Heard late, what lies between finds its place and moves the change to where it was made.
    await heard(activities, saved(6, status=2))
    assert [one[1] for one in await milestones(activities)] == [at(6)]


async def test_what_is_told_twice_happened_when_it_was_told_first(activities: Service) -> None:
    """Of publishers that do not say when it came to be so."""
    before, change = (saved(version, status=version, saved_at=None) for version in (1, 2))
    await hear(activities, [told(before, at(1)), told(change, at(9))])
    await hear(activities, [told(change, at(2))])
    await hear(activities, [told(change, at(5))])
    assert [one[1] for one in await milestones(activities)] == [at(2)]


async def test_a_start_is_corrected_and_withdrawn_and_begins_with_its_day(
    activities: Service,
) -> None:
    await heard(activities, saved(1, relationship=started("2026-02-01")))
    await heard(activities, saved(3, relationship=started("2026-01-15")))
    await heard(activities, saved(2, relationship=started("2026-02-02")))
    ((kind, moment, facts),) = await milestones(activities)
    assert (kind, facts["day"]) == ("relationship_started", "2026-01-15")
    assert moment == datetime(2026, 1, 15, tzinfo=ZONE)
    await heard(activities, saved(4))
    assert await kinds(activities) == []


async def test_a_first_invoice_is_replaced_and_withdrawn(activities: Service) -> None:
    await heard(activities, first_invoice(8, "B"))
    await heard(activities, first_invoice(9, "A"), first_invoice(7, "C"))
    ((_, moment, facts),) = await milestones(activities)
    assert (moment, facts["document_id"]) == (datetime(2026, 1, 10, tzinfo=ZONE), "A")
    await heard(activities, first_invoice(10, "A", withdrawn=True), first_invoice(9, "A"))
    assert await kinds(activities) == []


async def test_an_end_is_corrected_and_a_relationship_goes_on(activities: Service) -> None:
    first, right = date(2026, 2, 1), date(2026, 2, 3)
    await heard(activities, saved(1), saved(2, ended_on=first))
    await heard(activities, saved(3, ended_on=right))
    assert await milestones(activities) == [
        ("relationship_ended", datetime(2026, 2, 3, tzinfo=ZONE), {"day": "2026-02-03"})
    ]
    await heard(activities, saved(4))
    assert await kinds(activities) == ["relationship_ended", "relationship_resumed"]


async def test_deletion_merge_and_return_are_milestones(activities: Service) -> None:
    await heard(activities, saved(1), deleted(2), deleted(2), saved(3), deleted(4, OTHER))
    # Told anew under a higher version, it is still the same deletion.
    await heard(activities, deleted(5, OTHER))
    assert [(kind, moment) for kind, moment, _ in await milestones(activities)] == [
        ("customer_deleted", at(2)),
        ("customer_restored", at(3)),
        ("customer_merged", at(4)),
    ]


async def test_every_outcome_of_an_opportunity_stays(activities: Service) -> None:
    def closed(version: int, outcome: str) -> OpportunityClosed:
        return OpportunityClosed.model_validate(
            {
                "opportunity_id": OPPORTUNITY,
                "version": version,
                "customer_id": CUSTOMER,
                "name": "Renewal",
                "outcome": outcome,
                "at": at(version),
            }
        )

    await heard(activities, closed(5, "won"), closed(3, "open"), closed(2, "lost"))
    await heard(activities, closed(2, "lost"))
    found = ["opportunity_lost", "opportunity_reopened", "opportunity_won"]
    assert await kinds(activities) == found


words = st.lists(
    st.tuples(
        st.sampled_from(["saved", "saved", "saved", "deleted", "merged"]),
        st.sampled_from([None, 1, 2]),
        st.sampled_from([None, None, date(2026, 2, 1), date(2026, 2, 3)]),
        st.sampled_from([None, started("2026-01-01"), started("2026-01-02")]),
    ),
    max_size=7,
)


def history(told_words: Sequence[tuple[Any, ...]]) -> list[Contract]:
    made: list[Contract] = []
    for version, (what, status, ended_on, start) in enumerate(told_words, 1):
        if what == "saved":
            made.append(saved(version, status=status, ended_on=ended_on, relationship=start))
        else:
            made.append(deleted(version, OTHER if what == "merged" else None))
    made += [first_invoice(len(made) + n, f"I{n}", withdrawn=n == 2) for n in range(1, 4)]
    return made


def expected(made: Sequence[Contract]) -> list[tuple[str, datetime]]:
    """What a person would write down who heard everything in order."""
    found: list[tuple[str, datetime]] = []
    last: CustomerSaved | None = None
    gone: CustomerDeleted | None = None
    for one in made:
        if isinstance(one, CustomerDeleted):
            if gone is None or gone.merged_into != one.merged_into:
                kind = "customer_merged" if one.merged_into else "customer_deleted"
                found.append((kind, at(one.version)))
            gone = one
        elif isinstance(one, CustomerSaved):
            if gone is not None:
                found.append(("customer_restored", at(one.version)))
            if last is not None and last.classifications != one.classifications:
                found.append(("status_changed", at(one.version)))
            if last is not None and last.ended_on is not None:
                if one.ended_on is None:
                    found.append(("relationship_resumed", at(one.version)))
                else:
                    # Only the last word about one end stays.
                    place = max(n for n, (kind, _) in enumerate(found) if "ended" in kind)
                    del found[place]
            if one.ended_on is not None:
                begun = datetime.combine(one.ended_on, datetime.min.time(), ZONE)
                found.append(("relationship_ended", begun))
            last, gone = one, None
    if last is not None and last.relationship is not None:
        begun = datetime.combine(last.relationship.started_on, datetime.min.time(), ZONE)
        found.append(("relationship_started", begun))
    found.append(("first_invoice", datetime(2026, 1, 10, tzinfo=ZONE)))
    return sorted(found, key=lambda one: (one[1], one[0]))


@pytest.mark.requirement("LE-01")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words, st.randoms(use_true_random=False))
async def test_any_order_repeats_and_lateness_give_the_same_milestones(
    activities: Service, told_words: list[tuple[Any, ...]], chance: random.Random
) -> None:
    made = history(told_words)
    messages: list[Incoming] = [told(one) for one in made]
    # Told anew later, as a republish does: under other ids, the same versions.
    messages += [told(one, at=BEGIN + timedelta(days=9)) for one in made if chance.random() < 0.3]
    chance.shuffle(messages)
    async with activities.engine.begin() as connection:
        await connection.exec_driver_sql(
            "TRUNCATE customer, customer_word, milestone, inbox CASCADE"
        )
    while messages:
        size = chance.randint(1, 4)
        await hear(activities, messages[:size])
        del messages[:size]
    found = [(kind, moment) for kind, moment, _ in await milestones(activities)]
    assert found == expected(made)
