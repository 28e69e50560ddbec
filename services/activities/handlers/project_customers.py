"""Take over customers, their milestones and the lists that sort them, as customers tells them."""

from zoneinfo import ZoneInfo

from services.activities.handlers.keep_milestones import keep_deleted, keep_saved
from services.activities.persistence.projection import (
    CustomerRow,
    ValueRow,
    save_customers,
    save_values,
)
from shared.chassis.messages import Batch
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.chassis.worker import Handler
from shared.contracts.customers import ClassificationSaved, CustomerDeleted, CustomerSaved
from shared.contracts.held import token, tokens


def on_customer_saved(zone: ZoneInfo) -> Handler:
    """Return the handler of customers that were saved; days begin in this time zone."""

    async def handle(batch: Batch[CustomerSaved], uow: UnitOfWork) -> None:
        saved = newest(
            (message.data for message in batch),
            key=lambda data: data.customer_id,
            version=lambda data: data.version,
        )
        await save_customers(
            uow.connection,
            [
                CustomerRow(
                    customer_id=data.customer_id,
                    version=data.version,
                    number=data.number,
                    name=data.name,
                    held=tokens(data.classifications),
                    started_on=data.relationship.started_on if data.relationship else None,
                    ended_on=data.ended_on,
                )
                for data in saved
            ],
        )
        # The rows are locked now, changed or not: neighbouring words are placed one by one.
        await keep_saved(batch, uow, zone)

    return handle


def on_customer_deleted(zone: ZoneInfo) -> Handler:
    """Return the handler of deletions: tombstones, and who has taken a customer's place."""

    async def handle(batch: Batch[CustomerDeleted], uow: UnitOfWork) -> None:
        deleted = newest(
            (message.data for message in batch),
            key=lambda data: data.customer_id,
            version=lambda data: data.version,
        )
        await save_customers(
            uow.connection,
            [
                CustomerRow(
                    data.customer_id, data.version, deleted=True, merged_into=data.merged_into
                )
                for data in deleted
            ],
        )
        await keep_deleted(batch, uow, zone)

    return handle


async def on_classification_saved(batch: Batch[ClassificationSaved], uow: UnitOfWork) -> None:
    """Project the values of all lists; one that was removed stays as a tombstone."""
    values = newest(
        (message.data for message in batch),
        key=lambda data: (data.list_name, data.number),
        version=lambda data: data.version,
    )
    await save_values(
        uow.connection,
        [
            ValueRow(
                token=token(data.list_name, data.number),
                list_name=data.list_name,
                number=data.number,
                version=data.version,
                title=data.title,
                titles=data.titles,
                # Only trees matter here: what lies in another list is in no subtree.
                above=None if data.parent is None else token(data.list_name, data.parent),
                removed=data.removed,
            )
            for data in values
            if data.number is not None
        ],
    )
