"""The clock, asked at the edge only and passed inwards as an argument."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """Return the day of a moment where the installation is; weeks and months go by it."""
    return moment.astimezone(zone).date()
