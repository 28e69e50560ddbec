"""Delete a contact softly: it can be restored, and its bans live on (TS-A9)."""

from uuid import UUID

from services.customers.handlers.live import locked_contact
from services.customers.handlers.tell_records import tell_contacts
from services.customers.persistence import deleted as store
from shared.chassis.unit_of_work import UnitOfWork


async def delete_contact(contact_id: UUID, uow: UnitOfWork, *, expected: int) -> int:
    """Delete a contact that is still at the expected version; return its version as deleted."""
    await locked_contact(contact_id, expected, uow)
    await store.delete_contacts(uow.connection, [contact_id], now=uow.now)
    rows = await tell_contacts([contact_id], uow)
    return int(rows[contact_id].version)
