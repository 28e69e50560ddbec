"""Whether a target will be reached, from the pace of its period so far.

Pieces are taken to come independently, at one unknown pace per working day. What is seen of it so
far (with Jeffreys' prior of half a piece) makes what is still to come negative binomial; its
quantiles and tail are the interval and the chance. Too few working days say nothing.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, lgamma, log, sqrt
from statistics import NormalDist

from services.activities.domain.periods import Period

LEAST_DAYS = 3
FRIDAY = 4
PRIOR = 0.5
LOW, HIGH = 0.1, 0.9
# From here on the exact sum is long, and the normal distribution is as good.
MANY = 2_000
SURE = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will be done by the end: `low` to `high` in four of five cases; chance in percent."""

    expected: int
    low: int
    high: int
    chance: int


def working_days(first: date, last: date, percents: Mapping[date, int]) -> float:
    """
    Return how many days from Monday to Friday lie between two days, both included.

    Of a week that has an exception (by its Monday), only that part counts.
    """
    days = ((first + timedelta(days=n)) for n in range((last - first).days + 1))
    return sum(
        percents.get(Period.WEEK.first_day(day), 100) / 100
        for day in days
        if day.weekday() <= FRIDAY
    )


def forecast(*, before: int, done: int, wanted: int, passed: float, left: float) -> Forecast | None:
    """
    Return what to expect, or None where too little is known.

    `before` pieces were done in the `passed` working days before today, `done` with today's; `left`
    are the working days from today on.
    """
    if passed < LEAST_DAYS:
        return None
    if left <= 0:
        return Forecast(done, done, done, 100 if done >= wanted else 0)
    shape = before + PRIOR
    mean = shape * left / passed
    spread = sqrt(mean + mean * mean / shape)
    at_most = _bell(mean, spread) if mean > MANY else _exact(mean, shape)
    longest = range(int(mean + 20 * spread) + 20)
    expected, low, high = (
        max(before + pieces, done)
        for pieces in (
            round(mean),
            bisect_left(longest, LOW, key=at_most),
            bisect_left(longest, HIGH, key=at_most),
        )
    )
    chance = 100 if done >= wanted else round(100 * (1 - at_most(wanted - before - 1)))
    return Forecast(expected, low, high, chance)


def _bell(mean: float, spread: float) -> Callable[[int], float]:
    bell = NormalDist(mean, spread)
    return lambda pieces: bell.cdf(pieces + 0.5)


def _exact(mean: float, shape: float) -> Callable[[int], float]:
    """Return the probability that at most so many come: negative binomial, summed."""
    come = mean / (mean + shape)
    sums: list[float] = []

    def at_most(pieces: int) -> float:
        while len(sums) <= pieces and (not sums or sums[-1] < SURE):
            n = len(sums)
            chance = lgamma(n + shape) - lgamma(shape) - lgamma(n + 1)
            chance += shape * log(1 - come) + n * log(come)
            sums.append((sums[-1] if sums else 0.0) + exp(chance))
        return min(sums[min(pieces, len(sums) - 1)], 1.0)

    return at_most
