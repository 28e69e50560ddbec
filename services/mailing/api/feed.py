"""Routes of what moves in a segment: a feed of events that can be resumed, and pages of it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from services.mailing.domain.refusals import SegmentNotFound
from services.mailing.handlers.evaluate_rule import find_segment
from services.mailing.handlers.read_moves import Moves, read_moves
from shared.chassis.database import is_transient
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import MAX_PAGE, Limit
from shared.chassis.logs import get_logger
from shared.chassis.notices import Notices, TooManyListeners
from shared.chassis.unit_of_work import UnitOfWorkFactory

WATCHED_SECONDS = 900
MOST_BEHIND = 10_000
"""Whoever is further behind reads the members, which is cheaper."""
LAST_POSITION = 2**63 - 1
_EVENT = {
    "type": "object",
    "description": "One event. `moved`: one contact came or went. `replaced`: read the members "
    "anew, the feed goes on behind. `removed`: there is no such segment any more.",
    "properties": {
        "event": {"enum": ["moved", "replaced", "removed"]},
        "id": {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "the position; resume with it",
        },
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}

log = get_logger(__name__)

Position = Annotated[
    int | None, Query(ge=0, le=LAST_POSITION, description="the last position that was read")
]


class MoveShown(BaseModel):
    """One contact came into a segment or left it."""

    position: int
    contact_id: UUID
    entered: bool
    at: datetime
    cause: str = Field(description="event, day, rule, pin or check")
    told_type: str | None = Field(description="type of the event that told the fact")
    told_by: str | None = Field(description="its id")


class MovesShown(BaseModel):
    """Moves in the order of their positions."""

    items: list[MoveShown]
    position: int = Field(description="the next moves come after it")
    more: bool = Field(description="there are some already")
    replaced: bool = Field(
        description="no position was sent, or one that was never given out here: read the members, "
        "then ask after `position`"
    )


class Placed(BaseModel):
    """A segment, and up to where it has been told."""

    segment_id: UUID
    position: int


def feed_router(units: UnitOfWorkFactory, notices: Notices) -> APIRouter:
    """Return the routes of moves and of the feed below /v1/segments/{segment_id}."""
    router = APIRouter(prefix="/v1/segments/{segment_id}", tags=["segments"])

    @router.get("/moves")
    async def moves(segment_id: UUID, after: Position = None, limit: Limit = 100) -> MovesShown:
        """List who came and who left behind a position, in order."""
        async with units.engine.connect() as connection:
            found = await read_moves(segment_id, connection, after=after, limit=limit)
        return MovesShown(
            items=_shown(found),
            position=found.position,
            more=found.more,
            replaced=found.replaced,
        )

    @router.get(
        "/feed",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {"schema": _EVENT}}},
            **may_refuse(SegmentNotFound, TooManyListeners),
        },
    )
    async def feed(
        segment_id: UUID,
        after: Position = None,
        last_event_id: Annotated[
            int | None,
            Header(
                alias="Last-Event-ID",
                ge=0,
                le=LAST_POSITION,
                description="goes before `after`; browsers send it",
            ),
        ] = None,
        seconds: Annotated[
            int, Query(ge=1, le=WATCHED_SECONDS, description="after which the stream ends")
        ] = WATCHED_SECONDS,
    ) -> StreamingResponse:
        """
        Stream who comes and who leaves as server-sent events, without a gap and nobody twice.

        Whoever sends no position, or is more than 10,000 moves behind, first gets `replaced`: read
        the members then. Connect again with the last id when the stream ends.
        """
        async with units.engine.connect() as connection:
            await find_segment(segment_id, connection)
        noticed = notices.watch(str(segment_id), seconds=seconds)
        # From here on all is heard; a refusal is still an answer.
        await anext(noticed)
        position = after if last_event_id is None else last_event_id
        return StreamingResponse(
            _events(segment_id, position, noticed, units),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return router


async def _events(
    segment_id: UUID, after: int | None, noticed: AsyncGenerator[bool], units: UnitOfWorkFactory
) -> AsyncIterator[str]:
    news: bool | None = True
    async with aclosing(noticed):
        while news is not None:
            # Whoever waits sees at once that he is heard.
            yield ": alive\n\n"
            while news:
                try:
                    async with units.engine.connect() as connection:
                        found = await read_moves(
                            segment_id,
                            connection,
                            after=after,
                            limit=MAX_PAGE,
                            most_behind=MOST_BEHIND,
                        )
                except SegmentNotFound:
                    yield _event("removed", Placed(segment_id=segment_id, position=after or 0))
                    return
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("feed_cut_off", error=repr(error)[:200])
                    return
                if found.replaced:
                    placed = Placed(segment_id=segment_id, position=found.position)
                    yield _event("replaced", placed, found.position)
                elif found.rows:
                    yield "".join(_event("moved", one, one.position) for one in _shown(found))
                after, news = found.position, found.more
            news = await anext(noticed, None)


def _shown(found: Moves) -> list[MoveShown]:
    return [MoveShown.model_validate(row, from_attributes=True) for row in found.rows]


def _event(name: str, data: BaseModel, position: int | None = None) -> str:
    place = "" if position is None else f"id: {position}\n"
    return f"event: {name}\n{place}data: {data.model_dump_json()}\n\n"
