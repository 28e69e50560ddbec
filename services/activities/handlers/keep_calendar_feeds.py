"""Give out, revoke and serve the calendar feeds of sellers.

Whoever holds the address of a feed may read it: the address holds a secret of 256 bits, which is
shown once. Only its hash is kept, and it is looked up by that.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.calendar import AHEAD, BEHIND, MOST_EVENTS, calendar_of
from services.activities.handlers.keep_sellers import SellerNotFound
from services.activities.persistence import calendar_feeds as store
from services.activities.persistence.sellers import find_seller
from shared.chassis.errors import Kind, Refusal
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork

MOST_FEEDS = 20
SECRET_BYTES = 32


class FeedNotFound(Refusal):
    """There is no such feed, or it was revoked."""

    kind = Kind.NOT_FOUND
    slug = "calendar_feed_not_found"
    remedy = "Ask for a new address: POST /v1/sellers/{seller}/calendar-feeds."


class TooManyFeeds(Refusal):
    """The seller has as many feeds as one may have."""

    kind = Kind.CONFLICT
    slug = "too_many_calendar_feeds"
    remedy = "Revoke one that is not used any more."


@dataclass(frozen=True, slots=True)
class NewFeed:
    """A feed that was just given out; the secret is known now and never again."""

    feed_id: UUID
    title: str
    created_at: datetime
    secret: str


async def give_feed(seller: str, title: str, uow: UnitOfWork) -> NewFeed:
    """Give out a feed of a seller's activities."""
    if await find_seller(uow.connection, seller, lock=True) is None:
        raise SellerNotFound(f"There is no seller {seller!r}.")
    if len(await store.list_feeds(uow.connection, seller)) >= MOST_FEEDS:
        raise TooManyFeeds(f"{seller!r} has {MOST_FEEDS} feeds.")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    feed_id = new_id()
    await store.insert_feed(
        uow.connection,
        feed_id,
        seller=seller,
        title=title,
        secret_hash=_hash(secret),
        now=uow.now,
    )
    return NewFeed(feed_id, title, uow.now, secret)


async def revoke_feed(seller: str, feed_id: UUID, uow: UnitOfWork) -> None:
    """Revoke a feed; its address leads nowhere from the commit on."""
    if not await store.delete_feed(uow.connection, seller, feed_id):
        raise FeedNotFound(f"{seller!r} has no feed {feed_id}.")


async def feed_calendar(secret: str, connection: AsyncConnection, *, now: datetime) -> bytes:
    """Return the calendar that a secret leads to."""
    feed = await store.feed_of(connection, _hash(secret))
    if feed is None:
        raise FeedNotFound("The address leads to no calendar.")
    appointments = await store.appointments_of(
        connection, feed.seller, since=now - BEHIND, until=now + AHEAD, limit=MOST_EVENTS
    )
    return calendar_of(feed.title or feed.name or feed.seller, appointments)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
