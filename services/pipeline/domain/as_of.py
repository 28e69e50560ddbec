"""What is asked of a forecast as of a moment (TS-27, TS-30, TS-31)."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.pipeline.domain.forecasts import COMMITTED_FROM, Dimension
from services.pipeline.domain.months import Months


@dataclass(frozen=True, slots=True)
class AsOf:
    """What was believed of these months at a moment; `day` is the day that it lies in."""

    at: datetime
    day: date
    months: Months
    by: Dimension
    committed_from: int = COMMITTED_FROM
    seller: str | None = None
    group: UUID | None = None
