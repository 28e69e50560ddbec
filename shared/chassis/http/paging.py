"""Keyset pages: the cost of a page does not grow with its number, and no row is shown twice."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

from shared.chassis.errors import Refusal

T = TypeVar("T")

MAX_PAGE = 500

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="rows per page")]
Cursor = Annotated[
    str | None, Query(max_length=1000, description="`next` of the page before; none for the first")
]


class BadCursor(Refusal):
    """The cursor is none that this list has given out."""

    slug = "bad_cursor"
    remedy = "Send the `next` of the page before as it is, or leave the cursor out."


class Page(BaseModel, Generic[T]):
    """One page of a list; `next` is null on the last."""

    items: list[T]
    next: str | None = None


def page_of(items: Sequence[T], limit: int, key: Callable[[T], tuple[str | int, ...]]) -> Page[T]:
    """Return the first `limit` of items, of which one more was asked for to see if there are more.

    `key` gives what the rows are sorted by; that of the last one shown becomes the cursor.
    """
    shown = list(items[:limit])
    more = len(items) > limit
    return Page(items=shown, next=write_cursor(*key(shown[-1])) if more else None)


def write_cursor(*key: str | int) -> str:
    """Return a cursor that names the last row of a page by its sort key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, *shape: type[str] | type[int]) -> list[str | int] | None:
    """Return the sort key a cursor names, or None for the first page; refuse a foreign one."""
    if cursor is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise BadCursor("The cursor cannot be read.") from None
    fits = (
        isinstance(key, list)
        and len(key) == len(shape)
        and all(type(part) is kind for part, kind in zip(key, shape, strict=True))
        and all(_storable(part) for part in key if isinstance(part, str))
        and not any(isinstance(part, int) and abs(part) >= 2**63 for part in key)
    )
    if not fits:
        raise BadCursor("The cursor belongs to another list.")
    return list(key)


def cursor_id(cursor: str | None) -> UUID | None:
    """Return the id that the cursor of a list in the order of ids names; refuse a foreign one."""
    key = read_cursor(cursor, str)
    if key is None:
        return None
    try:
        return UUID(str(key[0]))
    except ValueError:
        raise BadCursor("The cursor belongs to another list.") from None


def _storable(value: str) -> bool:
    # The database holds neither; left in, they would fail the query instead of the request.
    return not any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in value)
