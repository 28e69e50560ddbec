"""Delete a contact softly: it can be restored, and its bans live on (TS-A9)."""

from uuid import UUID

from services.customers.domain.events import ContactDeleted
from services.customers.handlers.live import locked_contact
from services.customers.persistence import deleted as store
from shared.chassis.unit_of_work import UnitOfWork


async def delete_contact(contact_id: UUID, uow: UnitOfWork, *, expected: int) -> int:
    """Delete a contact that is still at the expected version; return its version as deleted."""
    row = await locked_contact(contact_id, expected, uow)
    await store.delete_contact(uow.connection, contact_id, now=uow.now)
    uow.record(ContactDeleted(contact_id, row.version + 1))
    return int(row.version) + 1
