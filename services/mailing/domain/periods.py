"""Periods of days that conditions ask about; those that move with today say when they change.

A day is one of the calendar in the installation's time zone.
"""

import re
from datetime import date
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MAX_DAYS = 36_600


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _day_text(value: Any) -> Any:
    # Without this a number, also one in a text, would be taken for seconds since 1970.
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("send a day as 2026-01-31")


Day = Annotated[date, BeforeValidator(_day_text)]
Days = Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS)]


class Period(BaseModel):
    """When: at most one of the four ways to say it; none of them means ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    last_days: Days | None = Field(default=None, description="today and the n - 1 days before it")
    next_days: Days | None = Field(default=None, description="today and the n - 1 days after it")
    older_than_days: Days | None = Field(
        default=None, description="n days ago or earlier: what `last_days` does not reach"
    )
    from_day: Day | None = None
    before_day: Day | None = Field(default=None, description="the first day that is too late")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [
            self.last_days,
            self.next_days,
            self.older_than_days,
            self.from_day or self.before_day,
        ]
        if sum(way is not None for way in ways) > 1:
            raise ValueError(
                "give one of last_days, next_days, older_than_days, or from_day and before_day"
            )
        if self.from_day and self.before_day and self.from_day >= self.before_day:
            raise ValueError("from_day must be earlier than before_day")
        return self

    @property
    def is_ever(self) -> bool:
        """Tell whether it leaves out no day."""
        return not self.moves and self.from_day is None and self.before_day is None

    @property
    def moves(self) -> bool:
        """Tell whether it moves with today, so that answers change as days pass."""
        return any(
            days is not None for days in (self.last_days, self.next_days, self.older_than_days)
        )
