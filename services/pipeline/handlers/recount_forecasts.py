"""Recount what forecasts read from the opportunities themselves, and mend it beside live writes."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.persistence.rollups import ROLLUPS, mend


async def recount_forecasts(connection: AsyncConnection) -> dict[str, int]:
    """Return, by rollup, how many sums did not fit and were mended; 0 unless something broke."""
    return {one.table: await mend(connection, one) for one in ROLLUPS}
