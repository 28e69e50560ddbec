"""Find open opportunities that need a look, and tell each once.

One of which nothing was heard for long, until something happens to it; one whose day has passed,
until it has another day.
It may run at any moment, in several processes at once.
"""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.pipeline.domain.events import OpportunityWentStale
from services.pipeline.domain.opportunity import StaleReason
from services.pipeline.persistence.staleness import mark_stale
from shared.chassis.clock import day_of
from shared.chassis.database import is_transient
from shared.chassis.logs import get_logger
from shared.chassis.unit_of_work import UnitOfWorkFactory

EVERY_SECONDS = 600.0
AT_ONCE = 500

log = get_logger(__name__)


class StaleFinder:
    """Looks every few minutes for what has gone stale: its day has passed, or it is quiet."""

    def __init__(self, units: UnitOfWorkFactory, zone: ZoneInfo, *, quiet: timedelta) -> None:
        self._units = units
        self._zone = zone
        self._quiet = quiet

    async def run(self) -> None:
        """Look for ever; what fails for want of a store is done again."""
        while True:
            try:
                await self.find()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("finding_interrupted", error=repr(error)[:300])
            await asyncio.sleep(EVERY_SECONDS)

    async def find(self) -> int:
        """Tell of all that have gone stale by now, some at a time; return how many."""
        now, found = self._units.clock(), 0
        while some := await self._find_some(now):
            found += some
        return found

    async def _find_some(self, now: datetime) -> int:
        async with self._units() as unit:
            rows = await mark_stale(
                unit.connection,
                today=day_of(now, self._zone),
                quiet_before=now - self._quiet,
                limit=AT_ONCE,
            )
            for row in rows:
                passed = row.stale_reason == StaleReason.DATE_PASSED
                unit.record(
                    OpportunityWentStale(
                        opportunity_id=row.opportunity_id,
                        version=row.version,
                        customer_id=row.customer_id,
                        reason=StaleReason(row.stale_reason),
                        since=row.expected_close if passed else day_of(row.quiet_since, self._zone),
                    )
                )
            return len(rows)
