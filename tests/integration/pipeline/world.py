"""What pipeline has heard of customers, contacts and projects."""

from itertools import count
from uuid import UUID, uuid4

from sqlalchemy import text

from services.pipeline.persistence.projections import ProjectRow, save_projects
from shared.chassis.ids import new_id
from shared.chassis.messages import Incoming
from shared.chassis.service import Service
from shared.contracts.types import Contract
from shared.contracts.wiring import publication
from shared.projection.store import ContactRow, CustomerRow, save_contacts, save_customers

ERP = "/erp/tests"
STAGE = {
    "phone-call": 1,
    "first-visit": 2,
    "second-visit": 3,
    "follow-up-call": 4,
    "lost-customer": 5,
    "expired": 6,
}
"""Numbers of the stages that are installed (TS-38)."""


class World:
    """Makes customers, contacts and projects as if they had been told."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._numbers = count(1000)

    async def hear(self, *told: Contract) -> None:
        """Store these events in the inbox, as if another service had told them, work them off."""
        messages = []
        for one in told:
            public = publication(one, subject=str(uuid4()))
            headers = {
                "ce-specversion": "1.0",
                "ce-id": str(uuid4()),
                "ce-source": f"/suhde/{public.type.partition('.')[0]}",
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

    async def customer_is_deleted(
        self, customer_id: UUID, *, merged_into: UUID | None = None
    ) -> None:
        """Delete a customer, perhaps as one that was merged into another."""
        row = CustomerRow(customer_id, version=2, deleted=True, merged_into=merged_into)
        async with self._service.units() as unit:
            await save_customers(unit.connection, [row])

    async def contact(self, name: str = "Aino Aalto") -> UUID:
        """Add a contact."""
        contact_id = new_id()
        async with self._service.units() as unit:
            await save_contacts(unit.connection, [ContactRow(contact_id, version=1, name=name)])
        return contact_id

    async def project(
        self,
        customer_id: UUID,
        project_ref: str = "P-1",
        *,
        active: bool = True,
        violated_rule: str | None = None,
    ) -> str:
        """Add a project of a customer; return its reference."""
        row = ProjectRow(
            source=ERP,
            project_ref=project_ref,
            version=1,
            customer_id=customer_id,
            name=f"Project {project_ref}",
            active=active,
            violated_rule=violated_rule,
        )
        async with self._service.units() as unit:
            await save_projects(unit.connection, [row])
        return project_ref
