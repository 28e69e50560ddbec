"""The bounded types that contracts are made of: text, money, dates and moments."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

EARLIEST = date(1900, 1, 1)
LATEST = date(2199, 12, 31)
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,4})?", re.ASCII)


class Contract(BaseModel):
    """Base of every event's data. Readers ignore fields they do not know (additions are safe)."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _no_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("holds a NUL character; remove it")
    return value


def _decimal_text(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError('money is a decimal string such as "120.50", never a binary float')
    if isinstance(value, str) and not _AMOUNT.fullmatch(value):
        raise ValueError('money is digits with at most 4 decimals after a point, such as "120.50"')
    return value


def _iso_text(value: Any) -> Any:
    # Without this, text such as "1700000000" would be read as seconds since 1970.
    if not isinstance(value, date) and not (isinstance(value, str) and _ISO_DAY.match(value)):
        raise ValueError("send ISO 8601 text such as 2026-01-31")
    return value


def _in_range(value: date) -> date:
    day = value.astimezone(UTC).date() if isinstance(value, datetime) else value
    if not EARLIEST <= day <= LATEST:
        raise ValueError(f"lies outside {EARLIEST} to {LATEST}; send the real date")
    return value


def _moment_in_range(value: datetime) -> datetime:
    try:
        _in_range(value)
    except OverflowError:
        raise ValueError(f"lies outside {EARLIEST} to {LATEST}; send the real moment") from None
    return value


Key = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_no_nul),
]
"""An identifier given by somebody: opaque, kept as it is."""

Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(_no_nul)]

Money = Annotated[
    Decimal,
    BeforeValidator(_decimal_text),
    Field(max_digits=19, decimal_places=4, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "pattern": f"^{_AMOUNT.pattern}$"}),
]
"""An amount of money as an exact decimal string, at most 19 digits, 4 of them decimals."""

Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
"""An ISO 4217 code."""

Day = Annotated[
    date,
    BeforeValidator(_iso_text),
    AfterValidator(_in_range),
    WithJsonSchema({"type": "string", "format": "date"}),
]
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_iso_text),
    AfterValidator(_moment_in_range),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment with its zone: ISO 8601 with an offset or Z."""
