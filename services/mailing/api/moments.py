"""Moments and days in the addresses of requests."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime

from shared.contracts.types import EARLIEST, LATEST


def _bounded(value: datetime) -> datetime:
    _bounded_day(value.date())
    return value


def _bounded_day(value: date) -> date:
    if not EARLIEST <= value <= LATEST:
        raise ValueError(f"lies outside {EARLIEST} to {LATEST}; send the real time")
    return value


Moment = Annotated[AwareDatetime, AfterValidator(_bounded)]
Day = Annotated[date, AfterValidator(_bounded_day)]
At = Annotated[Moment | None, Query(description="as of this moment; now if left out")]
