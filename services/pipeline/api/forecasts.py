"""Routes of forecasts and of what they cover of a revenue target, as JSON and as a table."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from services.pipeline.domain import periods
from services.pipeline.domain.forecasts import COMMITTED_FROM, Question
from services.pipeline.domain.periods import read_period
from services.pipeline.handlers.fix_rates import NoRate
from services.pipeline.handlers.read_forecast import (
    Amounts,
    Forecast,
    Line,
    NoTarget,
    TooManyLines,
    read_coverage,
    read_forecast,
)
from shared.chassis.http.description import may_refuse, streams
from shared.chassis.http.shapes import Number
from shared.chassis.spreadsheet import CSV, csv_lines
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.api import Language

PeriodName = Annotated[str, StringConstraints(pattern=periods.PATTERN)]
Numbers = Annotated[list[Number] | None, Query(max_length=100, description="one of these numbers")]
Seller = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[^\s/?#\x00-\x1f\x7f]+$"),
    Field(examples=["anna.k"]),
]
GroupId = Annotated[
    UUID | None, Query(description="the shares of who is in this group or below it")
]


class AmountsOutput(BaseModel):
    """What is won and open in one currency, in minor units; `best` is both of these."""

    currency: str
    won: int
    weighted: int = Field(description="won, and the expected part of what is open")
    best: int = Field(description="won, and all that is open")
    worst: int = Field(description="won")
    committed: int = Field(description="won, and what is open from a probability on")
    open: int
    opportunities: int = Field(description="open or won, each once, however many share it")


class ForecastLine(AmountsOutput):
    """The amounts of one thing, or of a pair; null is none of it."""

    by: str | None = Field(description="month, quarter, key of a seller, id of a group, or number")
    label: str | None = Field(description="what people call it, in the language asked for")
    and_by: str | None = None
    and_label: str | None = None


class ForecastOutput(BaseModel):
    """A forecast of a period."""

    since: date
    until: date
    lines: list[ForecastLine]
    totals: list[AmountsOutput] = Field(description="by currency; each opportunity once")
    adds_up: bool = Field(
        description="whether the amounts of the lines make the totals; they do not where a seller "
        "is in several groups, or a customer holds several values"
    )


class CoverageOutput(BaseModel):
    """A revenue target against what is won and open in its period, in minor units."""

    since: date
    until: date
    currency: str
    target: int
    won: int
    still_wanted: int = Field(description="0 if the target is reached")
    open: int = Field(description="all that is open: the best that can still come")
    open_weighted: int = Field(description="the expected part of it")
    coverage: Decimal | None = Field(
        description="how many times `open` is what is still wanted; null if nothing is",
        examples=["2.75"],
    )
    gap: int = Field(description="the target less won and expected; negative if these are more")


def _sums(amounts: Amounts) -> dict[str, Any]:
    return {
        "currency": amounts.currency,
        "won": amounts.won,
        "weighted": amounts.weighted,
        "best": amounts.won + amounts.open,
        "worst": amounts.won,
        "committed": amounts.committed,
        "open": amounts.open,
        "opportunities": amounts.opportunities,
    }


def _line(line: Line) -> ForecastLine:
    first, second = line.names[0], line.names[1] if len(line.names) > 1 else None
    return ForecastLine(
        by=first and first.key,
        label=first and first.label,
        and_by=second and second.key,
        and_label=second and second.label,
        **_sums(line.amounts),
    )


def _adds_up(found: Forecast) -> bool:
    def sums(many: list[Amounts]) -> tuple[int, ...]:
        return (
            sum(one.won for one in many),
            sum(one.weighted for one in many),
            sum(one.open for one in many),
            sum(one.committed for one in many),
        )

    lines = [line.amounts for line in found.lines]
    return all(
        sums([total]) == sums([one for one in lines if one.currency == total.currency])
        for total in found.totals
    )


def _output(question: Question, found: Forecast) -> ForecastOutput:
    return ForecastOutput(
        since=question.since,
        until=question.until,
        lines=[_line(one) for one in found.lines],
        totals=[AmountsOutput(**_sums(one)) for one in found.totals],
        adds_up=_adds_up(found),
    )


HEADER = (
    *("by", "label", "and_by", "and_label", "currency", "won", "weighted", "best", "worst"),
    *("committed", "open", "opportunities"),
)


def _table(output: ForecastOutput) -> Response:
    rows = [[getattr(one, column) for column in HEADER] for one in output.lines]
    headers = {"Content-Disposition": 'attachment; filename="forecast.csv"'}
    return Response(csv_lines([HEADER, *rows]), media_type=CSV, headers=headers)


def forecasts_router(units: UnitOfWorkFactory, today: Callable[[], date], house: str) -> APIRouter:
    """Return the routes below /v1/forecasts; `house` is the currency that rates are in."""
    router = APIRouter(prefix="/v1/forecasts", tags=["forecasts"])

    @router.get(
        "",
        response_model=ForecastOutput,
        responses={**streams(CSV), **may_refuse(TooManyLines, NoRate)},
    )
    async def forecast(
        since: Annotated[
            PeriodName, Query(alias="from", description="a month or quarter", examples=["2026-11"])
        ],
        until: Annotated[
            PeriodName, Query(alias="to", description="the last one", examples=["2027-10"])
        ],
        by: Annotated[
            str,
            StringConstraints(pattern="^[a-z_]{1,40}(,[a-z_]{1,40})?$"),
            Query(
                description="month, quarter, seller, group, pipeline, stage, type, or a list that "
                "customers are sorted by; or two of them",
                examples=["month,group"],
            ),
        ] = "month",
        pipeline: Numbers = None,
        seller: Annotated[
            list[Seller] | None, Query(max_length=100, description="the shares of these sellers")
        ] = None,
        group_id: GroupId = None,
        type: Numbers = None,
        stage: Numbers = None,
        committed_from: Annotated[
            int, Query(ge=0, le=100, description="what is open is committed from this per cent on")
        ] = COMMITTED_FROM,
        currency: Annotated[
            str | None,
            Query(
                pattern="^[A-Z]{3}$",
                description="convert into it: what is won at the rate of its day, what is open at "
                "today's; else each currency is by itself",
                examples=["EUR"],
            ),
        ] = None,
        language: Language = None,
        format: Annotated[Literal["json", "csv"], Query(description="JSON, or a table")] = "json",
    ) -> Any:
        """Forecast what is open and won by one thing or by pairs of two (TS-27, TS-28, TS-30).

        What is open counts in the month in which it is expected to close, what is won on its day.
        Groups and trees of customers' lists count what is below them too.
        """
        question = Question(
            since=read_period(since)[1],
            until=_last_day(until),
            today=today(),
            by=tuple(by.split(",")),
            pipelines=tuple(pipeline or ()),
            sellers=tuple(seller or ()),
            group_id=group_id,
            types=tuple(type or ()),
            stages=tuple(stage or ()),
            committed_from=committed_from,
            currency=currency,
        )
        async with units.engine.connect() as connection:
            found = await read_forecast(question, connection, house=house, language=language)
        output = _output(question, found)
        return output if format == "json" else _table(output)

    @router.get("/coverage", response_model=CoverageOutput, responses=may_refuse(NoRate, NoTarget))
    async def coverage(
        period: Annotated[PeriodName, Query(description="of the target", examples=["2026-Q4"])],
        seller: Annotated[Seller | None, Query(description="whose target it is")] = None,
        group_id: Annotated[UUID | None, Query(description="or of which group it is")] = None,
    ) -> CoverageOutput:
        """Compare a revenue target with what is won and open; of all, if nobody is named."""
        kind, first_day = read_period(period)
        question = Question(
            since=first_day,
            until=kind.last_day(first_day),
            today=today(),
            sellers=() if seller is None else (seller,),
            group_id=group_id,
        )
        async with units.engine.connect() as connection:
            found, currency = await read_coverage(question, kind, connection, house=house)
        return CoverageOutput(
            since=question.since,
            until=question.until,
            currency=currency,
            target=found.target,
            won=found.won,
            still_wanted=found.still_wanted,
            open=found.open,
            open_weighted=found.open_weighted,
            coverage=found.ratio,
            gap=found.gap,
        )

    return router


def _last_day(name: str) -> date:
    period, first_day = read_period(name)
    return period.last_day(first_day)
