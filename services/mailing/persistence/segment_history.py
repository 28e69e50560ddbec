"""What became of members: who was one at a moment, who came and left, and by what cause.

Positions of changes are in the order of their moments, so a moment is a position.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.persistence.segments import NIL

LAST = 2**63 - 1


async def position_at(connection: AsyncConnection, at: datetime | None) -> int:
    """Return the position of the last change up to a moment; without one, behind all."""
    if at is None:
        return LAST
    found: int | None = await connection.scalar(_POSITION, {"at": at})
    return found or 0


async def position_before(connection: AsyncConnection, moment: datetime) -> int:
    """Return the position of the last change before a moment; 0 if there is none."""
    found: int | None = await connection.scalar(_POSITION_BEFORE, {"moment": moment})
    return found or 0


async def last_change(
    connection: AsyncConnection, segment_id: UUID, contact_id: UUID, *, position: int
) -> Row[Any] | None:
    """Return a contact's last entry or exit up to a position: as `changes` gives it."""
    asked = {"segment_id": segment_id, "contact_id": contact_id, "position": position}
    return (await connection.execute(_LAST, asked)).one_or_none()


async def members_at(
    connection: AsyncConnection, segment_id: UUID, position: int, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return who was a member at a position, by id, with their names as they are now."""
    asked = {"segment_id": segment_id, "position": position, "after": after or NIL, "limit": limit}
    return (await connection.execute(_MEMBERS, asked)).all()


async def changes(
    connection: AsyncConnection,
    segment_id: UUID,
    *,
    contact_id: UUID | None,
    after: int,
    until: int,
    limit: int,
) -> Sequence[Row[Any]]:
    """
    Return entries and exits behind one position and up to another, in order.

    Each has position, contact_id, first_name, last_name, entered, at, cause, told_type, told_by.
    """
    asked = {
        "segment_id": segment_id, "contact_id": contact_id, "after": after, "until": until,
        "limit": limit,
    }  # fmt: skip
    statement = _CHANGES if contact_id is None else _CHANGES_OF_ONE
    return (await connection.execute(statement, asked)).all()


async def growth(
    connection: AsyncConnection, segment_id: UUID, edges: Sequence[datetime]
) -> Sequence[Row[Any]]:
    """
    Count entries and exits between moments: place, cause, entered, moves.

    Place 0 is before the first moment, place n between the n-th and the next.
    """
    last = await position_before(connection, edges[-1])
    asked = {"segment_id": segment_id, "edges": list(edges), "last": last}
    return (await connection.execute(_GROWTH, asked)).all()


async def between_positions(
    connection: AsyncConnection,
    segment_id: UUID,
    *,
    first: int,
    last: int,
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return who was a member at one of two positions only, by id: `entered` if at the last."""
    asked = {
        "segment_id": segment_id, "first": first, "last": last, "after": after or NIL,
        "limit": limit,
    }  # fmt: skip
    return (await connection.execute(_BETWEEN_POSITIONS, asked)).all()


async def between_rules(
    connection: AsyncConnection, here: UUID, there: UUID, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return who is a member by one of two rules only, by id: `here` if by the first."""
    asked = {"here": here, "there": there, "after": after or NIL, "limit": limit}
    return (await connection.execute(_BETWEEN_RULES, asked)).all()


async def memberships(
    connection: AsyncConnection, contact_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return the segments a contact is in, by id: name, since when and why, and how pinned."""
    asked = {"contact_id": contact_id, "after": after or NIL, "limit": limit}
    return (await connection.execute(_MEMBERSHIPS, asked)).all()


_POSITION = text(
    "SELECT position FROM member_change WHERE at <= :at ORDER BY at DESC, position DESC LIMIT 1"
)
_POSITION_BEFORE = text(
    "SELECT position FROM member_change WHERE at < :moment ORDER BY at DESC, position DESC LIMIT 1"
)
_CHANGE = """
    change.position, change.contact_id, change.entered, change.at, change.cause,
    change.told_type, change.told_by
"""
_NAMES = """
    coalesce(contact.first_name, '') AS first_name, coalesce(contact.last_name, '') AS last_name
"""
_LAST = text(
    f"""
    SELECT {_CHANGE} FROM member_change AS change
    WHERE segment_id = :segment_id AND contact_id = :contact_id AND position <= :position
    ORDER BY position DESC LIMIT 1
    """
)
# One walk of the index of contacts, as far as the page; of each the last change counts.
_MEMBERS = text(
    f"""
    SELECT one.contact_id, {_NAMES}
    FROM (
        SELECT contact_id FROM member_change
        WHERE segment_id = :segment_id AND position <= :position AND contact_id > :after
        GROUP BY contact_id HAVING (array_agg(entered ORDER BY position DESC))[1]
        ORDER BY contact_id LIMIT :limit) AS one
    LEFT JOIN contact USING (contact_id)
    ORDER BY one.contact_id
    """
)
_CHANGES_SQL = """
    SELECT {change}, {names}
    FROM (SELECT one.* FROM member_change AS one
          WHERE segment_id = :segment_id {whose} AND position > :after AND position <= :until
          ORDER BY position LIMIT :limit) AS change
    LEFT JOIN contact USING (contact_id)
    ORDER BY change.position
"""
_CHANGES = text(_CHANGES_SQL.format(change=_CHANGE, names=_NAMES, whose=""))
_CHANGES_OF_ONE = text(
    _CHANGES_SQL.format(change=_CHANGE, names=_NAMES, whose="AND contact_id = :contact_id")
)
_GROWTH = text(
    """
    SELECT width_bucket(at, CAST(:edges AS timestamptz[])) AS place, cause, entered,
           count(*) AS moves
    FROM member_change WHERE segment_id = :segment_id AND position <= :last
    GROUP BY 1, 2, 3
    """
)
# Who was let in first and let in last was not there before; so only what lies between is read.
_BETWEEN_POSITIONS = text(
    f"""
    SELECT one.contact_id, one.entered, {_NAMES}
    FROM (
        SELECT contact_id, (array_agg(entered ORDER BY position DESC))[1] AS entered
        FROM member_change
        WHERE segment_id = :segment_id AND position > :first AND position <= :last
          AND contact_id > :after
        GROUP BY contact_id
        HAVING (array_agg(entered ORDER BY position))[1]
             = (array_agg(entered ORDER BY position DESC))[1]
        ORDER BY contact_id LIMIT :limit) AS one
    LEFT JOIN contact USING (contact_id)
    ORDER BY one.contact_id
    """
)
_BETWEEN_RULES = text(
    f"""
    SELECT one.contact_id, one.here, {_NAMES}
    FROM (
        SELECT coalesce(mine.contact_id, other.contact_id) AS contact_id,
               mine.contact_id IS NOT NULL AS here
        FROM (SELECT contact_id FROM member
              WHERE rule_id = :here AND contact_id > :after) AS mine
        FULL JOIN (SELECT contact_id FROM member
                   WHERE rule_id = :there AND contact_id > :after) AS other USING (contact_id)
        WHERE mine.contact_id IS NULL OR other.contact_id IS NULL
        ORDER BY 1 LIMIT :limit) AS one
    LEFT JOIN contact USING (contact_id)
    ORDER BY one.contact_id
    """
)
_MEMBERSHIPS = text(
    """
    SELECT segment.segment_id, segment.name, last.at AS since, last.cause,
           last.told_type, last.told_by, pin.inside AS pinned
    FROM member
    JOIN segment ON segment.live_rule_id = member.rule_id AND NOT segment.removed
    LEFT JOIN segment_pin AS pin
        ON pin.segment_id = segment.segment_id AND pin.contact_id = member.contact_id
    LEFT JOIN LATERAL (
        SELECT at, cause, told_type, told_by FROM member_change AS change
        WHERE change.segment_id = segment.segment_id AND change.contact_id = member.contact_id
        ORDER BY change.position DESC LIMIT 1) AS last ON true
    WHERE member.contact_id = :contact_id
      AND segment.segment_id > :after
    ORDER BY segment.segment_id LIMIT :limit
    """
)
