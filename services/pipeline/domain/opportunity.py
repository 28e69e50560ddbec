"""What an opportunity is (TS-27 to TS-34, TS-A1 to TS-A5, TS-A12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.pipeline.domain.money import LARGEST
from shared.chassis.errors import InvalidField

EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)
"""The days between which an opportunity may close."""

MOST_SELLERS = 20
WHOLE = 100


class ProbabilitySource(StrEnum):
    """Where a probability comes from; what was said by hand survives a change of stage (TS-A4)."""

    STAGE = "stage"
    MANUAL = "manual"


class StaleReason(StrEnum):
    """Why an open opportunity needs a look."""

    DATE_PASSED = "date_passed"
    NO_ACTIVITY = "no_activity"


@dataclass(frozen=True, slots=True)
class Line:
    """A part of what is to be sold; prices are in minor units."""

    title: str
    quantity: Decimal
    unit_price: int

    @property
    def total(self) -> int:
        """Return what it comes to, rounded half up."""
        return int((self.quantity * self.unit_price).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def checked_value(value: int | None, lines: Sequence[Line]) -> int:
    """Return the value in minor units: the sum of the lines if there are any, else what is said.

    Nothing said is 0. Raises the refusal of a value that is not the sum, or of a sum too large.
    """
    if not lines:
        return 0 if value is None else value
    total = sum(line.total for line in lines)
    if total > LARGEST:
        raise InvalidField("lines", f"they come to more than {LARGEST}", "Split the opportunity.")
    if value not in (None, total):
        raise InvalidField(
            "value",
            f"{value} is not what the lines come to, {total}",
            "Leave it out, or send no lines.",
        )
    return total


def checked_sellers(given: Sequence[tuple[str, int | None]]) -> list[tuple[str, int]]:
    """Return who sells with how many per cent, which sum to 100; the heaviest first (TS-A12).

    Several without weights share evenly, and the first gets the rest.
    """
    if len({seller for seller, _ in given}) < len(given):
        raise InvalidField("sellers", "somebody is named twice", "Name each once.")
    weights = [weight for _, weight in given if weight is not None]
    if given and not weights:
        part, rest = divmod(WHOLE, len(given))
        weights = [part + (rest if place == 0 else 0) for place in range(len(given))]
    if len(weights) < len(given):
        raise InvalidField(
            "sellers", "some have a weight and some have none", "Send a weight for all, or none."
        )
    if given and sum(weights) != WHOLE:
        raise InvalidField(
            "sellers", f"their weights sum to {sum(weights)}", "Let them sum to 100."
        )
    shares = [(seller, weight) for (seller, _), weight in zip(given, weights, strict=True)]
    return sorted(shares, key=lambda share: -share[1])


def checked_close(field: str, day: date) -> date:
    """Return a day on which an opportunity may close; refuse one that cannot be meant."""
    if not EARLIEST <= day <= LATEST:
        raise InvalidField(
            field, f"{day} lies outside {EARLIEST} to {LATEST}", "Send the real day."
        )
    return day


@dataclass(frozen=True, slots=True)
class Rules:
    """What an installation takes for granted: where days begin, its currency, who says why."""

    zone: ZoneInfo
    currency: str
    reason_required: bool
