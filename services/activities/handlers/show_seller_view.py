"""Show what a seller has done and is to do: cards with counts, and the lists behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.cards import Card, When, counted
from services.activities.domain.lists import SELLER_CARD
from services.activities.domain.periods import Period
from services.activities.handlers.find_neglected import Neglect, Neglected, count_neglected
from services.activities.handlers.keep_sellers import SellerNotFound
from services.activities.persistence.seller_view import count_for_cards, find_on_card
from services.activities.persistence.sellers import find_seller
from shared.chassis.clock import day_of
from shared.chassis.errors import Kind, Refusal
from shared.lists.store import find_value, list_values

NEXT_ACTIONS = 10


class CardNotFound(Refusal):
    """There is no such card, or it is archived."""

    kind = Kind.NOT_FOUND
    slug = "seller_card_not_found"
    remedy = "List them: GET /v1/seller-cards."


@dataclass(frozen=True, slots=True)
class SellerView:
    """What a seller sees at a moment; the neglected are counted up to a bound."""

    seller: Row[Any]
    today: date
    week: tuple[date, date]
    cards: Sequence[tuple[Card, Mapping[When, int]]]
    next_actions: Sequence[Row[Any]]
    lapsed: tuple[int, bool]
    never: tuple[int, bool]


async def seller_named(seller: str, connection: AsyncConnection) -> Row[Any]:
    """Return a seller, also one who has left; refuse an unknown one."""
    row = await find_seller(connection, seller)
    if row is None:
        raise SellerNotFound(f"There is no seller {seller!r}.")
    return row


async def show_seller_view(
    seller: str, connection: AsyncConnection, *, days: int, now: datetime, zone: ZoneInfo
) -> SellerView:
    """Return a seller's view at this moment; customers are neglected after so many days."""
    row = await seller_named(seller, connection)
    today = day_of(now, zone)
    week = Period.WEEK.first_day(today), Period.WEEK.last_day(today)
    cards = [_card(one) for one in await list_values(connection, SELLER_CARD, archived=False)]
    counts = await count_for_cards(connection, seller, today=today, week=week, now=now)
    return SellerView(
        seller=row,
        today=today,
        week=week,
        cards=[(card, counted(card, counts)) for card in cards],
        next_actions=await find_on_card(
            connection,
            seller,
            None,
            When.OPEN,
            days=None,
            now=now,
            after=None,
            limit=NEXT_ACTIONS,
        ),
        lapsed=await count_neglected(
            Neglected(seller, days, today, which=Neglect.LAPSED), connection
        ),
        never=await count_neglected(
            Neglected(seller, days, today, which=Neglect.NEVER), connection
        ),
    )


async def show_card(
    seller: str,
    number: int,
    when: When,
    connection: AsyncConnection,
    *,
    now: datetime,
    zone: ZoneInfo,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return the activities that a count of a card counts, behind a place in their order."""
    await seller_named(seller, connection)
    row = await find_value(connection, SELLER_CARD, number)
    if row is None or row.archived_at is not None:
        raise CardNotFound(f"There is no card {number}.")
    return await find_on_card(
        connection,
        seller,
        _card(row),
        when,
        days=_days(when, day_of(now, zone)),
        now=now,
        after=after,
        limit=limit,
    )


def _card(row: Row[Any]) -> Card:
    return Card(row.number, row.title, row.titles, frozenset(row.members), row.facts["kind"])


def _days(when: When, today: date) -> tuple[date, date] | None:
    if when is When.TODAY:
        return today, today
    if when is When.WEEK:
        return Period.WEEK.first_day(today), Period.WEEK.last_day(today)
    return None
