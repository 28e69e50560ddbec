"""The months that what was believed is asked for: from one period to another."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from services.pipeline.domain.forecasts import LONGEST_MONTHS
from services.pipeline.domain.periods import months_between, read_period
from shared.chassis.errors import InvalidField


@dataclass(frozen=True, slots=True)
class Months:
    """Whole months, from the first day of the first to the last day of the last."""

    first: date
    last: date

    @classmethod
    def between(cls, first: str, last: str) -> Self:
        """Return the months from one period to another, both included; refuse, by field."""
        _, begin = read_period(first)
        length, end = read_period(last)
        months = cls(begin, length.last_day(end))
        if months.last < months.first:
            raise InvalidField("to", f"{last} lies before {first}", "Send a later period.")
        if months_between(months.first, months.last) > LONGEST_MONTHS:
            raise InvalidField(
                "from",
                f"the period is longer than {LONGEST_MONTHS} months",
                f"Ask for {LONGEST_MONTHS} months at most.",
            )
        return months


def refuse_future(field: str, moment: datetime, now: datetime) -> None:
    """Refuse a moment of which nothing can be known yet."""
    if moment > now:
        raise InvalidField(
            field, f"{moment.isoformat()} lies in the future", "Send a moment up to now."
        )
