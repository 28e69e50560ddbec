"""What is done every second: ask for the consent news, fence bans, hash, keep audiences up."""

import asyncio
from collections.abc import Awaitable, Callable

from services.mailing.domain.addresses import HashOf
from services.mailing.handlers.ban_address import fence_pending
from services.mailing.handlers.consent import probe_consent
from services.mailing.handlers.follow_audiences import follow_audiences
from services.mailing.handlers.hash_addresses import hash_all
from services.mailing.persistence.bans import pending_ids
from shared.chassis.database import is_transient
from shared.chassis.logs import get_logger
from shared.chassis.unit_of_work import UnitOfWorkFactory

EVERY_SECONDS = 1.0

log = get_logger(__name__)


def probing(units: UnitOfWorkFactory) -> Callable[[], Awaitable[None]]:
    """Return a loop that asks customers every second how far the consent news goes."""

    async def probe() -> None:
        async with units() as uow:
            await probe_consent(uow)

    return _every_second("consent_probe_interrupted", probe)


def fencing(units: UnitOfWorkFactory, hash_of: HashOf) -> Callable[[], Awaitable[None]]:
    """Return a loop that fences accepted bans as soon as their gates are free."""

    async def fence() -> None:
        await fence_all(units, hash_of)

    return _every_second("ban_fencing_interrupted", fence)


def hashing(units: UnitOfWorkFactory, hash_of: HashOf) -> Callable[[], Awaitable[None]]:
    """Return a loop that hashes the addresses of contacts that came before there were hashes."""

    async def hash_some() -> None:
        await hash_all(units, hash_of)

    return _every_second("address_hashing_interrupted", hash_some)


def following(units: UnitOfWorkFactory) -> Callable[[], Awaitable[None]]:
    """Return a loop that lets audiences follow their segments."""

    async def follow() -> None:
        await follow_audiences(units)

    return _every_second("audiences_interrupted", follow)


async def fence_all(units: UnitOfWorkFactory, hash_of: HashOf) -> None:
    """Fence every pending ban once, each by itself: a held gate stops no other."""
    async with units.engine.connect() as connection:
        waiting = await pending_ids(connection)
    for ban_id in waiting:
        try:
            async with units() as uow:
                await fence_pending(ban_id, uow, hash_of=hash_of)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("ban_still_pending", ban_id=str(ban_id), error=repr(error)[:200])


def _every_second(event: str, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def loop() -> None:
        while True:
            try:
                await work()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning(event, error=repr(error)[:200])
            await asyncio.sleep(EVERY_SECONDS)

    return loop
