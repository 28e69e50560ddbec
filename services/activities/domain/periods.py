"""Weeks and months that targets are set for: ISO weeks and calendar months (LE-16, LE-A6).

Days are days of the installation's time zone; which day a moment lies in is decided before.
"""

from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum

WEEK_DAYS = 7


class Period(StrEnum):
    """How long a target's periods are."""

    WEEK = "week"
    MONTH = "month"

    def first_day(self, day: date) -> date:
        """Return the first day of the period that a day lies in: its Monday, or the first."""
        if self is Period.WEEK:
            return day - timedelta(days=day.weekday())
        return day.replace(day=1)

    def last_day(self, day: date) -> date:
        """Return the last day of the period that a day lies in."""
        if self is Period.WEEK:
            return self.first_day(day) + timedelta(days=WEEK_DAYS - 1)
        return day.replace(day=monthrange(day.year, day.month)[1])

    def following(self, day: date) -> date:
        """Return the first day of the next period."""
        return self.last_day(day) + timedelta(days=1)

    def called(self, day: date) -> str:
        """Return what people call the period of a day, such as 2026-W53 or 2026-12."""
        if self is Period.WEEK:
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        return f"{day:%Y-%m}"
