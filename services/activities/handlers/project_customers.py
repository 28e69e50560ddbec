"""Take over customers, and read their milestones off what is told of them."""

from zoneinfo import ZoneInfo

from services.activities.handlers.keep_milestones import keep_deleted, keep_saved
from shared.chassis.messages import Batch
from shared.chassis.unit_of_work import UnitOfWork
from shared.chassis.worker import Handler
from shared.contracts.customers import CustomerDeleted, CustomerSaved
from shared.projection import handlers as projection


def on_customer_saved(zone: ZoneInfo) -> Handler:
    """Return the handler of customers that were saved; days begin in this time zone."""

    async def handle(batch: Batch[CustomerSaved], uow: UnitOfWork) -> None:
        await projection.on_customer_saved(batch, uow)
        # The rows are locked now, changed or not: neighbouring words are placed one by one.
        await keep_saved(batch, uow, zone)

    return handle


def on_customer_deleted(zone: ZoneInfo) -> Handler:
    """Return the handler of deletions: tombstones, and who has taken a customer's place."""

    async def handle(batch: Batch[CustomerDeleted], uow: UnitOfWork) -> None:
        await projection.on_customer_deleted(batch, uow)
        await keep_deleted(batch, uow, zone)

    return handle
