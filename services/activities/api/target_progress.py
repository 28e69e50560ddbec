"""Routes of progress: how far sellers and groups are, who leads, what is to be expected (LE-17)."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.activities.api.targets import BoundedDay, OfGroup, OfPeriod, OfSeller, one_subject
from services.activities.domain.periods import Period
from services.activities.handlers.read_progress import (
    Line,
    Outlook,
    lead,
    read_leaders,
    read_outlook,
    read_periods,
)
from shared.chassis.clock import day_of
from shared.chassis.http.paging import Cursor, Limit, Page, page_of, read_cursor
from shared.chassis.http.shapes import Number
from shared.chassis.unit_of_work import UnitOfWorkFactory

MOST_PERIODS = 60

Day = Annotated[BoundedDay | None, Query(description="any day of the period; today if left out")]


class ProgressOutput(BaseModel):
    """How far a target is in one period."""

    target_id: UUID
    category: int
    title: str = Field(description="of the category")
    first_day: date
    last_day: date
    name: str = Field(description="of the period", examples=["2026-W53"])
    wanted: int = Field(description="less where there is an exception")
    done: int
    missing: int
    percent: int | None = Field(description="rounded down; null where nothing is wanted")


class TargetProgressOutput(BaseModel):
    """Weeks and months side by side; they are never added (LE-A6)."""

    seller: str | None
    group_id: UUID | None
    weeks: list[ProgressOutput]
    months: list[ProgressOutput]


class LeaderOutput(BaseModel):
    """One seller's place."""

    place: int = Field(description="who is as far has the same")
    seller: str
    target_id: UUID
    wanted: int
    done: int
    missing: int
    percent: int | None


class ExpectedOutput(BaseModel):
    """What will be done by the end of the period, if the pace stays as it was."""

    expected: int
    low: int = Field(description="fewer in one of ten cases")
    high: int = Field(description="more in one of ten cases")
    chance_percent: int = Field(description="that the target is reached")


class OutlookOutput(BaseModel):
    """One target and what is to be expected of it."""

    progress: ProgressOutput
    working_days_passed: float = Field(
        description="on which the pace was seen, Monday to Friday, before the day asked for"
    )
    working_days_left: float
    forecast: ExpectedOutput | None = Field(description="null: not enough data")


class TargetForecastOutput(BaseModel):
    """What is to be expected as of one day."""

    seller: str | None
    group_id: UUID | None
    day: date
    weeks: list[OutlookOutput]
    months: list[OutlookOutput]


def _progress(line: Line) -> ProgressOutput:
    return ProgressOutput(
        target_id=line.target_id,
        category=line.category,
        title=line.title,
        first_day=line.first_day,
        last_day=line.period.last_day(line.first_day),
        name=line.period.called(line.first_day),
        wanted=line.progress.wanted,
        done=line.progress.done,
        missing=line.progress.missing,
        percent=line.progress.percent,
    )


def _outlook(outlook: Outlook) -> OutlookOutput:
    found = outlook.forecast
    return OutlookOutput(
        progress=_progress(outlook.line),
        working_days_passed=outlook.passed,
        working_days_left=outlook.left,
        forecast=None
        if found is None
        else ExpectedOutput(
            expected=found.expected, low=found.low, high=found.high, chance_percent=found.chance
        ),
    )


def target_progress_router(units: UnitOfWorkFactory, zone: ZoneInfo) -> APIRouter:
    """Return the routes of progress; today is that of the zone."""
    router = APIRouter(prefix="/v1", tags=["target-progress"])

    def today() -> date:
        return day_of(units.clock(), zone)

    @router.get("/target-progress")
    async def progress(
        seller: OfSeller = None,
        group_id: OfGroup = None,
        period: OfPeriod = None,
        day: Day = None,
        periods: Annotated[
            int, Query(ge=1, le=MOST_PERIODS, description="so many, the last with that day")
        ] = 1,
    ) -> TargetProgressOutput:
        """Show how far a seller or a group is, by category; with `periods` also the trend."""
        subject = one_subject(seller, group_id)
        async with units.engine.connect() as connection:
            shown = {
                one: [
                    _progress(line)
                    for line in await read_periods(
                        connection, subject, one, day or today(), periods=periods
                    )
                ]
                for one in Period
                if period in (None, one)
            }
        return TargetProgressOutput(
            seller=seller,
            group_id=group_id,
            weeks=shown.get(Period.WEEK, []),
            months=shown.get(Period.MONTH, []),
        )

    @router.get("/target-leaderboard")
    async def leaderboard(
        category: Annotated[Number, Query(description="number of a category", examples=[4])],
        period: Annotated[Period, Query(examples=["week"])],
        day: Day = None,
        group_id: Annotated[
            UUID | None, Query(description="only who is in this group, or below, on the day")
        ] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[LeaderOutput]:
        """List the sellers who have a target, the one who has done the largest part first."""
        after: Any = read_cursor(cursor, int, int, str)
        async with units.engine.connect() as connection:
            lines = await read_leaders(
                connection, category, period, day or today(), group_id=group_id
            )
        places: dict[tuple[int, int], int] = {}
        for place, line in enumerate(lines, start=1):
            places.setdefault(lead(line)[:2], place)
        shown = [line for line in lines if after is None or lead(line) > tuple(after)]
        page = page_of(shown[: limit + 1], limit, lead)
        return Page(
            items=[
                LeaderOutput(
                    place=places[lead(line)[:2]],
                    seller=line.seller or "",
                    target_id=line.target_id,
                    wanted=line.progress.wanted,
                    done=line.progress.done,
                    missing=line.progress.missing,
                    percent=line.progress.percent,
                )
                for line in page.items
            ],
            next=page.next,
        )

    @router.get("/target-forecast")
    async def outlook(
        seller: OfSeller = None,
        group_id: OfGroup = None,
        period: OfPeriod = None,
        day: Annotated[BoundedDay | None, Query(description="as of it; today if left out")] = None,
    ) -> TargetForecastOutput:
        """Tell what is to be expected by the end of the period, from its pace so far."""
        subject = one_subject(seller, group_id)
        async with units.engine.connect() as connection:
            shown = {
                one: [
                    _outlook(found)
                    for found in await read_outlook(connection, subject, one, day or today())
                ]
                for one in Period
                if period in (None, one)
            }
        return TargetForecastOutput(
            seller=seller,
            group_id=group_id,
            day=day or today(),
            weeks=shown.get(Period.WEEK, []),
            months=shown.get(Period.MONTH, []),
        )

    return router
