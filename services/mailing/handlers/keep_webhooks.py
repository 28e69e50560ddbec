"""Make, change and remove webhooks, change their secrets, and let them be sent anew."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.refusals import TooManyWebhooks, WebhookNotFound
from services.mailing.domain.webhooks import secret_of
from services.mailing.persistence import deliveries
from services.mailing.persistence import webhooks as store
from services.mailing.persistence.members import last_position
from services.mailing.persistence.segments import find_some
from services.mailing.persistence.webhooks import Wanted
from shared.chassis.errors import InvalidField, StaleVersion
from shared.chassis.ids import new_id
from shared.chassis.outbound import Reach, TargetRefused, check_target
from shared.chassis.unit_of_work import UnitOfWork

MOST_WEBHOOKS = 50
MADE = "webhook-wanted"
"""The signal of a unit of work after which something may have to be sent."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that was just made; it is known now and never again."""

    secret: str
    earlier_valid_until: datetime | None


async def make_webhook(
    wanted: Wanted, reach: Reach, keys: LinkKeys, uow: UnitOfWork
) -> tuple[Row[Any], str]:
    """Make a webhook that is sent what moves from now on; return it with its secret."""
    await _refuse_wrong(wanted, reach, uow)
    await store.lock(uow.connection)
    if await store.count(uow.connection) >= MOST_WEBHOOKS:
        raise TooManyWebhooks(f"There are {MOST_WEBHOOKS} webhooks.")
    webhook_id, (secret_id, secret) = new_id(), _new_secret(keys)
    await store.add(
        uow.connection,
        webhook_id,
        wanted,
        secret_id=secret_id,
        key_id=keys.first,
        position=await last_position(uow.connection),
        now=uow.now,
    )
    return await find_webhook(webhook_id, uow.connection), secret


async def find_webhook(webhook_id: UUID, connection: AsyncConnection) -> Row[Any]:
    """Return one webhook; refuse an unknown one."""
    found = await store.find(connection, webhook_id)
    if found is None:
        raise WebhookNotFound(f"There is no webhook {webhook_id}.")
    return found


async def change_webhook(
    webhook_id: UUID, wanted: Wanted, reach: Reach, uow: UnitOfWork, *, expected: int
) -> Row[Any]:
    """Replace what a webhook of the expected version is to be sent; it is tried at once."""
    await find_webhook(webhook_id, uow.connection)
    await _refuse_wrong(wanted, reach, uow)
    if not await store.change(uow.connection, webhook_id, wanted, expected=expected, now=uow.now):
        await _refuse_stale(webhook_id, expected, uow)
    uow.signal(MADE)
    return await find_webhook(webhook_id, uow.connection)


async def remove_webhook(webhook_id: UUID, uow: UnitOfWork, *, expected: int) -> None:
    """Remove a webhook of the expected version."""
    await find_webhook(webhook_id, uow.connection)
    if not await store.remove(uow.connection, webhook_id, expected=expected):
        await _refuse_stale(webhook_id, expected, uow)


async def change_secret(
    webhook_id: UUID, *, overlap: timedelta, keys: LinkKeys, uow: UnitOfWork
) -> NewSecret:
    """Give a webhook a new secret; until the overlap has passed both sign."""
    secret_id, secret = _new_secret(keys)
    until = uow.now + overlap
    if not await store.change_secret(
        uow.connection, webhook_id, secret_id=secret_id, key_id=keys.first, earlier_until=until
    ):
        raise WebhookNotFound(f"There is no webhook {webhook_id}.")
    return NewSecret(secret, until)


async def replay(webhook_id: UUID, uow: UnitOfWork, *, after: int) -> Row[Any]:
    """Send a webhook once more what lies behind a position; refuse one that was never given out."""
    await find_webhook(webhook_id, uow.connection)
    last = await last_position(uow.connection)
    if after > last:
        raise InvalidField("after", f"the last position is {last}", "Send one up to that.")
    await store.go_back(uow.connection, webhook_id, after=after)
    uow.signal(MADE)
    return await find_webhook(webhook_id, uow.connection)


async def list_deliveries(webhook_id: UUID, connection: AsyncConnection) -> list[Row[Any]]:
    """Return what came of the last messages to a webhook, the newest first."""
    await find_webhook(webhook_id, connection)
    return await deliveries.newest(connection, webhook_id)


def _new_secret(keys: LinkKeys) -> tuple[UUID, str]:
    # At random: the secret is made of it.
    secret_id = uuid4()
    secret = secret_of(secret_id, keys.first, keys)
    assert secret is not None
    return secret_id, secret


async def _refuse_wrong(wanted: Wanted, reach: Reach, uow: UnitOfWork) -> None:
    try:
        check_target(wanted.url, reach)
    except TargetRefused as refusal:
        raise InvalidField("url", refusal.detail, refusal.remedy) from None
    if not (wanted.entered or wanted.exited):
        raise InvalidField("events", "there is none", "Name entered, left or both.")
    if wanted.segments is not None:
        found = await find_some(uow.connection, wanted.segments)
        for segment_id in wanted.segments:
            if segment_id not in found:
                raise InvalidField(
                    "segments", f"there is no segment {segment_id}", "List them at /v1/segments."
                )


async def _refuse_stale(webhook_id: UUID, expected: int, uow: UnitOfWork) -> None:
    held = await find_webhook(webhook_id, uow.connection)
    raise StaleVersion(f"The webhook is at version {held.version}, not {expected}.")
