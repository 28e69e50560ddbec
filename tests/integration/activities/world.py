"""What activities has heard of customers and contacts, and who sells."""

from datetime import date
from itertools import count
from uuid import UUID, uuid4

from sqlalchemy import text

from services.activities.persistence.sellers import save_seller
from shared.chassis.ids import new_id
from shared.chassis.messages import Incoming
from shared.chassis.service import Service
from shared.contracts.types import Contract
from shared.contracts.wiring import publication
from shared.projection.store import (
    ContactRow,
    CustomerRow,
    save_contacts,
    save_customers,
)

CATEGORY = {"crm-event": 1, "lead": 2, "sales-action": 3, "customer-visit": 4}
"""Numbers of the categories that are installed."""


class World:
    """Makes customers, contacts and sellers as if they had been told."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._numbers = count(1000)

    async def hear(self, *told: Contract) -> None:
        """Store these events in the inbox, as if customers had told them, and work them off."""
        messages = []
        for one in told:
            public = publication(one, subject=str(uuid4()))
            headers = {
                "ce-specversion": "1.0",
                "ce-id": str(uuid4()),
                "ce-source": "/suhde/customers",
                "ce-type": public.type,
                "ce-subject": public.subject,
            }
            messages.append(Incoming(body=public.body, headers=headers))
        await self._service.inbox.store(messages)
        while await self._service.worker.work_batch():
            pass
        async with self._service.engine.connect() as connection:
            left = await connection.execute(
                text("SELECT type, state, detail FROM inbox WHERE state <> 'done'")
            )
            assert not (rows := left.all()), rows

    async def customer(
        self,
        name: str = "Kauppa Oy",
        *,
        held: tuple[str, ...] = (),
        merged_into: UUID | None = None,
    ) -> UUID:
        """Add a customer; one that was merged into another is deleted."""
        customer_id = new_id()
        row = CustomerRow(
            customer_id,
            version=1,
            number=str(next(self._numbers)),
            name=name,
            held=held,
            merged_into=merged_into,
            deleted=merged_into is not None,
        )
        async with self._service.units() as unit:
            await save_customers(unit.connection, [row])
        return customer_id

    async def customer_is_merged(self, customer_id: UUID, *, into: UUID) -> None:
        """Merge a customer into another."""
        row = CustomerRow(customer_id, version=2, deleted=True, merged_into=into)
        async with self._service.units() as unit:
            await save_customers(unit.connection, [row])

    async def contact_is_deleted(
        self, contact_id: UUID, *, merged_into: UUID | None = None
    ) -> None:
        """Delete a contact, perhaps as one that was merged into another."""
        row = ContactRow(contact_id, version=2, deleted=True, merged_into=merged_into)
        async with self._service.units() as unit:
            await save_contacts(unit.connection, [row])

    async def contact(self, name: str = "Aino Aalto") -> UUID:
        """Add a contact."""
        contact_id = new_id()
        async with self._service.units() as unit:
            await save_contacts(unit.connection, [ContactRow(contact_id, version=1, name=name)])
        return contact_id

    async def seller(
        self, seller: str = "anna.k", *, name: str = "Anna Koski", left_on: date | None = None
    ) -> str:
        """Add a seller."""
        async with self._service.units() as unit:
            await save_seller(
                unit.connection, seller, name=name, email=None, left_on=left_on, now=unit.now
            )
        return seller
