"""Routes of calendar feeds: given out and revoked with the key, read by whoever has the address."""

import hashlib
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from services.activities.api.shapes import SellerKey
from services.activities.handlers.keep_calendar_feeds import (
    FeedNotFound,
    TooManyFeeds,
    feed_calendar,
    give_feed,
    revoke_feed,
)
from services.activities.handlers.keep_sellers import SellerNotFound
from services.activities.persistence.calendar_feeds import list_feeds
from services.activities.persistence.sellers import find_seller
from shared.chassis.errors import Kind, Refusal
from shared.chassis.http.description import PUBLIC, WITHOUT_KEY, may_refuse, sends
from shared.chassis.http.keys import KEY_NAME
from shared.chassis.http.rate import Rate
from shared.chassis.http.shapes import Input, Name
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

PREFIX = "/calendar"
MEDIA_TYPE = "text/calendar; charset=utf-8"
MOST_A_MINUTE = 30
MOST_A_MINUTE_OF_ALL = 1200


class CalendarBusy(Refusal):
    """Calendars are asked for more often than is served."""

    kind = Kind.UNAVAILABLE
    slug = "calendar_busy"
    remedy = "Ask again after the time in Retry-After; once an hour is enough."


class CalendarFeedInput(Input):
    """What a feed is for, such as the device that reads it."""

    title: Annotated[Name, Field(examples=["Anna's phone"], description="also the calendar's")] = ""


class CalendarFeedOutput(BaseModel):
    """A feed that may be read, by whoever was given its address."""

    feed_id: UUID
    title: str
    created_at: datetime


class NewCalendarFeed(CalendarFeedOutput):
    """A feed with its address, which is shown this once."""

    address: str = Field(
        description="put it behind the address of this API; whoever has it reads the calendar",
        examples=["/calendar/W9w1o0Zk3cSxqT5uQ8b7dYf2nKjLrAeHgVmPiXtC4Us.ics"],
    )


class RevokedCalendarFeed(BaseModel):
    """Which feed was revoked."""

    revoked: UUID


def calendar_feeds_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes that give out, list and revoke feeds."""
    router = APIRouter(prefix="/v1/sellers/{seller}/calendar-feeds", tags=["calendar-feeds"])

    @router.post(
        "",
        status_code=201,
        response_model=NewCalendarFeed,
        responses=may_refuse(SellerNotFound, TooManyFeeds),
        openapi_extra=WITHOUT_KEY,
    )
    async def give(seller: SellerKey, body: CalendarFeedInput, response: Response) -> object:
        """Give out the address of a calendar of a seller's activities.

        The address is told in this answer and never again: no Idempotency-Key is taken, since the
        answer would have to be kept. Whoever sends this twice revokes the one too many.
        """
        async with units() as unit:
            await unit.act_as(KEY_NAME)
            feed = await give_feed(seller, body.title, unit)
        response.headers["Location"] = f"/v1/sellers/{seller}/calendar-feeds/{feed.feed_id}"
        response.headers["Cache-Control"] = "no-store"
        return NewCalendarFeed(
            feed_id=feed.feed_id,
            title=feed.title,
            created_at=feed.created_at,
            address=f"{PREFIX}/{feed.secret}.ics",
        )

    @router.get("", responses=may_refuse(SellerNotFound))
    async def show_all(seller: SellerKey) -> list[CalendarFeedOutput]:
        """List the feeds of a seller; their addresses are not known here."""
        async with units.engine.connect() as connection:
            if await find_seller(connection, seller) is None:
                raise SellerNotFound(f"There is no seller {seller!r}.")
            rows = await list_feeds(connection, seller)
        return [CalendarFeedOutput.model_validate(row, from_attributes=True) for row in rows]

    @router.delete(
        "/{feed_id}", response_model=RevokedCalendarFeed, responses=may_refuse(FeedNotFound)
    )
    async def revoke(request: Request, seller: SellerKey, feed_id: UUID) -> Response:
        """Revoke a feed; its address leads nowhere at once."""

        async def work(unit: UnitOfWork) -> Answer:
            await revoke_feed(seller, feed_id, unit)
            return Answer(RevokedCalendarFeed(revoked=feed_id))

        return await write(request, units, work)

    return router


def calendars_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the route of the calendars themselves, which asks for no key but the address."""
    router = APIRouter(prefix=PREFIX, tags=["calendar-feeds"])
    each, all_ = Rate(MOST_A_MINUTE), Rate(MOST_A_MINUTE_OF_ALL)

    @router.get(
        "/{secret}.ics",
        response_class=Response,
        responses={
            200: {"content": {"text/calendar": {"schema": {"type": "string"}}}, **sends("ETag")},
            304: {
                "description": "It is still as the ETag in If-None-Match says.",
                **sends("ETag"),
            },
            **may_refuse(FeedNotFound, CalendarBusy),
        },
        openapi_extra=PUBLIC,
    )
    async def calendar(
        request: Request, secret: Annotated[str, InPath(min_length=1, max_length=100)]
    ) -> Response:
        """Read the calendar of an address: a month back, a year ahead, 2,000 events at most."""
        if not (all_.take("") and each.take(hashlib.sha256(secret.encode()).hexdigest())):
            raise CalendarBusy("The calendar is asked for too often.")
        async with units.engine.connect() as connection:
            body = await feed_calendar(secret, connection, now=units.clock())
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, max-age=300"}
        known = request.headers.get("if-none-match", "")
        if tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=MEDIA_TYPE, headers=headers)

    return router
