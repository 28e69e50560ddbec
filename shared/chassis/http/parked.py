"""Routes to look at parked messages and to get them going again, one inbox per service."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.chassis import parking
from shared.chassis.http.paging import Cursor, Limit, Page, page_of, read_cursor
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.chassis.worker import Worker

SHOWN_BYTES = 65_536

# As large as a number in JSON is surely kept.
Seq = Annotated[int, Field(ge=0, lt=2**53)]
Reason = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


class ParkedMessage(BaseModel):
    """A message set aside, why, and what to do about it."""

    seq: int
    source: str
    message_id: str
    type: str
    reason: str
    detail: str
    attempts: int
    received_at: datetime


class ParkedMessageWhole(ParkedMessage):
    """The same with its raw body (at most 64 kB of it, as text) and headers."""

    body: str
    headers: dict[str, Any]


class InboxCounts(BaseModel):
    """How many messages are in which state, and the parked ones by reason."""

    states: dict[str, int]
    parked_by_reason: dict[str, int]


class Redrive(BaseModel):
    """Which parked messages to put back to work: by number, by reason, or all."""

    model_config = ConfigDict(extra="forbid")

    seqs: Annotated[list[Seq], Field(max_length=1000)] | None = None
    reason: Reason | None = None
    all: bool = Field(default=False, examples=[True])

    @model_validator(mode="after")
    def _something(self) -> "Redrive":
        if not self.all and self.seqs is None and self.reason is None:
            raise ValueError("name seqs or a reason, or set all to true")
        return self


class Redriven(BaseModel):
    """How many messages were put back to work."""

    redriven: int


def parked_router(service: str, units: UnitOfWorkFactory, worker: Worker) -> APIRouter:
    """Return the routes of one service's inbox, below /v1/inboxes/<service>."""
    router = APIRouter(prefix=f"/v1/inboxes/{service}", tags=["inboxes"])

    @router.get("", operation_id=f"count_{service}_inbox")
    async def counts() -> InboxCounts:
        """Count messages by state, and parked ones by reason."""
        async with units.engine.connect() as connection:
            return InboxCounts(
                states=await parking.count_by_state(connection),
                parked_by_reason=await parking.count_by_reason(connection),
            )

    @router.get("/parked-messages", operation_id=f"list_{service}_parked_messages")
    async def parked_messages(
        reason: Annotated[Reason | None, Query()] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[ParkedMessage]:
        """List parked messages in order of arrival."""
        key = read_cursor(cursor, int)
        async with units.engine.connect() as connection:
            rows = await parking.list_parked(
                connection, reason=reason, after=int(key[0]) if key else 0, limit=limit + 1
            )
        items = [ParkedMessage.model_validate(row, from_attributes=True) for row in rows]
        return page_of(items, limit, lambda one: (one.seq,))

    @router.get("/parked-messages/{seq}", operation_id=f"show_{service}_parked_message")
    async def parked_message(seq: Seq) -> ParkedMessageWhole:
        """Show one parked message with its body and headers."""
        async with units.engine.connect() as connection:
            row, body, headers = await parking.show_parked(connection, seq)
        return ParkedMessageWhole(
            **ParkedMessage.model_validate(row, from_attributes=True).model_dump(),
            body=body[:SHOWN_BYTES].decode(errors="replace"),
            headers=headers,
        )

    @router.post("/redrive", operation_id=f"redrive_{service}_inbox", response_model=Redriven)
    async def redrive(request: Request, command: Redrive) -> Response:
        """Put parked messages back to work. Unreadable ones stay: they cannot become readable."""

        async def work(unit: UnitOfWork) -> Answer:
            count = await parking.redrive(
                unit.connection, seqs=command.seqs, reason=command.reason, now=unit.now
            )
            return Answer(Redriven(redriven=count))

        response = await write(request, units, work)
        worker.wake()
        return response

    return router
