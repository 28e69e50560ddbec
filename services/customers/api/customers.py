"""Routes of customers and of since when the relationship lasts."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.customers.api.duplicates import DuplicateOutput, duplicates_output
from services.customers.api.shapes import (
    AddresseeOutput,
    BansAnswer,
    BansInput,
    CustomerChange,
    CustomerInput,
    CustomerOutput,
    DeletedAnswer,
    GapOutput,
    RelationshipStartInput,
    customer_output,
)
from services.customers.handlers.change_bans import SetBans, ban_customer
from services.customers.handlers.delete_customer import delete_customer
from services.customers.handlers.find_duplicates import duplicates_of
from services.customers.handlers.live import live_customer
from services.customers.handlers.pick_contacts import DocumentPurpose, gaps, pick_contacts
from services.customers.handlers.save_customer import (
    Here,
    SaveCustomer,
    SetRelationshipStart,
    change_customer,
    create_customer,
    set_relationship_start,
)
from services.customers.persistence import customers as store
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory


class CustomerCreated(CustomerOutput):
    """A customer as it was created, and who may be the same: the creation refuses none."""

    possible_duplicates: list[DuplicateOutput]


def _command(body: CustomerInput | CustomerChange, *, number: str | None = None) -> SaveCustomer:
    return SaveCustomer(
        name=body.name,
        number=number,
        business_id=body.business_id,
        email=body.email,
        phone=body.phone,
        headcount=body.headcount,
        references=tuple((one.source, one.ref) for one in body.references),
        address=body.address.to_domain(),
        classifications=body.classifications,
        attribute_values=body.attribute_values,
        ended_on=body.ended_on,
    )


def customers_router(units: UnitOfWorkFactory, here: Here) -> APIRouter:
    """Return the routes below /v1/customers."""
    router = APIRouter(prefix="/v1/customers", tags=["customers"])

    async def answer(customer_id: UUID, unit: UnitOfWork, status: int = 200) -> Answer:
        rows = await store.fetch_customers(unit.connection, [customer_id])
        references = await store.fetch_references(unit.connection, [customer_id])
        body = customer_output(rows[customer_id], references.get(customer_id, []))
        headers = {"ETag": etag(body.version)}
        if status == 201:
            headers["Location"] = f"/v1/customers/{customer_id}"
        return Answer(body, status, headers)

    @router.post("", status_code=201, response_model=CustomerCreated)
    async def create(request: Request, body: CustomerInput) -> Response:
        """Create a customer. ERP documents that wait for it are applied."""

        async def work(unit: UnitOfWork) -> Answer:
            customer_id = await create_customer(_command(body, number=body.number), unit, here)
            created = await answer(customer_id, unit, 201)
            found = await duplicates_of(unit.connection, "customer", customer_id)
            told = CustomerCreated(
                **created.body.model_dump(), possible_duplicates=duplicates_output(found)
            )
            return replace(created, body=told)

        return await write(request, units, work)

    @router.get("/document-gaps", response_model=Page[GapOutput])
    async def document_gaps(
        purpose: DocumentPurpose = DocumentPurpose.INVOICE, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[GapOutput]:
        """List customers whom no document of the purpose can reach by e-mail."""
        async with units.engine.connect() as connection:
            rows = await gaps(purpose, connection, after=cursor_id(cursor), limit=limit + 1)
        items = [GapOutput(customer_id=one, number=no, name=name) for one, no, name in rows]
        return page_of(items, limit, lambda one: (str(one.customer_id),))

    @router.get("/{customer_id}")
    async def fetch(customer_id: UUID, response: Response) -> CustomerOutput:
        """Fetch a customer with the source of its relationship start."""
        async with units.engine.connect() as connection:
            rows = await store.fetch_customers(connection, [customer_id])
            row = live_customer(rows, customer_id)
            references = await store.fetch_references(connection, [customer_id])
        body = customer_output(row, references.get(customer_id, []))
        response.headers["ETag"] = etag(body.version)
        return body

    @router.put("/{customer_id}", response_model=CustomerOutput)
    async def change(
        request: Request, customer_id: UUID, body: CustomerChange, expected: Expected
    ) -> Response:
        """Change a customer (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            await change_customer(customer_id, _command(body), unit, here, expected=expected)
            return await answer(customer_id, unit)

        return await write(request, units, work)

    @router.delete("/{customer_id}", response_model=DeletedAnswer)
    async def delete(request: Request, customer_id: UUID, expected: Expected) -> Response:
        """Delete a customer (If-Match): its contacts and all bans stay, and it can be restored."""

        async def work(unit: UnitOfWork) -> Answer:
            version = await delete_customer(customer_id, unit, expected=expected)
            return Answer(DeletedAnswer(version=version, deleted_at=unit.now))

        return await write(request, units, work)

    @router.put("/{customer_id}/relationship-start", response_model=CustomerOutput)
    async def set_start(
        request: Request, customer_id: UUID, body: RelationshipStartInput, expected: Expected
    ) -> Response:
        """Set the start by hand, which no document changes; null lets the documents decide."""

        async def work(unit: UnitOfWork) -> Answer:
            command = SetRelationshipStart(body.started_on)
            await set_relationship_start(customer_id, command, unit, expected=expected)
            return await answer(customer_id, unit)

        return await write(request, units, work)

    @router.put("/{customer_id}/bans", status_code=202, response_model=BansAnswer)
    async def set_bans(request: Request, customer_id: UUID, body: BansInput) -> Response:
        """Ban or free all contacts of the customer, in that role."""

        async def work(unit: UnitOfWork) -> Answer:
            number = await ban_customer(customer_id, SetBans(**body.model_dump()), unit)
            return Answer(BansAnswer(consent_seq=number), 202)

        return await write(request, units, work)

    @router.get("/{customer_id}/addressees")
    async def addressees(
        customer_id: UUID, purpose: Annotated[DocumentPurpose, Query()]
    ) -> list[AddresseeOutput]:
        """Tell where a document goes: the contacts with the attribute, or the customer itself."""
        async with units.engine.connect() as connection:
            picked = await pick_contacts(customer_id, purpose, connection)
        return [
            AddresseeOutput(contact_id=a.contact_id, name=a.name, email=a.email) for a in picked
        ]

    return router
