"""Statements on what sellers have done, by category and day."""

from collections.abc import Collection, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.targets import Place


async def add_to_tally(connection: AsyncConnection, changes: Mapping[Place, int]) -> None:
    """Add to, or take from, what is counted at these places; in one order for all who do."""
    places = sorted(changes)
    await connection.execute(
        _ADD,
        {
            "sellers": [place.seller for place in places],
            "categories": [place.category for place in places],
            "days": [place.day for place in places],
            "counts": [changes[place] for place in places],
        },
    )


async def hold_tally(connection: AsyncConnection) -> None:
    """
    Wait until all that was counted is committed, and let nobody count until our commit.

    Who changes what is wanted, who belongs to whom, or the tally itself, holds it: values and
    sellers are locked before it, targets and their progress after it, as by those who count.
    """
    await connection.execute(text("LOCK TABLE tally IN SHARE ROW EXCLUSIVE MODE"))


async def miscounted(connection: AsyncConnection, sellers: Collection[str]) -> dict[Place, int]:
    """Return by how much the tally of these sellers is short of what their activities say."""
    result = await connection.execute(_MISCOUNTED, {"sellers": list(sellers)})
    return {Place(row.seller, row.category, row.day): row.short for row in result}


async def take_from_tally(connection: AsyncConnection, category: int) -> dict[Place, int]:
    """Count nothing in a category any more; return what was counted."""
    result = await connection.execute(
        text("DELETE FROM tally WHERE category = :category RETURNING seller, category, day, done"),
        {"category": category},
    )
    return {Place(row.seller, row.category, row.day): row.done for row in result if row.done}


_ADD = text(
    """
    INSERT INTO tally (seller, category, day, done)
    SELECT seller, category, day, done
    FROM unnest(CAST(:sellers AS text[]), CAST(:categories AS int[]), CAST(:days AS date[]),
                CAST(:counts AS int[])) WITH ORDINALITY AS new (seller, category, day, done, place)
    ORDER BY place
    ON CONFLICT (seller, category, day) DO UPDATE SET done = tally.done + EXCLUDED.done
    """
)
# Counts as domain.targets.counted does.
_MISCOUNTED = text(
    """
    SELECT seller, category, day, CAST(coalesce(is_done, 0) - coalesce(done, 0) AS int) AS short
    FROM (SELECT seller, category, day, count(*) AS is_done FROM activity
          WHERE deleted_at IS NULL AND state = 'done' AND counts_to_target
            AND seller = ANY(CAST(:sellers AS text[]))
          GROUP BY seller, category, day) AS counted
    FULL JOIN (SELECT seller, category, day, done FROM tally
               WHERE seller = ANY(CAST(:sellers AS text[]))) AS told
    USING (seller, category, day)
    WHERE coalesce(is_done, 0) <> coalesce(done, 0)
    """
)
