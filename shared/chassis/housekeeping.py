"""Removes what has served its time: done messages, sent events, old idempotency keys."""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.clock import Clock
from shared.chassis.database import is_transient
from shared.chassis.logs import get_logger

EVERY_SECONDS = 600.0
CHUNK = 5000
IDEMPOTENCY_DAYS = 2

log = get_logger(__name__)


async def sweep(engine: AsyncEngine, clock: Clock, *, retention: timedelta) -> int:
    """Delete what is older than the retention, in chunks with short locks; return how much."""
    removed = 0
    cutoffs = {
        _INBOX: clock() - retention,
        _OUTBOX: clock() - retention,
        _KEYS: clock() - timedelta(days=IDEMPOTENCY_DAYS),
    }
    for statement, before in cutoffs.items():
        while True:
            async with engine.begin() as connection:
                result = await connection.execute(
                    text(statement), {"before": before, "chunk": CHUNK}
                )
            removed += result.rowcount
            if result.rowcount < CHUNK:
                break
    return removed


async def keep_house(engine: AsyncEngine, clock: Clock, *, retention: timedelta) -> None:
    """Sweep every few minutes, for ever."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await sweep(engine, clock, retention=retention)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("housekeeping_interrupted", error=repr(error))


_INBOX = """
    DELETE FROM inbox WHERE seq IN (
        SELECT seq FROM inbox WHERE state = 'done' AND done_at < :before ORDER BY seq LIMIT :chunk)
"""
_OUTBOX = """
    DELETE FROM outbox WHERE seq IN (
        SELECT seq FROM outbox WHERE sent_at < :before ORDER BY seq LIMIT :chunk)
"""
_KEYS = """
    DELETE FROM idempotency_key WHERE key IN (
        SELECT key FROM idempotency_key WHERE created_at < :before LIMIT :chunk)
"""
