"""Routes of revenue targets: of a seller, a group or all, by month or quarter."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.engine import Row

from services.pipeline.api.fields import CurrencyCode, SellerKey
from services.pipeline.domain.money import LARGEST
from services.pipeline.domain.periods import PATTERN, Period
from services.pipeline.domain.revenue_targets import Span, TargetSubject, span_of
from services.pipeline.handlers.keep_revenue_targets import (
    RevenueTargetExists,
    Wanted,
    change_target,
    delete_target,
    found_target,
    set_target,
)
from services.pipeline.persistence.revenue_targets import list_targets
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

PATH = "/v1/revenue-targets"
PeriodName = Annotated[
    str,
    Field(
        max_length=7,
        description="a month or a quarter of 1900 to 2199",
        examples=["2026-11", "2026-Q4"],
        json_schema_extra={"pattern": PATTERN},
    ),
]


class AmountInput(Input):
    """How much is wanted. Another subject or period is another target."""

    amount: int = Field(ge=1, le=LARGEST, description="in minor units", examples=[25_000_000])
    currency: CurrencyCode | None = Field(
        default=None, description="the house's own if left out", examples=["EUR"]
    )


class RevenueTargetInput(AmountInput):
    """How much is wanted in a month or a quarter, of a seller or a group, of all if neither."""

    seller: SellerKey | None = None
    group_id: UUID | None = Field(default=None, description="with all groups below it")
    period: PeriodName


class RevenueTargetOutput(BaseModel):
    """A target as it stands; neither seller nor group: of all."""

    target_id: UUID
    version: int
    seller: str | None
    group_id: UUID | None
    period: str
    first_day: date
    amount: int = Field(description="in minor units")
    currency: str
    created_at: datetime
    updated_at: datetime


def revenue_targets_router(units: UnitOfWorkFactory, house: str) -> APIRouter:
    """Return the routes below /v1/revenue-targets; `house` is the currency where none is said."""
    router = APIRouter(prefix=PATH, tags=["revenue-targets"])

    def wanted(body: AmountInput) -> Wanted:
        return Wanted(body.amount, body.currency or house)

    async def answer(target_id: UUID, unit: UnitOfWork, status: int = 200) -> Answer:
        row = await found_target(target_id, unit.connection)
        headers = {"ETag": etag(row.version)}
        if status == 201:
            headers["Location"] = f"{PATH}/{target_id}"
        return Answer(_target(row), status, headers)

    @router.get("")
    async def show_all(
        seller: Annotated[SellerKey | None, Query(description="of this seller")] = None,
        group_id: Annotated[UUID | None, Query(description="of this group")] = None,
        of_all: Annotated[bool, Query(description="only those of all")] = False,
        kind: Annotated[Period | None, Query(description="only of months, quarters")] = None,
        period: Annotated[PeriodName | None, Query(description="only of this one")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[RevenueTargetOutput]:
        """List targets, in the order in which they were set."""
        async with units.engine.connect() as connection:
            rows = await list_targets(
                connection,
                subject=TargetSubject(seller, group_id),
                of_all=of_all,
                period=kind,
                span=None if period is None else span_of(period),
                after=cursor_id(cursor),
                limit=limit + 1,
            )
        return page_of([_target(row) for row in rows], limit, lambda one: (str(one.target_id),))

    @router.post(
        "",
        status_code=201,
        response_model=RevenueTargetOutput,
        responses=may_refuse(RevenueTargetExists),
    )
    async def add(request: Request, body: RevenueTargetInput) -> Response:
        """Set a target for a month or a quarter."""

        async def work(unit: UnitOfWork) -> Answer:
            subject = TargetSubject(body.seller, body.group_id)
            target_id = await set_target(subject, span_of(body.period), wanted(body), unit)
            return await answer(target_id, unit, 201)

        return await write(request, units, work)

    @router.get("/{target_id}")
    async def fetch(target_id: UUID, response: Response) -> RevenueTargetOutput:
        """Fetch a target."""
        async with units.engine.connect() as connection:
            row = await found_target(target_id, connection)
        response.headers["ETag"] = etag(row.version)
        return _target(row)

    @router.put("/{target_id}", response_model=RevenueTargetOutput)
    async def change(
        request: Request, target_id: UUID, body: AmountInput, expected: Expected
    ) -> Response:
        """Want another amount (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            await change_target(target_id, wanted(body), unit, expected=expected)
            return await answer(target_id, unit)

        return await write(request, units, work)

    @router.delete("/{target_id}", response_model=RevenueTargetOutput)
    async def delete(request: Request, target_id: UUID, expected: Expected) -> Response:
        """Take a target back (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            return Answer(_target(await delete_target(target_id, unit, expected=expected)))

        return await write(request, units, work)

    return router


def _target(row: Row[Any]) -> RevenueTargetOutput:
    span = Span(Period(row.period), row.first_day)
    return RevenueTargetOutput(**{**row._mapping, "period": span.called})
