"""What reports on the sales process say, and how far they may reach (TS-29 to TS-31)."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from services.pipeline.domain.forecasts import LONGEST_MONTHS
from services.pipeline.domain.periods import months_between
from services.pipeline.domain.wilson import wilson
from shared.chassis.errors import InvalidField

LEAST_CASES = 10
"""Of fewer closed opportunities no probability is proposed."""
AGES = (7, 14, 30, 60, 90)
"""The last day of each bucket of ages but the last, which has no end."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which opportunities a report is about; a group means who is in it or below it."""

    pipeline: int | None = None
    seller: str | None = None
    group: UUID | None = None


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a report, both included."""

    since: date
    until: date

    def check(self) -> None:
        """Refuse, by field, what cannot be asked."""
        if self.until < self.since:
            raise InvalidField("until", "it lies before `since`", "Send a later day.")
        if months_between(self.since, self.until) > LONGEST_MONTHS:
            raise InvalidField(
                "since",
                f"the range is longer than {LONGEST_MONTHS} months",
                f"Ask for {LONGEST_MONTHS} months at most.",
            )

    def moments(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return when the first day begins, and when the last is over."""
        after = self.until + timedelta(days=1)
        return (
            datetime.combine(self.since, time(), zone),
            datetime.combine(after, time(), zone),
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """
    What the opportunities that left a stage were said to be, and what became of them.

    Shares are per cent. The true share lies between `low` and `high` in 95 of 100 cases.
    """

    said: float
    was: float
    cases: int
    low: float
    high: float
    proposed: int | None


def calibrate(said: float, won: int, cases: int) -> Calibration:
    """Return how a stage's probability compares with what was won; `cases` is not 0."""
    low, high = wilson(won, cases)
    was = Fraction(100 * won, cases)
    return Calibration(
        said=round(said, 1),
        was=round(float(was), 1),
        cases=cases,
        low=round(100 * low, 1),
        high=round(100 * high, 1),
        # Half a per cent goes up, as everywhere.
        proposed=int(was + Fraction(1, 2)) if cases >= LEAST_CASES else None,
    )


@dataclass(frozen=True, slots=True)
class Velocity:
    """What is open, and what became of that which was closed, in one currency."""

    currency: str
    open: int
    closed: int
    won: int
    won_value: int
    won_days: int

    @property
    def win_rate(self) -> float | None:
        """Return how many per cent were won; None if nothing was closed."""
        return percent(self.won, self.closed)

    @property
    def mean_value(self) -> int | None:
        """Return what one that is won is worth, in minor units; None if none was."""
        return _rounded(Fraction(self.won_value, self.won)) if self.won else None

    @property
    def mean_days(self) -> float | None:
        """Return how long one took to be won; None if none was."""
        return round(self.won_days / self.won, 1) if self.won else None

    @property
    def per_day(self) -> int | None:
        """Return what is to be won in a day, in minor units; None where nothing tells how long."""
        if not self.won_days:
            return None
        worth = self.open * Fraction(self.won, self.closed) * Fraction(self.won_value, self.won)
        return _rounded(worth * self.won / self.won_days)


def percent(part: int, whole: int) -> float | None:
    """Return a part of a whole in per cent, to a tenth; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def bucket(number: int) -> tuple[int, int | None]:
    """Return the first and last day of a bucket of ages; the last has no end."""
    first = AGES[number - 1] + 1 if number else 0
    return first, AGES[number] if number < len(AGES) else None


def _rounded(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))
