"""Revenue that is wanted of a seller, a group or all in a month or a quarter."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.pipeline.domain.periods import Period, read_period
from shared.chassis.errors import InvalidField


@dataclass(frozen=True, slots=True)
class Span:
    """One month or one quarter, by its first day."""

    period: Period
    first_day: date

    @property
    def called(self) -> str:
        """Return what people call it, such as 2026-11 or 2026-Q4."""
        return self.period.called(self.first_day)


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
    try:
        return Span(*read_period(called))
    except ValueError:
        raise InvalidField(
            "period",
            f"{called[:20]!r} is no month or quarter of 1900 to 2199",
            "Send a month such as 2026-11, or a quarter such as 2026-Q4.",
        ) from None
