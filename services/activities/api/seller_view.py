"""Routes of the seller view: cards with counts, the lists behind them, neglected customers."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy.engine import Row

from services.activities.api.shapes import SellerKey
from services.activities.domain.activity import Channel, Direction, State
from services.activities.domain.cards import When
from services.activities.handlers.find_neglected import (
    Contact,
    Neglect,
    Neglected,
    Place,
    find_neglected,
)
from services.activities.handlers.keep_sellers import SellerNotFound
from services.activities.handlers.show_seller_view import (
    CardNotFound,
    seller_named,
    show_card,
    show_seller_view,
)
from shared.chassis.clock import day_of
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import BadCursor, Cursor, Limit, Page, page_of, read_cursor
from shared.chassis.http.shapes import Number
from shared.chassis.notices import Notices, TooManyListeners
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.api import Language

Days = Annotated[
    int, Query(ge=1, le=3650, description="after how many days without contact one is neglected")
]
Seller = Annotated[SellerKey, Query()]
WATCHED_SECONDS = 300
_EVENT = {
    "type": "object",
    "description": "One event: the view is to be asked for, now and whenever it has changed.",
    "properties": {
        "event": {"const": "changed"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "type": "object",
                "properties": {"seller": {"type": "string"}},
                "required": ["seller"],
            },
        },
    },
    "required": ["event", "data"],
}


class SellerShown(BaseModel):
    """The seller whose view it is."""

    seller: str
    name: str
    left_on: date | None = Field(description="his last day, if he has left")


class CardCounts(BaseModel):
    """How many activities assigned to the seller are on the card."""

    all: int
    today: int
    week: int = Field(description="of this ISO week, also those still to come")
    open: int
    overdue: int = Field(description="open, and due by now")


class CardOutput(BaseModel):
    """One card; the list behind each count is /v1/seller-view/cards/{number}/activities."""

    number: int
    label: str = Field(description="the title in the language asked for")
    counts: CardCounts


class SellerActivity(BaseModel):
    """An activity as lists of the seller view show it; values of lists by number."""

    activity_id: UUID
    version: int
    customer_id: UUID = Field(description="who stands for the customer now, if it was merged")
    customer_number: str
    customer_name: str
    category: int
    kind: int
    type: int
    subject: str
    state: State
    starts_at: datetime
    ends_at: datetime | None
    due_at: datetime | None
    overdue: bool
    channel: Channel | None
    direction: Direction | None


class NeglectedCount(BaseModel):
    """How many customers; where it is not exact, there are more."""

    customers: int
    exact: bool


class NeglectedCounts(BaseModel):
    """Customers without contact with the seller for so many days, or ever."""

    days: int
    lapsed: NeglectedCount = Field(description="the last contact is longer ago")
    never: NeglectedCount = Field(description="there was no contact with this seller")


class SellerViewOutput(BaseModel):
    """What a seller has done and is to do, at a moment."""

    seller: SellerShown
    as_of: datetime
    today: date
    week: list[date] = Field(description="first and last day of this ISO week")
    cards: list[CardOutput]
    next_actions: list[SellerActivity] = Field(
        description="the open ones that are due first, overdue ones before all"
    )
    neglected: NeglectedCounts


class NeglectedCustomer(BaseModel):
    """A customer without contact for some time."""

    customer_id: UUID
    number: str
    name: str
    last_contact: date | None = Field(description="the day of the last contact, if there was any")


def _activity(row: Row[Any], now: datetime) -> SellerActivity:
    overdue = row.state == State.OPEN and row.due_at < now
    return SellerActivity(**row._mapping, overdue=overdue)


def _place(cursor: str | None) -> tuple[datetime, UUID] | None:
    key = read_cursor(cursor, str, str)
    if key is None:
        return None
    try:
        return datetime.fromisoformat(str(key[0])).astimezone(UTC), UUID(str(key[1]))
    except (ValueError, OverflowError):
        raise BadCursor("The cursor belongs to another list.") from None


def _neglected_place(cursor: str | None) -> Place | None:
    key = read_cursor(cursor, str, str)
    if key is None:
        return None
    try:
        day = date.fromisoformat(str(key[0])) if key[0] else None
        return Place(day, UUID(str(key[1])))
    except ValueError:
        raise BadCursor("The cursor belongs to another list.") from None


class SellerViewChanged(BaseModel):
    """Says whose view may have changed."""

    seller: str


async def _events(seller: str, changes: AsyncGenerator[bool]) -> AsyncIterator[str]:
    event = f"event: changed\ndata: {SellerViewChanged(seller=seller).model_dump_json()}\n\n"
    async with aclosing(changes):
        yield event
        async for changed in changes:
            yield event if changed else ": alive\n\n"


def seller_view_router(units: UnitOfWorkFactory, zone: ZoneInfo, notices: Notices) -> APIRouter:
    """Return the routes below /v1/seller-view; days and weeks are of the zone."""
    router = APIRouter(
        prefix="/v1/seller-view", tags=["seller-view"], responses=may_refuse(SellerNotFound)
    )

    @router.get("")
    async def show(seller: Seller, days: Days = 90, language: Language = None) -> SellerViewOutput:
        """Show what a seller has done and is to do (LE-21): cards, next actions, neglect."""
        now = units.clock()
        async with units.engine.connect() as connection:
            view = await show_seller_view(seller, connection, days=days, now=now, zone=zone)
        return SellerViewOutput(
            seller=SellerShown.model_validate(view.seller, from_attributes=True),
            as_of=now,
            today=view.today,
            week=list(view.week),
            cards=[
                CardOutput(
                    number=card.number,
                    label=card.titles.get(language or "", card.title),
                    counts=CardCounts(**{when.value: count for when, count in counts.items()}),
                )
                for card, counts in view.cards
            ],
            next_actions=[_activity(row, now) for row in view.next_actions],
            neglected=NeglectedCounts(
                days=days,
                lapsed=NeglectedCount(customers=view.lapsed[0], exact=view.lapsed[1]),
                never=NeglectedCount(customers=view.never[0], exact=view.never[1]),
            ),
        )

    @router.get("/cards/{number}/activities", responses=may_refuse(SellerNotFound, CardNotFound))
    async def list_activities(
        number: Annotated[Number, Path()],
        seller: Seller,
        when: Annotated[When, Query(description="the count to list")] = When.ALL,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[SellerActivity]:
        """List what a count of a card counts: newest first; open ones by when they are due."""
        now = units.clock()
        async with units.engine.connect() as connection:
            rows = await show_card(
                seller,
                number,
                when,
                connection,
                now=now,
                zone=zone,
                after=_place(cursor),
                limit=limit + 1,
            )

        def key(one: SellerActivity) -> tuple[str, str]:
            at = one.due_at if when.is_due else one.starts_at
            assert at is not None
            return at.isoformat(), str(one.activity_id)

        return page_of([_activity(row, now) for row in rows], limit, key)

    @router.get("/neglected-customers")
    async def list_neglected(
        seller: Seller,
        days: Days = 90,
        by: Annotated[Contact, Query(description="whose contacts count")] = Contact.SELLER,
        which: Annotated[Neglect, Query()] = Neglect.ALL,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[NeglectedCustomer]:
        """List customers without contact for so many days, the longest first; then those never.

        A contact is a done activity. Customers that are deleted or ended are left out.
        """
        asked = Neglected(seller, days, day_of(units.clock(), zone), by, which)
        async with units.engine.connect() as connection:
            await seller_named(seller, connection)
            rows = await find_neglected(
                asked, connection, after=_neglected_place(cursor), limit=limit + 1
            )
        places = {row.customer_id: (str(row.day or ""), str(row.contacted)) for row in rows}
        items = [
            NeglectedCustomer(
                customer_id=row.customer_id,
                number=row.number,
                name=row.name,
                last_contact=row.day,
            )
            for row in rows
        ]
        return page_of(items, limit, lambda one: places[one.customer_id])

    @router.get(
        "/changes",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {"schema": _EVENT}}},
            **may_refuse(SellerNotFound, TooManyListeners),
        },
    )
    async def watch(
        seller: Seller,
        seconds: Annotated[
            int, Query(ge=1, le=WATCHED_SECONDS, description="after which the stream ends")
        ] = WATCHED_SECONDS,
    ) -> StreamingResponse:
        """
        Stream an event at once and whenever the view may have changed, as server-sent events.

        Ask for the view at each. Whoever listens connects again when the stream ends.
        """
        async with units.engine.connect() as connection:
            await seller_named(seller, connection)
        changes = notices.watch(seller, seconds=seconds)
        # The first one is taken before the answer begins: a refusal is then still an answer.
        await anext(changes)
        return StreamingResponse(
            _events(seller, changes),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return router
