"""Remove what nobody can ask for any more: deleted attachments, and bytes that nothing refers to.

It may run at any moment, in several processes at once. Bytes are removed while their row is locked
and after nothing referred to it; an upload of the same content waits for that, and keeps its own.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from services.activities.domain.blobs import BlobStore
from services.activities.handlers.keep_attachments import UNHELD
from services.activities.persistence import attachments as store
from shared.chassis.database import is_transient
from shared.chassis.logs import get_logger
from shared.chassis.unit_of_work import UnitOfWorkFactory

EVERY_SECONDS = 600.0
AT_ONCE = 200

log = get_logger(__name__)


class AttachmentCleaner:
    """Cleans every few minutes, and at once when it is woken."""

    def __init__(self, units: UnitOfWorkFactory, blobs: BlobStore, *, retention: timedelta) -> None:
        self._units = units
        self._blobs = blobs
        self._retention = retention
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Say that bytes have to go now."""
        self._wake.set()

    async def run(self) -> None:
        """Clean for ever; what fails for want of a store is done again."""
        while True:
            self._wake.clear()
            try:
                await self.clean()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("cleaning_interrupted", error=repr(error)[:300])
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._wake.wait()

    async def clean(self) -> None:
        """Remove all that is over now, some at a time."""
        now = self._units.clock()
        while await self._remove_deleted(now) == AT_ONCE:
            pass
        while await self._remove_expired(now) == AT_ONCE:
            pass
        await self._blobs.remove_unfinished(now - UNHELD)

    async def _remove_deleted(self, now: datetime) -> int:
        async with self._units() as unit:
            return await store.remove_deleted(
                unit.connection, before=now - self._retention, now=now, limit=AT_ONCE
            )

    async def _remove_expired(self, now: datetime) -> int:
        async with self._units() as unit:
            expired = await store.lock_expired(unit.connection, now=now, limit=AT_ONCE)
            if expired:
                # The rows stay if their files cannot be removed; a file that is gone before its
                # row is no loss, for nothing refers to it.
                await self._blobs.remove(await store.remove_unheld(unit.connection, expired))
            return len(expired)
