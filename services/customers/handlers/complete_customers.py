"""Give customers what every customer has and some, from before a list was compulsory, lack."""

from collections.abc import Sequence
from uuid import UUID

from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence.compulsory import (
    compulsory_lists,
    give_defaults,
    lock_incomplete,
)
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

CHUNK = 2000


async def complete_customers(units: UnitOfWorkFactory) -> None:
    """Give the defaults of compulsory lists to customers without a value of one, and tell them.

    By chunks, each a unit of work of its own, so that the service may run meanwhile (VF-A10).
    """
    last: UUID | None = None
    while True:
        async with units() as unit:
            ids = await _complete(last, unit)
        if len(ids) < CHUNK:
            break
        last = ids[-1]


async def _complete(after: UUID | None, uow: UnitOfWork) -> Sequence[UUID]:
    lists = await compulsory_lists(uow.connection)
    ids = await lock_incomplete(uow.connection, lists, after=after, limit=CHUNK)
    if ids:
        await give_defaults(uow.connection, lists, ids, now=uow.now)
        await tell_customers(ids, uow)
    return ids
