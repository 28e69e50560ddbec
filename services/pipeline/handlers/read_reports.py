"""Read the reports on the sales process (TS-29, TS-30, TS-31)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.lists import LISTS, PIPELINE
from services.pipeline.domain.reports import Calibration, Days, Filter, Velocity, calibrate
from services.pipeline.handlers.known_group import refuse_unknown_group
from services.pipeline.persistence import reports as store
from shared.chassis.clock import day_of
from shared.chassis.errors import InvalidField, Kind, Refusal
from shared.lists.store import find_value

MOST_VISITS = 1000


class StageTimesNotFound(Refusal):
    """There is no such opportunity."""

    kind = Kind.NOT_FOUND
    slug = "opportunity_not_found"
    remedy = "Find its id: GET /v1/opportunities."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is about, who reads it, and when; `pipeline` of the filter is a number."""

    wanted: Filter
    now: datetime
    zone: ZoneInfo
    language: str | None = None

    @property
    def today(self) -> date:
        """Return the day of the moment where the installation is."""
        return day_of(self.now, self.zone)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A stage, the probability that it says now, and how that of the past compares."""

    pipeline: int
    stage: int
    title: str
    probability: int
    found: Calibration


@dataclass(frozen=True, slots=True)
class Entered:
    """Who entered a stage, and where from there; `next` is None for who is still there."""

    pipeline: int
    stage: int
    title: str
    entered: int
    won: int
    nexts: Sequence[Row[Any]]


async def read_calibration(
    asked: Asked, days: Days, connection: AsyncConnection
) -> list[Calibrated]:
    """Return, by stage, what was said and what was, of what was closed in these days."""
    wanted = await _checked(asked, connection, days)
    rows = await store.closed_by_stage(connection, wanted, days, language=asked.language)
    return [
        Calibrated(
            row.pipeline,
            row.stage,
            row.title,
            row.probability,
            calibrate(row.said, row.won, row.cases),
        )
        for row in rows
    ]


async def read_funnel(asked: Asked, days: Days, connection: AsyncConnection) -> list[Entered]:
    """Return, by stage, who entered it in these days and where it went from there."""
    wanted = await _checked(asked, connection, days)
    begin, end = days.moments(asked.zone)
    rows = await store.went_on(
        connection, wanted, begin, end, today=asked.today, language=asked.language
    )
    found = []
    for (pipeline, stage, title), alike in groupby(
        rows, key=lambda row: (row.pipeline, row.stage, row.title)
    ):
        nexts = list(alike)
        found.append(
            Entered(
                pipeline,
                stage,
                title,
                sum(row.opportunities for row in nexts),
                sum(row.won for row in nexts),
                nexts,
            )
        )
    return found


async def read_velocity(asked: Asked, days: Days, connection: AsyncConnection) -> list[Velocity]:
    """Return, by currency, how fast what is open becomes what is won."""
    wanted = await _checked(asked, connection, days)
    rows = await store.speed(connection, wanted, days, today=asked.today, zone=asked.zone.key)
    return [Velocity(**row._mapping) for row in rows]


async def read_ageing(asked: Asked, connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Return open ones by stage, bucket of days in it, and currency."""
    wanted = await _checked(asked, connection)
    return await store.ages(
        connection, wanted, now=asked.now, today=asked.today, language=asked.language
    )


async def read_slippage(
    asked: Asked, days: Days, connection: AsyncConnection, *, by_seller: bool
) -> Sequence[Row[Any]]:
    """Return how often and how far open ones were put off in these days, by seller or stage."""
    wanted = await _checked(asked, connection, days)
    begin, end = days.moments(asked.zone)
    return await store.put_off(
        connection,
        wanted,
        begin,
        end,
        by_seller=by_seller,
        today=asked.today,
        language=asked.language,
    )


async def read_outcomes(
    asked: Asked, days: Days, connection: AsyncConnection
) -> Sequence[Row[Any]]:
    """Return what was won, lost and expired in these days, with the reasons of rejection."""
    wanted = await _checked(asked, connection, days)
    return await store.outcomes(connection, wanted, days, language=asked.language)


async def read_stage_times(
    opportunity_id: UUID, connection: AsyncConnection, *, language: str | None
) -> Sequence[Row[Any]]:
    """Return when an opportunity was in which stage, the last first, deleted ones too."""
    rows = await store.stage_times(connection, opportunity_id, language=language, limit=MOST_VISITS)
    if not rows:
        raise StageTimesNotFound(f"There is no opportunity {opportunity_id}.")
    return rows


async def _checked(asked: Asked, connection: AsyncConnection, days: Days | None = None) -> Filter:
    """Return the filter with the key of its pipeline; refuse, by field, what cannot be asked."""
    if days is not None:
        days.check()
    await refuse_unknown_group(asked.wanted.group, connection)
    number = asked.wanted.pipeline
    if number is None:
        return asked.wanted
    value = await find_value(connection, PIPELINE, number)
    if value is None:
        raise InvalidField(
            "pipeline",
            f"there is no pipeline {number}",
            f"List them: GET /v1/{LISTS[PIPELINE].path}.",
        )
    return replace(asked.wanted, pipeline=value.key)
