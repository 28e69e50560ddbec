"""Delete a customer softly: it can be restored, its bans live on, its contacts stay (TS-24)."""

from uuid import UUID

from services.customers.handlers.live import locked_customer
from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence import deleted as store
from shared.chassis.unit_of_work import UnitOfWork


async def delete_customer(customer_id: UUID, uow: UnitOfWork, *, expected: int) -> int:
    """Delete a customer that is still at the expected version; return its version as deleted."""
    await locked_customer(customer_id, expected, uow)
    await store.delete_customers(uow.connection, [customer_id], now=uow.now)
    rows = await tell_customers([customer_id], uow)
    return int(rows[customer_id].version)
