"""Find customers with whom a seller, or anybody, had no contact for some days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.persistence.neglected import (
    ANYBODY,
    find_lapsed,
    find_never_contacted,
)

COUNTED_AT_MOST = 100


class Contact(StrEnum):
    """Whose contact counts."""

    SELLER = "seller"
    ANYBODY = "anybody"


class Neglect(StrEnum):
    """`lapsed`: there was contact, but long ago; `never`: there was none."""

    ALL = "all"
    LAPSED = "lapsed"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a customer in the list: the day of the last contact, if any, and an id."""

    day: date | None
    customer_id: UUID


@dataclass(frozen=True, slots=True)
class Neglected:
    """What is asked for: nobody's contact for so many days, at this day."""

    seller: str
    days: int
    today: date
    by: Contact = Contact.SELLER
    which: Neglect = Neglect.ALL


async def find_neglected(
    asked: Neglected, connection: AsyncConnection, *, after: Place | None, limit: int
) -> Sequence[Row[Any]]:
    """Return customers behind a place: those contacted longest ago first, then those never."""
    seller = ANYBODY if asked.by is Contact.ANYBODY else asked.seller
    found: list[Row[Any]] = []
    if asked.which is not Neglect.NEVER and (after is None or after.day is not None):
        found += await find_lapsed(
            connection,
            seller,
            before=asked.today - timedelta(days=asked.days),
            today=asked.today,
            after=None if after is None or after.day is None else (after.day, after.customer_id),
            limit=limit,
        )
    if asked.which is not Neglect.LAPSED and len(found) < limit:
        found += await find_never_contacted(
            connection,
            seller,
            today=asked.today,
            after=None if after is None or after.day is not None else after.customer_id,
            limit=limit - len(found),
        )
    return found


async def count_neglected(asked: Neglected, connection: AsyncConnection) -> tuple[int, bool]:
    """Return how many there are, counted up to a bound, and whether that is all."""
    found = await find_neglected(asked, connection, after=None, limit=COUNTED_AT_MOST + 1)
    return min(len(found), COUNTED_AT_MOST), len(found) <= COUNTED_AT_MOST
