"""Read the consent log: a page of it, or all of it as a file that proves itself."""

from collections.abc import AsyncIterator

from services.mailing.domain.consent_log import Record, line_of
from services.mailing.persistence import consent_log
from shared.chassis.unit_of_work import UnitOfWorkFactory

CHUNK = 2000


async def show_log(units: UnitOfWorkFactory, *, after: int, limit: int) -> list[Record]:
    """Return the records that follow a position."""
    async with units.engine.connect() as connection:
        return await consent_log.page(connection, after=after, limit=limit)


async def export_log(units: UnitOfWorkFactory, *, chunk: int = CHUNK) -> AsyncIterator[bytes]:
    """
    Yield the whole log, a record a line, as far as it goes when its end is reached.

    No transaction stays open while the reader reads: what was written never changes.
    """
    after = 0
    while records := await show_log(units, after=after, limit=chunk):
        yield "".join(f"{line_of(record)}\n" for record in records).encode()
        after = records[-1]["position"]
