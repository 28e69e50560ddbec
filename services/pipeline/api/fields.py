"""Fields that several bodies and queries have: sellers, days, currencies; cursors with a day."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from shared.chassis.http.paging import BadCursor, read_cursor
from shared.contracts.types import EARLIEST, LATEST

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _readable(value: str) -> str:
    if found := _CONTROL.search(value):
        raise ValueError(f"holds the control character U+{ord(found[0]):04X}; remove it")
    return value


def _in_range(value: date) -> date:
    if not EARLIEST <= value <= LATEST:
        raise ValueError(f"lies outside {EARLIEST} to {LATEST}; send the real day")
    return value


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_readable),
]
Description = Annotated[str, Field(max_length=2000), AfterValidator(_readable)]
BoundedDay = Annotated[date, AfterValidator(_in_range)]
SellerKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[^\s/?#\x00-\x1f\x7f]+$"),
    Field(examples=["anna.k"], description="the key of a seller"),
]
CurrencyCode = Annotated[
    str,
    StringConstraints(pattern="^[A-Z]{3}$"),
    Field(examples=["SEK"], description="ISO 4217"),
]


def text_and_day(cursor: str | None) -> tuple[str, date] | None:
    """Return the text and the day that a cursor names, None for the first page."""
    key = read_cursor(cursor, str, str)
    if key is None:
        return None
    try:
        return str(key[0]), date.fromisoformat(str(key[1]))
    except ValueError:
        raise BadCursor("The cursor belongs to another list.") from None
