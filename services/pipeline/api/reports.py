"""Routes of the reports on the sales process (TS-29, TS-30, TS-31)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from services.pipeline.api.ranges import (
    Format,
    OfGroup,
    OfPipeline,
    OfSeller,
    Since,
    Until,
    table,
)
from services.pipeline.domain.lists import Outcome
from services.pipeline.domain.reports import LEAST_CASES, Days, Filter, bucket, percent
from services.pipeline.handlers.read_reports import (
    MOST_VISITS,
    Asked,
    Calibrated,
    Entered,
    StageTimesNotFound,
    read_ageing,
    read_calibration,
    read_funnel,
    read_outcomes,
    read_slippage,
    read_stage_times,
    read_velocity,
)
from shared.chassis.http.description import may_refuse, streams
from shared.chassis.spreadsheet import CSV
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.api import Language

AS_TABLE = streams(CSV)


class Put(StrEnum):
    """What slippage goes by."""

    SELLER = "seller"
    STAGE = "stage"


class OfStage(BaseModel):
    """A line that is about a stage."""

    model_config = ConfigDict(from_attributes=True)

    pipeline: int
    stage: int
    title: str


class CalibrationLine(OfStage):
    """What a stage said and what was, in per cent: said 65, was 41, of 112 cases."""

    probability: int = Field(description="what the stage says now, or said last")
    said: float = Field(description="mean probability with which they left the stage")
    was: float = Field(description="how many of them were won")
    cases: int = Field(description="closed in the range, and ever in the stage")
    low: float = Field(description="the true share is not below it, nor above `high`, in 95 of 100")
    high: float
    proposed: int | None = Field(
        description=f"never applied by itself; null of fewer than {LEAST_CASES} cases"
    )


class CalibrationOutput(BaseModel):
    """How far probabilities of stages can be believed (Wilson's interval at 95 %)."""

    lines: list[CalibrationLine]


class FunnelNext(BaseModel):
    """Where opportunities went from a stage; no stage: they are still there."""

    model_config = ConfigDict(from_attributes=True)

    pipeline: int | None = Field(validation_alias="next_pipeline")
    stage: int | None = Field(validation_alias="next")
    title: str | None = Field(validation_alias="next_title")
    opportunities: int


class FunnelStage(OfStage):
    """Who entered a stage, each once, with the last time, and what became of them."""

    entered: int
    went_on: list[FunnelNext]
    won: int = Field(description="of those who entered, by now")
    won_percent: float | None


class FunnelOutput(BaseModel):
    """How opportunities went through the stages."""

    stages: list[FunnelStage]


class FunnelRow(OfStage):
    """A way from a stage to the next, as a line of a table."""

    entered: int
    won: int
    next_pipeline: int | None
    next_stage: int | None
    next_title: str | None
    opportunities: int


class VelocityLine(BaseModel):
    """How fast what is open becomes what is won, in one currency, and what it is made of."""

    model_config = ConfigDict(from_attributes=True)

    currency: str
    open: int = Field(description="opportunities that are open now")
    closed: int = Field(description="won, lost or expired in the range")
    won: int
    win_rate: float | None = Field(description="per cent of the closed ones")
    mean_value: int | None = Field(description="of the won ones, in minor units")
    mean_days: float | None = Field(description="from the creation until they were won")
    per_day: int | None = Field(
        description="open x win rate x mean value / mean days, in minor units a day"
    )


class VelocityOutput(BaseModel):
    """The speed of sales, by currency."""

    lines: list[VelocityLine]


class AgeingLine(OfStage):
    """Open opportunities that have been in a stage for so many days."""

    first_day: int
    last_day: int | None = Field(description="null: and longer")
    currency: str
    opportunities: int
    value: int = Field(description="in minor units")


class AgeingOutput(BaseModel):
    """How long open opportunities have been where they are."""

    lines: list[AgeingLine]


class SlippageLine(BaseModel):
    """How often and how far expected dates were put off."""

    seller: str | None = None
    pipeline: int | None = None
    stage: int | None = None
    title: str | None = None
    times: int
    opportunities: int
    days: int = Field(description="in all")
    mean_days: float
    longest: int


class SlippageOutput(BaseModel):
    """How promises of dates were kept; who shares an opportunity shares what was put off."""

    lines: list[SlippageLine]


class OutcomeLine(BaseModel):
    """What was won, lost or expired; lost ones by the reason of rejection."""

    model_config = ConfigDict(from_attributes=True)

    outcome: Outcome
    rejection: int | None
    title: str | None = Field(description="of the reason")
    currency: str
    opportunities: int
    value: int = Field(description="in minor units")


class OutcomesOutput(BaseModel):
    """What became of what was closed in a range."""

    lines: list[OutcomeLine]


class StageTime(OfStage):
    """How long an opportunity was in a stage."""

    outcome: Outcome
    entered_at: datetime
    left_at: datetime | None = Field(description="null: it is there")
    seconds: int = Field(description="until now if it is there")


class StageTimesOutput(BaseModel):
    """The stages an opportunity was in, the last first."""

    stages: list[StageTime] = Field(description=f"{MOST_VISITS} at most")


def _calibrated(one: Calibrated) -> CalibrationLine:
    found = one.found
    return CalibrationLine(
        pipeline=one.pipeline,
        stage=one.stage,
        title=one.title,
        probability=one.probability,
        said=found.said,
        was=found.was,
        cases=found.cases,
        low=found.low,
        high=found.high,
        proposed=found.proposed,
    )


def _entered(one: Entered) -> FunnelStage:
    return FunnelStage(
        pipeline=one.pipeline,
        stage=one.stage,
        title=one.title,
        entered=one.entered,
        went_on=[FunnelNext.model_validate(row) for row in one.nexts],
        won=one.won,
        won_percent=percent(one.won, one.entered),
    )


def _funnel_rows(one: FunnelStage) -> list[FunnelRow]:
    return [
        FunnelRow(
            pipeline=one.pipeline,
            stage=one.stage,
            title=one.title,
            entered=one.entered,
            won=one.won,
            next_pipeline=way.pipeline,
            next_stage=way.stage,
            next_title=way.title,
            opportunities=way.opportunities,
        )
        for way in one.went_on
    ]


def reports_router(units: UnitOfWorkFactory, zone: ZoneInfo) -> APIRouter:
    """Return the routes below /v1/pipeline-reports; days are those of the zone."""
    router = APIRouter(prefix="/v1/pipeline-reports", tags=["pipeline-reports"])

    def asked(
        pipeline: OfPipeline = None,
        seller: OfSeller = None,
        group_id: OfGroup = None,
        language: Language = None,
    ) -> Asked:
        return Asked(Filter(pipeline, seller, group_id), units.clock(), zone, language)

    def days(since: Since, until: Until) -> Days:
        return Days(since, until)

    About = Annotated[Asked, Depends(asked)]
    Within = Annotated[Days, Depends(days)]

    @router.get("/calibration", response_model=CalibrationOutput, responses=AS_TABLE)
    async def calibration(about: About, within: Within, format: Format = "json") -> Any:
        """Compare what stages said with what was won of those who were ever there (TS-29).

        Of opportunities closed in the range. A proposed probability is a proposal: nothing takes
        it over but who changes the stage.
        """
        async with units.engine.connect() as connection:
            found = await read_calibration(about, within, connection)
        lines = [_calibrated(one) for one in found]
        if format == "csv":
            return table("calibration", CalibrationLine, lines)
        return CalibrationOutput(lines=lines)

    @router.get("/funnel", response_model=FunnelOutput, responses=AS_TABLE)
    async def funnel(about: About, within: Within, format: Format = "json") -> Any:
        """Show who entered each stage in the range, and where it went from there (TS-29)."""
        async with units.engine.connect() as connection:
            found = await read_funnel(about, within, connection)
        stages = [_entered(one) for one in found]
        if format == "csv":
            return table("funnel", FunnelRow, [row for one in stages for row in _funnel_rows(one)])
        return FunnelOutput(stages=stages)

    @router.get("/velocity", response_model=VelocityOutput, responses=AS_TABLE)
    async def velocity(about: About, within: Within, format: Format = "json") -> Any:
        """Show how fast what is open becomes what is won, with each part of it (TS-31).

        Win rate, mean value and mean days are of what was closed in the range.
        """
        async with units.engine.connect() as connection:
            found = await read_velocity(about, within, connection)
        lines = [VelocityLine.model_validate(one) for one in found]
        if format == "csv":
            return table("velocity", VelocityLine, lines)
        return VelocityOutput(lines=lines)

    @router.get("/ageing", response_model=AgeingOutput, responses=AS_TABLE)
    async def ageing(about: About, format: Format = "json") -> Any:
        """Show how long open opportunities have been in their stage (TS-29)."""
        async with units.engine.connect() as connection:
            found = await read_ageing(about, connection)
        lines = []
        for row in found:
            first, last = bucket(row.bucket)
            lines.append(
                AgeingLine(
                    pipeline=row.pipeline,
                    stage=row.stage,
                    title=row.title,
                    first_day=first,
                    last_day=last,
                    currency=row.currency,
                    opportunities=row.opportunities,
                    value=row.value,
                )
            )
        if format == "csv":
            return table("ageing", AgeingLine, lines)
        return AgeingOutput(lines=lines)

    @router.get("/slippage", response_model=SlippageOutput, responses=AS_TABLE)
    async def slippage(
        about: About,
        within: Within,
        by: Annotated[Put, Query(description="whose, or in which stage")] = Put.SELLER,
        format: Format = "json",
    ) -> Any:
        """Show how often and how far the expected close of open ones was put off (TS-30)."""
        async with units.engine.connect() as connection:
            found = await read_slippage(about, within, connection, by_seller=by is Put.SELLER)
        lines = [
            SlippageLine(**row._mapping, mean_days=round(row.days / row.times, 1)) for row in found
        ]
        if format == "csv":
            return table("slippage", SlippageLine, lines)
        return SlippageOutput(lines=lines)

    @router.get("/outcomes", response_model=OutcomesOutput, responses=AS_TABLE)
    async def outcomes(about: About, within: Within, format: Format = "json") -> Any:
        """Show what was won, lost and expired in the range, and why it was lost (TS-35)."""
        async with units.engine.connect() as connection:
            found = await read_outcomes(about, within, connection)
        lines = [OutcomeLine.model_validate(row) for row in found]
        if format == "csv":
            return table("outcomes", OutcomeLine, lines)
        return OutcomesOutput(lines=lines)

    return router


def stage_times_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the route of the time in stages of one opportunity."""
    router = APIRouter(prefix="/v1/opportunities", tags=["pipeline-reports"])

    @router.get("/{opportunity_id}/stage-times", responses=may_refuse(StageTimesNotFound))
    async def stage_times(opportunity_id: UUID, language: Language = None) -> StageTimesOutput:
        """Show when an opportunity was in which stage, and how long, the last first (TS-29)."""
        now = units.clock()
        async with units.engine.connect() as connection:
            rows = await read_stage_times(opportunity_id, connection, language=language)
        return StageTimesOutput(
            stages=[
                StageTime(
                    pipeline=row.pipeline,
                    stage=row.stage,
                    title=row.title,
                    outcome=row.outcome,
                    entered_at=row.entered_at,
                    left_at=row.left_at,
                    seconds=max(0, int(((row.left_at or now) - row.entered_at).total_seconds())),
                )
                for row in rows
            ]
        )

    return router
