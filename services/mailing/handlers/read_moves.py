"""Read who came into a segment and who left it, behind a position, without a gap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.handlers.evaluate_rule import find_segment
from services.mailing.persistence.members import changes_after, last_position
from services.mailing.persistence.moves import is_far_behind


@dataclass(frozen=True, slots=True)
class Moves:
    """Some moves in order, the position that the next ones come after, and if there are more.

    `replaced`: the members are to be read anew, and go on behind the position.
    """

    rows: Sequence[Row[Any]]
    position: int
    more: bool
    replaced: bool


async def read_moves(
    segment_id: UUID,
    connection: AsyncConnection,
    *,
    after: int | None,
    limit: int,
    most_behind: int | None = None,
) -> Moves:
    """
    Return moves of a segment behind a position; refuse an unknown segment.

    Whoever has no position yet, one that was never given out here, or lies further behind than
    `most_behind` moves, is told the last position: what he reads of the members from now on holds
    all moves up to it.
    """
    await find_segment(segment_id, connection)
    last = await last_position(connection)
    if after is None or after > last or await _is_far(segment_id, connection, after, most_behind):
        return Moves((), last, more=False, replaced=True)
    rows = await changes_after(connection, segment_id, after=after, limit=limit + 1)
    shown = rows[:limit]
    position = shown[-1].position if shown else after
    return Moves(shown, position, more=len(rows) > limit, replaced=False)


async def _is_far(
    segment_id: UUID, connection: AsyncConnection, after: int, most: int | None
) -> bool:
    return most is not None and await is_far_behind(connection, segment_id, after=after, most=most)
