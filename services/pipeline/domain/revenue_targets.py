"""Revenue that is wanted of a seller, a group or all in a month or a quarter."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from shared.chassis.errors import InvalidField

_YEAR = "((?:19|20|21)[0-9]{2})"
_MONTH = re.compile(f"{_YEAR}-(0[1-9]|1[0-2])")
_QUARTER = re.compile(f"{_YEAR}-Q([1-4])")


class TargetPeriod(StrEnum):
    """How long the period of a target is."""

    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, slots=True)
class Span:
    """One month or one quarter, by its first day."""

    period: TargetPeriod
    first_day: date

    @property
    def called(self) -> str:
        """Return what people call it, such as 2026-11 or 2026-Q4."""
        if self.period is TargetPeriod.MONTH:
            return f"{self.first_day:%Y-%m}"
        return f"{self.first_day:%Y}-Q{(self.first_day.month + 2) // 3}"


@dataclass(frozen=True, slots=True)
class TargetSubject:
    """Of whom it is wanted: of a seller, of a group with all below it, or of all."""

    seller: str | None = None
    group_id: UUID | None = None

    def __post_init__(self) -> None:
        """Refuse two at once."""
        if self.seller is not None and self.group_id is not None:
            raise InvalidField(
                "seller", "a seller and a group are named at once", "Name one of them, or neither."
            )


def span_of(called: str) -> Span:
    """Return the month or quarter that is called so; refuse what is neither."""
    if found := _MONTH.fullmatch(called):
        return Span(TargetPeriod.MONTH, date(int(found[1]), int(found[2]), 1))
    if found := _QUARTER.fullmatch(called):
        return Span(TargetPeriod.QUARTER, date(int(found[1]), 3 * int(found[2]) - 2, 1))
    raise InvalidField(
        "period",
        f"{called[:20]!r} is no month or quarter of 1900 to 2199",
        "Send a month such as 2026-11, or a quarter such as 2026-Q4.",
    )
