"""Routes that suggest duplicates and remember which are none."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.api.shapes import ONE, OTHER
from services.customers.domain.duplicates import RULES, Reason
from services.customers.handlers import find_duplicates as handler
from services.customers.handlers.change_bans import ContactNotFound, CustomerNotFound
from services.customers.handlers.live import live_contact, live_customer
from services.customers.persistence.contacts import fetch_contacts
from services.customers.persistence.customers import fetch_customers
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import (
    BadCursor,
    Cursor,
    Limit,
    Page,
    read_cursor,
    write_cursor,
)
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

_NOT_FOUND = {"customer": CustomerNotFound, "contact": ContactNotFound}


class Alike(BaseModel):
    """A record, as much as it takes to compare it; the fields of a customer or of a contact."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    version: int
    number: str | None = None
    name: str | None = None
    business_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    mobile: str | None = None
    deleted: bool = Field(description="restored with `merge_into`, it is merged into a live one")


class SuggestionOutput(BaseModel):
    """Records that may be one: what they agree in, and from 0 to 1 how much that says."""

    reason: Reason
    score: float
    records: list[Alike]
    count: int = Field(description="of all who agree; more than are shown where they are many")


class DuplicateOutput(Alike):
    """A record that may be the same as the one asked about."""

    score: float
    reasons: list[Reason]


class DismissalInput(Input):
    """Two records that are not the same."""

    one: UUID = Field(examples=[ONE])
    other: UUID = Field(examples=[OTHER])


class DismissalOutput(BaseModel):
    """A pair that is suggested no more: who said so, and when."""

    model_config = ConfigDict(from_attributes=True)

    one: UUID
    other: UUID
    at: datetime
    actor: str | None


def duplicates_output(
    found: Iterable[tuple[Row[Any], float, list[Reason]]],
) -> list[DuplicateOutput]:
    """Return the answer for the duplicates of one record."""
    return [
        DuplicateOutput(**Alike.model_validate(row).model_dump(), score=score, reasons=reasons)
        for row, score, reasons in found
    ]


def duplicates_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes of duplicates, the same for customers and contacts."""
    router = APIRouter(prefix="/v1", tags=["duplicates"])

    def add_routes(record: str) -> None:
        @router.get(f"/{record}-duplicates", operation_id=f"suggest_{record}_duplicates")
        async def suggest(cursor: Cursor = None, limit: Limit = 50) -> Page[SuggestionOutput]:
            """Suggest what may be one, the strongest reasons first; dismissed pairs are left out.

            A page may be shorter than asked for and yet have a next one.
            """
            async with units.engine.connect() as connection:
                groups, more = await handler.find_duplicates(
                    connection, record, after=_after(record, cursor), limit=limit
                )
            return Page(
                items=[
                    SuggestionOutput(
                        reason=one.reason,
                        score=one.score,
                        records=[Alike.model_validate(row) for row in one.records],
                        count=one.count,
                    )
                    for one in groups
                ],
                next=None if more is None else write_cursor(more[0], *more[1]),
            )

        @router.get(f"/{record}s/{{record_id}}/duplicates", operation_id=f"{record}_duplicates")
        async def of_one(record_id: UUID) -> list[DuplicateOutput]:
            """Tell who may be the same as this one, the most alike first."""
            async with units.engine.connect() as connection:
                await _refuse_unknown(record, record_id, connection)
                found = await handler.duplicates_of(connection, record, record_id)
            return duplicates_output(found)

        @router.post(
            f"/{record}-duplicates/dismissals",
            operation_id=f"dismiss_{record}_duplicate",
            response_model=DismissalOutput,
            responses=may_refuse(_NOT_FOUND[record]),
        )
        async def dismiss(request: Request, body: DismissalInput) -> Response:
            """Remember that two are not the same; they are suggested no more."""

            async def work(unit: UnitOfWork) -> Answer:
                row = await handler.dismiss(record, body.one, body.other, unit)
                return Answer(DismissalOutput.model_validate(row))

            return await write(request, units, work)

    for record in RULES:
        add_routes(record)
    return router


def _after(record: str, cursor: str | None) -> handler.Cursor | None:
    for columns in {len(rule.columns) for rule in RULES[record]}:
        key = read_cursor(cursor, int, *([str] * columns))
        if key is None:
            return None
        place, *keys = key
        if 0 <= int(place) < len(RULES[record]):
            return int(place), tuple(str(one) for one in keys)
    raise BadCursor("The cursor belongs to another list.")


async def _refuse_unknown(record: str, record_id: UUID, connection: AsyncConnection) -> None:
    if record == "customer":
        live_customer(await fetch_customers(connection, [record_id]), record_id)
    else:
        live_contact(await fetch_contacts(connection, [record_id]), record_id)
