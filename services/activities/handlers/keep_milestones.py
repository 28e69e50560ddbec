"""Keep milestones of customers as the other services tell them (LE-01); in any order the same."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.activities.domain.milestones import (
    OUTCOMES,
    Milestone,
    MilestoneKind,
    Word,
    start_of,
    turns,
)
from services.activities.persistence import milestones as store
from shared.chassis.messages import Batch, Message
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import CustomerDeleted, CustomerSaved, FirstInvoicePosted
from shared.contracts.pipeline import OpportunityClosed

STATUS = "customer_status"


async def keep_saved(batch: Batch[CustomerSaved], uow: UnitOfWork, zone: ZoneInfo) -> None:
    """Keep what customers tell of their start, status and end; their rows are locked."""
    words = [
        Word(
            message.data.customer_id,
            message.data.version,
            message.data.saved_at or said_at(message),
            status=min(message.data.classifications.get(STATUS, ()), default=None),
            ended_on=message.data.ended_on,
        )
        for message in batch
    ]
    await _keep_turns(words, uow, zone)
    last = newest(
        (message.data for message in batch),
        key=lambda data: data.customer_id,
        version=lambda data: data.version,
    )
    await store.save_milestones(uow.connection, [_start(data, zone) for data in last])


async def keep_deleted(batch: Batch[CustomerDeleted], uow: UnitOfWork, zone: ZoneInfo) -> None:
    """Keep that customers were deleted or merged; their rows are locked."""
    words = [
        Word(
            message.data.customer_id,
            message.data.version,
            message.data.deleted_at or said_at(message),
            deleted=True,
            merged_into=message.data.merged_into,
        )
        for message in batch
    ]
    await _keep_turns(words, uow, zone)


def on_first_document(
    kind: MilestoneKind, zone: ZoneInfo
) -> Callable[[Batch[Any], UnitOfWork], Any]:
    """Return the handler of first documents of a kind; days begin in this time zone."""

    async def handle(batch: Batch[FirstInvoicePosted], uow: UnitOfWork) -> None:
        last = newest(
            (message.data for message in batch),
            key=lambda data: data.customer_id,
            version=lambda data: data.version or 0,
        )
        await store.save_milestones(
            uow.connection,
            [
                Milestone(
                    data.customer_id,
                    kind,
                    key="",
                    version=data.version or 0,
                    at=start_of(data.document_date, zone),
                    facts={
                        "day": data.document_date.isoformat(),
                        "document_source": data.document_source,
                        "document_id": data.document_id,
                    },
                    withdrawn=data.withdrawn,
                )
                for data in last
            ],
        )

    return handle


async def on_opportunity_closed(batch: Batch[OpportunityClosed], uow: UnitOfWork) -> None:
    """Keep every outcome of an opportunity: each is a milestone, and none replaces another."""
    told = {(message.data.opportunity_id, message.data.version): message.data for message in batch}
    await store.save_milestones(
        uow.connection,
        [
            Milestone(
                data.customer_id,
                OUTCOMES[data.outcome],
                key=f"{data.opportunity_id}/{data.version}",
                version=data.version,
                at=data.at,
                facts=data.model_dump(
                    mode="json",
                    include={"opportunity_id", "name", "closed_on", "value", "currency"},
                ),
            )
            for data in told.values()
        ],
    )


def said_at(message: Message[Any]) -> datetime:
    """Return when a message was said; without a word on that, when we heard it."""
    return message.time or message.received_at


def _start(data: CustomerSaved, zone: ZoneInfo) -> Milestone:
    start = data.relationship
    return Milestone(
        data.customer_id,
        MilestoneKind.RELATIONSHIP_STARTED,
        key="",
        version=data.version,
        # Kept when it goes, so that what is late does not bring it back; then any time will do.
        at=datetime.fromtimestamp(0, zone) if start is None else start_of(start.started_on, zone),
        facts={}
        if start is None
        else {
            "day": start.started_on.isoformat(),
            "source": start.source,
            "document_source": start.document_source,
            "document_id": start.document_id,
        },
        withdrawn=start is None,
    )


async def _keep_turns(words: Iterable[Word], uow: UnitOfWork, zone: ZoneInfo) -> None:
    first: dict[tuple[Any, int], Word] = {}
    for word in sorted(words, key=lambda one: one.at):
        first.setdefault((word.customer_id, word.version), word)
    await store.save_words(uow.connection, list(first.values()))
    places = await store.places_around(uow.connection, first.values())
    found = [milestone for place in places for milestone in turns(place, zone)]
    await store.replace_turns(uow.connection, places, found)
