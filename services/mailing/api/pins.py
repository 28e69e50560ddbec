"""Routes of pins: who is in a segment, or out of it, by hand."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from services.mailing.handlers import pin_contacts
from services.mailing.handlers.pin_contacts import Pin
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

Note = Annotated[
    str, StringConstraints(max_length=500, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class PinBody(Input):
    """A decision about one contact."""

    inside: bool = Field(description="true keeps the contact in, false keeps it out")
    note: Note = Field(default="", examples=["Asked by telephone"])


class PinShown(BaseModel):
    """A contact that is in or out by hand."""

    contact_id: UUID
    first_name: str
    last_name: str
    inside: bool
    note: str
    actor: str | None = None
    at: datetime


class Pinned(BaseModel):
    """A pin as it was set or removed."""

    segment_id: UUID
    contact_id: UUID
    inside: bool | None = Field(description="null: the rule decides again")


def pins_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes below /v1/segments/{segment_id}/pins."""
    router = APIRouter(prefix="/v1/segments/{segment_id}/pins", tags=["segments"])

    @router.get("")
    async def show_all(
        segment_id: UUID, cursor: Cursor = None, limit: Limit = 100
    ) -> Page[PinShown]:
        """List who is in or out by hand."""
        async with units() as uow:
            rows = await pin_contacts.list_pins(
                segment_id, uow, after=cursor_id(cursor), limit=limit + 1
            )
        items = [PinShown.model_validate(row, from_attributes=True) for row in rows]
        return page_of(items, limit, lambda one: (str(one.contact_id),))

    @router.put("/{contact_id}", response_model=Pinned)
    async def pin(request: Request, segment_id: UUID, contact_id: UUID, body: PinBody) -> Response:
        """Keep a contact in the segment or out of it; members follow in a moment."""

        async def work(uow: UnitOfWork) -> Answer:
            await pin_contacts.pin_contact(Pin(segment_id, contact_id, body.inside, body.note), uow)
            return Answer(Pinned(segment_id=segment_id, contact_id=contact_id, inside=body.inside))

        return await write(request, units, work)

    @router.delete("/{contact_id}", response_model=Pinned)
    async def unpin(request: Request, segment_id: UUID, contact_id: UUID) -> Response:
        """Let the rule decide again."""

        async def work(uow: UnitOfWork) -> Answer:
            await pin_contacts.unpin_contact(segment_id, contact_id, uow)
            return Answer(Pinned(segment_id=segment_id, contact_id=contact_id, inside=None))

        return await write(request, units, work)

    return router
