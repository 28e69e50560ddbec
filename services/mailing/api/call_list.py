"""The route of call lists."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy.engine import Row

from services.mailing.api.shapes import UnknownShown
from services.mailing.domain.channels import Purpose
from services.mailing.handlers.call_list import (
    CallList,
    export_call_list,
    place_of,
    show_call_list,
)
from services.mailing.persistence.call_list import After
from shared.chassis.http.description import sends, streams
from shared.chassis.http.paging import BadCursor, Limit, read_cursor, write_cursor
from shared.chassis.spreadsheet import CSV
from shared.chassis.unit_of_work import UnitOfWorkFactory

MAX_CURSOR = 2000

Cursor = Annotated[
    str | None,
    Query(max_length=MAX_CURSOR, description="`next` of the page before; none for the first"),
]


class CalledShown(BaseModel):
    """Who answers under a number, and at which customer."""

    contact_id: UUID
    first_name: str
    last_name: str
    role: str | None
    customer_id: UUID | None
    customer_name: str | None
    customer_number: str | None


class CallShown(CalledShown):
    """A number to call."""

    phone: str = Field(description="E.164: the mobile, else the telephone")
    also: list[CalledShown] = Field(description="the first 20 others under this number")
    also_count: int = Field(description="all others under this number")


class CallListShown(BaseModel):
    """One page of numbers, with the totals of the whole list."""

    purpose: Purpose
    members: int
    without_number: int
    numbers: int
    banned: int = Field(description="who banned calls; none of them is listed for marketing")
    unknown_values: list[UnknownShown]
    items: list[CallShown]
    next: str | None


def call_list_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the route below /v1/segments."""
    router = APIRouter(prefix="/v1/segments", tags=["segments"])

    @router.get(
        "/{segment_id}/call-list",
        response_model=CallListShown,
        responses={200: streams(CSV)[200] | sends("Suhde-Members", "Suhde-Without-Number")},
    )
    async def call_list(
        segment_id: UUID,
        purpose: Purpose,
        format: Literal["json", "csv"] = "json",
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> CallListShown | Response:
        """List whom to telephone, each number once, by customer; CSV gives the whole list.

        The three bans stop letters, text messages and e-mail, and no call. For marketing those are
        left out whose number was banned here on the channel `call`.
        """
        if format == "csv":
            first, stream = await export_call_list(segment_id, purpose, units)
            return StreamingResponse(
                stream,
                media_type=CSV,
                headers={
                    "Content-Disposition": 'attachment; filename="call-list.csv"',
                    "Suhde-Members": str(first.members),
                    "Suhde-Without-Number": str(first.without_number),
                },
            )
        found = await show_call_list(
            segment_id, purpose, units, after=_after(cursor), limit=limit + 1
        )
        return _shown(found, purpose, limit)

    return router


def _shown(found: CallList, purpose: Purpose, limit: int) -> CallListShown:
    page = found.page
    shown = page.rows[:limit]
    return CallListShown(
        purpose=purpose,
        members=page.members,
        without_number=page.without_number,
        numbers=page.numbers,
        banned=page.banned,
        unknown_values=[UnknownShown.model_validate(one) for one in found.unknown],
        items=[_call(row) for row in shown],
        next=_cursor(shown[-1]) if len(page.rows) > limit else None,
    )


def _call(row: Row[Any]) -> CallShown:
    return CallShown(
        phone=row.phone,
        contact_id=row.contact_id,
        first_name=row.first_name,
        last_name=row.last_name,
        role=row.role,
        customer_id=row.customer_id,
        customer_name=row.name,
        customer_number=row.number,
        also=row.also,
        also_count=row.sharing,
    )


def _cursor(row: Row[Any]) -> str:
    place = place_of(row)
    return write_cursor(
        int(place.at_customer),
        place.customer,
        str(place.customer_id),
        place.person,
        str(place.contact_id),
    )


def _after(cursor: str | None) -> After | None:
    key = read_cursor(cursor, int, str, str, str, str)
    if key is None:
        return None
    at_customer, customer, customer_id, person, contact_id = key
    try:
        return After(
            bool(at_customer), str(customer), UUID(str(customer_id)), str(person),
            UUID(str(contact_id)),
        )  # fmt: skip
    except ValueError:
        raise BadCursor("The cursor belongs to another list.") from None
