"""Routes of the deleted list and of the way back, behind a switch of the deployment (TS-22)."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from services.customers.api.shapes import (
    ContactOutput,
    CustomerOutput,
    contact_output,
    customer_output,
)
from services.customers.handlers.merge_records import merge_deleted_customer
from services.customers.handlers.restore_records import (
    RestoreConflict,
    RestoreCustomer,
    RestoreNotActivated,
    restore_contact,
    restore_customer,
)
from services.customers.handlers.save_customer import Here
from services.customers.persistence import deleted as store
from services.customers.persistence.contacts import fetch_contacts
from services.customers.persistence.customers import fetch_customers, fetch_references
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import BadCursor, Cursor, Limit, Page, page_of, read_cursor
from shared.chassis.http.shapes import Input, Required
from shared.chassis.http.writes import Answer, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory


class DeletedCustomer(BaseModel):
    """A deleted customer, as much as it takes to choose one."""

    customer_id: UUID
    version: int
    number: str
    name: str
    business_id: str | None
    deleted_at: datetime


class DeletedContact(BaseModel):
    """A deleted contact, as much as it takes to choose one."""

    contact_id: UUID
    version: int
    first_name: str
    last_name: str
    email: str | None
    deleted_at: datetime


class RestoreInput(Input):
    """Under which keys the customer comes back; what is left out stays as it was."""

    number: Literal["new"] | None = Field(
        default=None, description="new: the next of the series, instead of the one it had"
    )
    business_id: Required | None = Field(
        default=None, description="another one, or null for none; left out: the one it had"
    )

    merge_into: UUID | None = Field(
        default=None,
        description="restore nothing; merge the deleted customer into this live one instead",
    )

    def to_command(self) -> RestoreCustomer:
        """Return the command."""
        return RestoreCustomer(
            new_number=self.number == "new",
            keep_business_id="business_id" not in self.model_fields_set,
            business_id=self.business_id,
        )


def _place(cursor: str | None) -> store.Place | None:
    key = read_cursor(cursor, str, str)
    if key is None:
        return None
    try:
        return datetime.fromisoformat(str(key[0])), UUID(str(key[1]))
    except ValueError:
        raise BadCursor("The cursor belongs to another list.") from None


def deleted_router(units: UnitOfWorkFactory, here: Here, *, enabled: bool) -> APIRouter:
    """Return the routes below /v1/deleted-customers and /v1/deleted-contacts."""

    def activated() -> None:
        if not enabled:
            raise RestoreNotActivated("Deleted records are not shown or restored here.")

    router = APIRouter(
        prefix="/v1",
        tags=["deleted"],
        dependencies=[Depends(activated)],
        responses=may_refuse(RestoreNotActivated),
    )

    @router.get("/deleted-customers")
    async def list_customers(cursor: Cursor = None, limit: Limit = 50) -> Page[DeletedCustomer]:
        """List the deleted customers, the one deleted last first."""
        async with units.engine.connect() as connection:
            rows = await store.deleted_customers(connection, after=_place(cursor), limit=limit + 1)
        items = [DeletedCustomer(**row._mapping) for row in rows]
        return page_of(items, limit, lambda one: (one.deleted_at.isoformat(), str(one.customer_id)))

    @router.post(
        "/deleted-customers/{customer_id}/restore",
        response_model=CustomerOutput,
        responses=may_refuse(RestoreConflict),
    )
    async def bring_back_customer(
        request: Request, customer_id: UUID, body: RestoreInput | None = None
    ) -> Response:
        """
        Restore a customer; a key that a live one owns by now is a conflict with its choices.

        With `merge_into` it answers with the live customer that the deleted one was merged into.
        """

        async def work(unit: UnitOfWork) -> Answer:
            wanted = body or RestoreInput()
            if wanted.merge_into is None:
                command = wanted.to_command()
                await restore_customer(customer_id, command, unit, countries=here.countries)
            else:
                await merge_deleted_customer(customer_id, wanted.merge_into, unit)
            lives = wanted.merge_into or customer_id
            rows = await fetch_customers(unit.connection, [lives])
            references = await fetch_references(unit.connection, [lives])
            output = customer_output(rows[lives], references.get(lives, []))
            return Answer(output, headers={"ETag": etag(output.version)})

        return await write(request, units, work)

    @router.get("/deleted-contacts")
    async def list_contacts(cursor: Cursor = None, limit: Limit = 50) -> Page[DeletedContact]:
        """List the deleted contacts, the one deleted last first."""
        async with units.engine.connect() as connection:
            rows = await store.deleted_contacts(connection, after=_place(cursor), limit=limit + 1)
        items = [DeletedContact(**row._mapping) for row in rows]
        return page_of(items, limit, lambda one: (one.deleted_at.isoformat(), str(one.contact_id)))

    @router.post("/deleted-contacts/{contact_id}/restore", response_model=ContactOutput)
    async def bring_back_contact(request: Request, contact_id: UUID) -> Response:
        """Restore a contact with its places and attributes."""

        async def work(unit: UnitOfWork) -> Answer:
            await restore_contact(contact_id, unit)
            rows = await fetch_contacts(unit.connection, [contact_id])
            output = contact_output(rows[contact_id])
            return Answer(output, headers={"ETag": etag(output.version)})

        return await write(request, units, work)

    return router
