"""Moves of members, read behind a position, and the notice that there are new ones."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

CHANNEL = "member_moves"


async def give_notice(connection: AsyncConnection, segment_ids: Collection[UUID]) -> None:
    """Tell all processes, with the commit, that there is something new in the feeds of segments."""
    if segment_ids:
        await connection.execute(
            _NOTIFY, {"channel": CHANNEL, "segments": [str(one) for one in segment_ids]}
        )


async def is_far_behind(
    connection: AsyncConnection, segment_id: UUID, *, after: int, most: int
) -> bool:
    """Tell whether a segment has more than so many moves behind a position."""
    found = await connection.scalar(
        _IS_FAR, {"segment_id": segment_id, "after": after, "most": most}
    )
    return found is not None


_NOTIFY = text(
    "SELECT pg_notify(:channel, segment) FROM unnest(CAST(:segments AS text[])) AS one (segment)"
)
_IS_FAR = text(
    """
    SELECT position FROM member_change WHERE segment_id = :segment_id AND position > :after
    ORDER BY position OFFSET :most LIMIT 1
    """
)
