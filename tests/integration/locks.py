"""Waiting until somebody waits for a lock, so that two who meet are sure to meet."""

from typing import Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.testing.waiting import eventually


class OnDatabase(Protocol):
    """Whatever runs on a database of its own."""

    engine: AsyncEngine


async def waits(service: OnDatabase, least: int = 1) -> None:
    """Return once so many wait for a lock."""

    async def are_enough() -> bool:
        async with service.engine.connect() as connection:
            found = await connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                    "AND datname = current_database()"
                )
            )
            return bool(found.scalar_one() >= least)

    await eventually(are_enough)
