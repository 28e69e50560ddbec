"""Routes of contacts and their bans."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.customers.api.shapes import (
    BansAnswer,
    BansInput,
    ContactInput,
    ContactOutput,
    DeletedAnswer,
    contact_output,
)
from services.customers.domain.contact_data import Place
from services.customers.handlers.change_bans import SetBans, ban_contact
from services.customers.handlers.delete_contact import delete_contact
from services.customers.handlers.live import live_contact
from services.customers.handlers.save_contact import SaveContact, change_contact, create_contact
from services.customers.persistence import contacts as store
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory


def _command(body: ContactInput) -> SaveContact:
    return SaveContact(
        first_name=body.first_name,
        last_name=body.last_name,
        email=body.email,
        mobile=body.mobile,
        phone=body.phone,
        address=body.address.to_domain(),
        language=body.language,
        customers=tuple(Place(**place.model_dump()) for place in body.customers),
        attributes=None if body.attributes is None else frozenset(body.attributes),
        attribute_choices=None
        if body.attribute_choices is None
        else frozenset(body.attribute_choices),
        attribute_values=body.attribute_values,
        categories=None if body.categories is None else frozenset(body.categories),
    )


def contacts_router(units: UnitOfWorkFactory, *, region: str) -> APIRouter:
    """Return the routes below /v1/contacts; bare phone numbers are read as of `region`."""
    router = APIRouter(prefix="/v1/contacts", tags=["contacts"])

    async def answer(contact_id: UUID, unit: UnitOfWork, status: int = 200) -> Answer:
        rows = await store.fetch_contacts(unit.connection, [contact_id])
        body = contact_output(rows[contact_id])
        headers = {"ETag": etag(body.version)}
        if status == 201:
            headers["Location"] = f"/v1/contacts/{contact_id}"
        return Answer(body, status, headers)

    @router.post("", status_code=201, response_model=ContactOutput)
    async def create(request: Request, body: ContactInput) -> Response:
        """Create a contact at its customers."""

        async def work(unit: UnitOfWork) -> Answer:
            contact_id = await create_contact(_command(body), unit, region=region)
            return await answer(contact_id, unit, 201)

        return await write(request, units, work)

    @router.get("")
    async def list_all(
        customer_id: UUID | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[ContactOutput]:
        """List contacts, of one customer or of all, in the order of their creation."""
        async with units.engine.connect() as connection:
            rows = await store.list_contacts(
                connection, customer_id=customer_id, after=cursor_id(cursor), limit=limit + 1
            )
        items = [contact_output(row) for row in rows]
        return page_of(items, limit, lambda one: (str(one.contact_id),))

    @router.get("/{contact_id}")
    async def fetch(contact_id: UUID, response: Response) -> ContactOutput:
        """Fetch a contact."""
        async with units.engine.connect() as connection:
            rows = await store.fetch_contacts(connection, [contact_id])
        body = contact_output(live_contact(rows, contact_id))
        response.headers["ETag"] = etag(body.version)
        return body

    @router.put("/{contact_id}", response_model=ContactOutput)
    async def change(
        request: Request, contact_id: UUID, body: ContactInput, expected: Expected
    ) -> Response:
        """Change a contact (If-Match); its bans follow it to a new address."""

        async def work(unit: UnitOfWork) -> Answer:
            await change_contact(contact_id, _command(body), unit, expected=expected, region=region)
            return await answer(contact_id, unit)

        return await write(request, units, work)

    @router.delete("/{contact_id}", response_model=DeletedAnswer)
    async def delete(request: Request, contact_id: UUID, expected: Expected) -> Response:
        """Delete a contact (If-Match): its bans stay in force, and it can be restored."""

        async def work(unit: UnitOfWork) -> Answer:
            version = await delete_contact(contact_id, unit, expected=expected)
            return Answer(DeletedAnswer(version=version, deleted_at=unit.now))

        return await write(request, units, work)

    @router.put("/{contact_id}/bans", status_code=202, response_model=BansAnswer)
    async def set_bans(request: Request, contact_id: UUID, body: BansInput) -> Response:
        """Ban or free a contact on channels; answers the consent number that covers it."""

        async def work(unit: UnitOfWork) -> Answer:
            number = await ban_contact(contact_id, SetBans(**body.model_dump()), unit)
            return Answer(BansAnswer(consent_seq=number), 202)

        return await write(request, units, work)

    return router
