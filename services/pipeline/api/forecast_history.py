"""Routes of what was believed at a moment, and of why it is another now (TS-27, TS-30, TS-31)."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.pipeline.api.ranges import (
    CommittedFrom,
    Format,
    From,
    Into,
    Moment,
    OfGroup,
    OfSeller,
    To,
    read_place,
    table,
)
from services.pipeline.domain.as_of import AsOf
from services.pipeline.domain.bridge import Cause, Measure
from services.pipeline.domain.forecasts import COMMITTED_FROM, Dimension
from services.pipeline.domain.months import Months, refuse_future
from services.pipeline.handlers.fix_rates import NoRate
from services.pipeline.handlers.read_as_of import Line, read_as_of
from services.pipeline.handlers.read_bridge import Explained, Shown, read_bridge, read_cause
from services.pipeline.handlers.read_forecast import TooManyLines
from services.pipeline.persistence.bridge import FIRST, Span
from services.pipeline.persistence.standing import Who
from shared.chassis.clock import day_of
from shared.chassis.http.description import may_refuse, streams
from shared.chassis.http.paging import Cursor, Limit, Page, page_of
from shared.chassis.spreadsheet import CSV
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.api import Language

Between = Callable[[datetime, datetime | None], Span]
"""Makes of two moments, the second now if left out, the span that a request asks for."""

Measured = Annotated[Measure, Query(description="which amounts; all with what is won")]


class BelievedLine(BaseModel):
    """Amounts in minor units of one thing in one currency; null is none of it."""

    by: str | None = Field(description="number, key, id, or name of the month or quarter")
    label: str | None = Field(description="what people call it, in the language asked for")
    currency: str
    opportunities: int = Field(description="open and won ones")
    won: int
    weighted: int = Field(description="won, and the expected part of what is open")
    best: int = Field(description="won, and all that is open")
    worst: int = Field(description="won")
    committed: int = Field(description="won, and what is open from a probability on")


class BelievedTotal(BaseModel):
    """Amounts in minor units of one currency; every opportunity is in them once."""

    currency: str
    opportunities: int
    won: int
    weighted: int
    best: int
    worst: int
    committed: int


class BelievedOutput(BaseModel):
    """A forecast as it was believed at a moment."""

    at: datetime
    lines: list[BelievedLine]
    totals: list[BelievedTotal] = Field(
        description="by currency; no sum of lines where these are groups"
    )


class BridgeOpportunity(BaseModel):
    """An opportunity at both ends, in minor units."""

    opportunity_id: UUID
    customer_id: UUID
    name: str
    currency: str
    before: int
    after: int
    amount: int = Field(description="after less before")


class BridgeStep(BaseModel):
    """What one cause did."""

    cause: Cause
    opportunities: int
    amount: int = Field(description="what it added, in minor units; negative what it took")
    first: list[BridgeOpportunity] = Field(
        description=f"{FIRST} at most, those that moved most; all: .../bridge/{{cause}}"
    )


class BridgeOutput(BaseModel):
    """The way of a forecast in one currency: start and all steps sum to the end."""

    currency: str
    start: int
    end: int
    unchanged: int = Field(description="opportunities that count at both ends with one amount")
    steps: list[BridgeStep]


class BridgesOutput(BaseModel):
    """Why a forecast is another than it was: one bridge per currency, or of all converted."""

    since: datetime
    until: datetime
    measure: Measure
    bridges: list[BridgeOutput]


def _amounts(line: Line) -> dict[str, Any]:
    row = line.amounts
    names = ("currency", "opportunities", "won", "weighted", "best", "committed")
    return {**{name: getattr(row, name) for name in names}, "worst": row.won}


def _opportunity(shown: Shown) -> BridgeOpportunity:
    return BridgeOpportunity(
        opportunity_id=shown.opportunity_id,
        customer_id=shown.customer_id,
        name=shown.name,
        currency=shown.currency,
        before=shown.before,
        after=shown.after,
        amount=shown.after - shown.before,
    )


def _bridges(found: Explained) -> list[BridgeOutput]:
    return [
        BridgeOutput(
            currency=bridge.currency,
            start=bridge.start,
            end=bridge.end,
            unchanged=bridge.unchanged,
            steps=[
                BridgeStep(
                    cause=step.cause,
                    opportunities=step.count,
                    amount=step.amount,
                    first=[_opportunity(one) for one in found.first[bridge.currency, step.cause]],
                )
                for step in bridge.steps
            ],
        )
        for bridge in found.bridges
    ]


def forecast_history_router(units: UnitOfWorkFactory, zone: ZoneInfo, house: str) -> APIRouter:
    """Return the routes; days are those of the zone, `house` is the currency that rates are in."""
    router = APIRouter(prefix="/v1/forecasts", tags=["forecast-history"])

    async def compared(
        first: From,
        to: To,
        measure: Measured = Measure.WEIGHTED,
        seller: OfSeller = None,
        group_id: OfGroup = None,
        currency: Into = None,
        committed_from: CommittedFrom = COMMITTED_FROM,
    ) -> Between:
        def between(since: datetime, until: datetime | None) -> Span:
            months = Months.between(first, to)
            now = units.clock()
            refuse_future("since", since, now)
            refuse_future("until", until or now, now)
            return Span(
                since=since,
                until=until or now,
                since_day=day_of(since, zone),
                until_day=day_of(until or now, zone),
                months=months,
                measure=measure,
                committed_from=committed_from,
                who=Who(seller, group_id),
                currency=currency,
            )

        return between

    @router.get(
        "/as-of",
        response_model=BelievedOutput,
        responses={**streams(CSV), **may_refuse(TooManyLines)},
    )
    async def as_of(
        at: Annotated[
            Moment, Query(description="not in the future", examples=["2026-11-01T08:00:00+02:00"])
        ],
        first: From,
        to: To,
        by: Dimension = Dimension.MONTH,
        seller: OfSeller = None,
        group_id: OfGroup = None,
        committed_from: CommittedFrom = COMMITTED_FROM,
        language: Language = None,
        format: Format = "json",
    ) -> Any:
        """Show the forecast as it was believed at a moment: what was open and won then.

        An open opportunity counts in the month in which it was expected to close, a won one on its
        day. In a group are those who were on that day, of open ones on the day of the moment.
        """
        refuse_future("at", at, units.clock())
        asked = AsOf(
            at=at,
            day=day_of(at, zone),
            months=Months.between(first, to),
            by=by,
            committed_from=committed_from,
            seller=seller,
            group=group_id,
        )
        async with units.engine.connect() as connection:
            found = await read_as_of(asked, connection, language=language)
        lines = [
            BelievedLine(by=line.key, label=line.label, **_amounts(line)) for line in found.lines
        ]
        if format == "csv":
            return table("forecast-as-of", BelievedLine, lines)
        return BelievedOutput(
            at=at,
            lines=lines,
            totals=[BelievedTotal(**_amounts(line)) for line in found.totals],
        )

    @router.get("/bridge", responses=may_refuse(NoRate))
    async def bridge(
        since: Annotated[
            Moment, Query(description="where it begins", examples=["2026-11-01T08:00:00+02:00"])
        ],
        between: Annotated[Between, Depends(compared)],
        until: Annotated[Moment | None, Query(description="where it ends; now if left out")] = None,
    ) -> BridgesOutput:
        """Explain, cause by cause, why a forecast is another than it was; it adds up.

        Each opportunity that counts at either end has one cause. All rates are those of the day on
        which the bridge ends, so that none is a cause; without `currency` each currency has a
        bridge of its own.
        """
        asked = between(since, until)
        async with units.engine.connect() as connection:
            found = await read_bridge(asked, connection, house=house)
        return BridgesOutput(
            since=since, until=asked.until, measure=asked.measure, bridges=_bridges(found)
        )

    @router.get("/bridge/{cause}", responses=may_refuse(NoRate))
    async def cause(
        cause: Cause,
        since: Annotated[
            Moment, Query(description="where it begins", examples=["2026-11-01T08:00:00+02:00"])
        ],
        until: Annotated[
            Moment,
            Query(description="`until` of the bridge", examples=["2026-11-23T08:00:00+02:00"]),
        ],
        between: Annotated[Between, Depends(compared)],
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[BridgeOpportunity]:
        """List the opportunities of one cause of a bridge, those that moved most first."""
        asked = between(since, until)
        async with units.engine.connect() as connection:
            rows = await read_cause(
                asked, cause, connection, house=house, after=read_place(cursor), limit=limit
            )
        return page_of(
            [_opportunity(row) for row in rows],
            limit,
            lambda one: (abs(one.amount), str(one.opportunity_id), one.currency),
        )

    return router
