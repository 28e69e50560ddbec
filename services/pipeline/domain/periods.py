"""Calendar months and quarters, which forecasts and revenue targets go by: 2026-11, 2026-Q4."""

import re
from calendar import monthrange
from datetime import date
from enum import StrEnum

PATTERN = r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2]|Q[1-4])$"
"""What a month or a quarter from 1900 to 2199 is called."""
MONTHS_OF_YEAR = 12
MONTHS_OF_QUARTER = 3


class Period(StrEnum):
    """How long it is."""

    MONTH = "month"
    QUARTER = "quarter"

    @property
    def months(self) -> int:
        """Return how many months it has."""
        return MONTHS_OF_QUARTER if self is Period.QUARTER else 1

    def last_day(self, first_day: date) -> date:
        """Return the last day of the period that begins on a day."""
        month = first_day.month + self.months - 1
        return first_day.replace(month=month, day=monthrange(first_day.year, month)[1])

    def called(self, first_day: date) -> str:
        """Return what people call the period that begins on a day."""
        if self is Period.QUARTER:
            return f"{first_day.year:04}-Q{(first_day.month + 2) // MONTHS_OF_QUARTER}"
        return f"{first_day:%Y-%m}"


def read_period(name: str) -> tuple[Period, date]:
    """Return what a name such as 2026-11 or 2026-Q4 means, and its first day; ValueError if no."""
    if not re.fullmatch(PATTERN, name):
        raise ValueError(f"{name!r} is neither a month (2026-11) nor a quarter (2026-Q4)")
    year, part = name.split("-")
    if part.startswith("Q"):
        return Period.QUARTER, date(int(year), MONTHS_OF_QUARTER * int(part[1:]) - 2, 1)
    return Period.MONTH, date(int(year), int(part), 1)


def months_between(first: date, last: date) -> int:
    """Return how many calendar months two days touch, both included; 0 or less if reversed."""
    return MONTHS_OF_YEAR * (last.year - first.year) + last.month - first.month + 1
