"""Routes of the consent log."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.consent_log import What
from services.mailing.handlers.read_consent_log import export_log, show_log
from shared.chassis.http.description import streams
from shared.chassis.http.paging import Cursor, Limit, Page, page_of, read_cursor
from shared.chassis.unit_of_work import UnitOfWorkFactory

NDJSON = "application/x-ndjson"


class RecordShown(BaseModel):
    """One record of the log. Its hash covers all the rest of it, with the hash before it."""

    position: int
    at: datetime
    what: What
    channel: Channel
    key: str | None = Field(
        description="what is banned or written to: the keyed hash of an address, or the contact or "
        "customer itself"
    )
    subject: str = Field(description="who holds the ban, or who is handed off")
    customers: list[str] = Field(description="of a hand-off: in whose name")
    topic: str | None
    ends_at: datetime | None = Field(description="from here on a ban no longer stands")
    purpose: Purpose | None
    campaign: str | None
    source: str | None
    how: str | None
    actor: str | None
    text_version: str | None
    evidence: str | None = Field(description="id of the event, ban or hand-off")
    consent_seq: int | None
    previous: str
    hash: str


def consent_log_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the route of the consent log."""
    router = APIRouter(prefix="/v1", tags=["consent log"])

    @router.get("/consent-log", response_model=Page[RecordShown], responses=streams(NDJSON))
    async def consent_log(
        format: Literal["json", "ndjson"] = "json", cursor: Cursor = None, limit: Limit = 100
    ) -> Page[RecordShown] | Response:
        """List what was banned, lifted and handed off; NDJSON gives the whole log.

        `suhde consent verify` checks such a file without any server.
        """
        if format == "ndjson":
            return StreamingResponse(
                export_log(units),
                media_type=NDJSON,
                headers={"Content-Disposition": 'attachment; filename="consent-log.ndjson"'},
            )
        key = read_cursor(cursor, int)
        records = await show_log(units, after=int(key[0]) if key else 0, limit=limit + 1)
        shown = [RecordShown.model_validate(record) for record in records]
        return page_of(shown, limit, lambda one: (one.position,))

    return router
