"""Fields that several bodies and queries have: sellers, days, currencies; cursors with a day."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from shared.chassis.http.paging import BadCursor, read_cursor
from shared.contracts.types import EARLIEST, LATEST

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def readable(value: str) -> str:
    """Refuse text with control characters other than tabs and line ends."""
    if found := _CONTROL.search(value):
        raise ValueError(f"holds the control character U+{ord(found[0]):04X}; remove it")
    return value


def _day_text(value: Any) -> Any:
    # Without this, a number would be read as seconds since 1970.
    if not isinstance(value, date) and not (isinstance(value, str) and _ISO_DAY.fullmatch(value)):
        raise ValueError("is no day; send it as 2026-01-31")
    return value


def within(earliest: date, latest: date) -> AfterValidator:
    """Return what refuses a day outside of these two."""

    def check(value: date) -> date:
        if not earliest <= value <= latest:
            raise ValueError(f"lies outside {earliest} to {latest}; send the real day")
        return value

    return AfterValidator(check)


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(readable),
]
Key = Title
"""What somebody else calls something by, bounded as titles are."""
Description = Annotated[str, Field(max_length=2000), AfterValidator(readable)]
WrittenDay = Annotated[date, BeforeValidator(_day_text)]
BoundedDay = Annotated[WrittenDay, within(EARLIEST, LATEST)]
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
