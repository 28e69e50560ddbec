"""Audiences: their records, whom they took, and who of these is to be handed off next."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.persistence.gate import ADDRESS, AT_CUSTOMER, BANNED
from services.mailing.persistence.segments import NIL


@dataclass(frozen=True, slots=True)
class Audience:
    """One audience; `position` is how far it follows the changes of its segment's members."""

    audience_id: UUID
    segment_id: UUID
    channel: Channel
    purpose: Purpose
    campaign: str
    customer_id: UUID | None
    keep_up: bool
    position: int
    version: int
    made_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class AudienceCounts:
    """How many are in an audience, and what the gate says of them now."""

    members: int
    mailable: int
    addresses: int
    banned: int
    without_address: int
    left: int | None
    handed_off: int


@dataclass(frozen=True, slots=True)
class Moved:
    """The last entry or exit of a contact among some changes of a segment."""

    contact_id: UUID
    entered: bool
    position: int


async def take(
    connection: AsyncConnection,
    audience_id: UUID,
    *,
    segment_id: UUID,
    channel: Channel,
    purpose: Purpose,
    campaign: str,
    customer_id: UUID | None,
    keep_up: bool,
    now: datetime,
) -> None:
    """Make an audience of those members whom the gate lets through, all as of one snapshot."""
    await connection.execute(
        _TAKE,
        {
            "audience_id": audience_id,
            "segment_id": segment_id,
            "channel": channel,
            "purpose": purpose,
            "campaign": campaign,
            "customer_id": customer_id,
            "keep_up": keep_up,
            "now": now,
        },
    )


async def find(
    connection: AsyncConnection, audience_id: UUID, *, lock: bool = False
) -> Audience | None:
    """Return one audience, or None; locked, nobody else hands it off or changes it meanwhile."""
    row = (await connection.execute(_LOCK if lock else _FIND, {"id": audience_id})).one_or_none()
    return None if row is None else _audience(row)


async def page(connection: AsyncConnection, *, after: UUID | None, limit: int) -> list[Audience]:
    """Return audiences in the order of their ids, which is the order they were made in."""
    result = await connection.execute(_PAGE, {"after": after or NIL, "limit": limit})
    return [_audience(row) for row in result]


async def close(
    connection: AsyncConnection, audience_id: UUID, *, expected: int, now: datetime
) -> bool:
    """Close an audience that has the expected version; tell whether it had."""
    result = await connection.execute(_CLOSE, {"id": audience_id, "expected": expected, "now": now})
    return result.rowcount == 1


async def remove(connection: AsyncConnection, audience_id: UUID, *, expected: int) -> bool:
    """Remove an audience of the expected version with all it took; tell whether it had it."""
    result = await connection.execute(_REMOVE, {"id": audience_id, "expected": expected})
    if result.rowcount == 0:
        return False
    for table in ("audience_member", "seal"):
        await connection.execute(
            text(f"DELETE FROM {table} WHERE audience_id = :id"), {"id": audience_id}
        )
    return True


async def members(
    connection: AsyncConnection, audience_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return whom the audience took, in the order of ids, those who left among them."""
    result = await connection.execute(
        _MEMBERS, {"id": audience_id, "after": after or NIL, "limit": limit}
    )
    return result.all()


async def count(
    connection: AsyncConnection, audience: Audience, *, now: datetime
) -> AudienceCounts:
    """Count by the same gate that hand-offs ask; `left` is None when the segment is removed."""
    row = (await connection.execute(_COUNT, {**_asked(audience), "now": now})).one()
    return AudienceCounts(
        members=row.members,
        mailable=row.members - row.banned - row.without_address,
        addresses=row.addresses,
        banned=row.banned,
        without_address=row.without_address,
        left=row.left_segment,
        handed_off=row.handed_off,
    )


async def next_members(
    connection: AsyncConnection, audience: Audience, *, limit: int, now: datetime
) -> list[UUID]:
    """Return whom to hand off next: each address once, and none that the gate would refuse."""
    result = await connection.execute(_NEXT, {**_asked(audience), "limit": limit, "now": now})
    return _each_once(result.all())


async def still_open(
    connection: AsyncConnection, audience: Audience, contact_ids: Collection[UUID]
) -> list[UUID]:
    """Return who of these is in the audience, and was not handed off; the gate is not asked."""
    result = await connection.execute(
        _STILL_OPEN, {**_asked(audience), "contacts": list(contact_ids)}
    )
    return _each_once(result.all())


async def mark_released(
    connection: AsyncConnection, audience_id: UUID, contact_ids: Collection[UUID]
) -> None:
    """Remember that these need not be looked at again."""
    await connection.execute(_RELEASED, {"id": audience_id, "contacts": list(contact_ids)})


async def behind(connection: AsyncConnection, *, limit: int) -> list[UUID]:
    """Return audiences that are to keep up and have changes before them."""
    return list((await connection.execute(_BEHIND, {"limit": limit})).scalars())


async def moves_after(
    connection: AsyncConnection, audience: Audience, *, limit: int
) -> list[Moved]:
    """Return the last change of each contact among the next changes of the segment."""
    result = await connection.execute(
        _MOVES,
        {"segment_id": audience.segment_id, "after": audience.position, "limit": limit},
    )
    return [Moved(row.contact_id, row.entered, row.position) for row in result]


async def follow(
    connection: AsyncConnection, audience: Audience, moves: Sequence[Moved], *, now: datetime
) -> None:
    """Let those who left leave, and those who entered join whom the bans let through."""
    await connection.execute(
        _LEAVE,
        {
            "id": audience.audience_id,
            "contacts": [one.contact_id for one in moves if not one.entered],
            "now": now,
        },
    )
    entered = [one for one in moves if one.entered]
    await connection.execute(
        _JOIN,
        {
            **_asked(audience),
            "contacts": [one.contact_id for one in entered],
            "positions": [one.position for one in entered],
            "now": now,
        },
    )
    await connection.execute(
        text("UPDATE audience SET position = :position WHERE audience_id = :id"),
        {"id": audience.audience_id, "position": max(one.position for one in moves)},
    )


def _each_once(rows: Sequence[Row[Any]]) -> list[UUID]:
    first: dict[str, UUID] = {}
    for row in rows:
        # Nobody without an address shares one.
        first.setdefault(row.address or str(row.contact_id), row.contact_id)
    return list(first.values())


def _asked(audience: Audience) -> dict[str, object]:
    return {
        "audience_id": audience.audience_id,
        "segment_id": audience.segment_id,
        "channel": audience.channel,
        "purpose": audience.purpose,
        "campaign": audience.campaign,
        "customer_id": audience.customer_id,
    }


def _audience(row: Row[Any]) -> Audience:
    return Audience(
        audience_id=row.audience_id,
        segment_id=row.segment_id,
        channel=Channel(row.channel),
        purpose=Purpose(row.purpose),
        campaign=row.campaign,
        customer_id=row.customer_id,
        keep_up=row.keep_up,
        position=row.position,
        version=row.version,
        made_at=row.made_at,
        closed_at=row.closed_at,
    )


_REFUSED = f"(CAST(:purpose AS text) = 'marketing' AND {BANNED})"
_PASSES = f"(NOT contact.deleted AND {ADDRESS} IS NOT NULL AND {AT_CUSTOMER} AND NOT {_REFUSED})"
_CONSENT_SEQ = "(SELECT applied_through FROM consent_position WHERE id = 1)"
_COLUMNS = """
    audience_id, segment_id, channel, purpose, campaign, customer_id, keep_up, position, version,
    made_at, closed_at
"""
# One statement sees one state: the members are those of the position.
_TAKE = text(
    f"""
    WITH known AS (
        SELECT coalesce(max(position), 0) AS position FROM member_change
        WHERE segment_id = :segment_id),
    made AS (
        INSERT INTO audience ({_COLUMNS})
        SELECT :audience_id, :segment_id, :channel, :purpose, :campaign,
               CAST(:customer_id AS uuid), :keep_up, known.position, 1, :now, NULL
        FROM known)
    INSERT INTO audience_member (audience_id, contact_id, position, consent_seq, joined_at)
    SELECT :audience_id, contact.contact_id, known.position, {_CONSENT_SEQ}, :now
    FROM known
    JOIN segment ON segment.segment_id = :segment_id
    JOIN member ON member.rule_id = segment.live_rule_id
    JOIN contact ON contact.contact_id = member.contact_id
    WHERE {_PASSES}
    """
)
_FIND = text(f"SELECT {_COLUMNS} FROM audience WHERE audience_id = :id")
_LOCK = text(f"SELECT {_COLUMNS} FROM audience WHERE audience_id = :id FOR UPDATE")
_PAGE = text(
    f"SELECT {_COLUMNS} FROM audience WHERE audience_id > :after ORDER BY audience_id LIMIT :limit"
)
_CLOSE = text(
    """
    UPDATE audience SET closed_at = coalesce(closed_at, :now), version = version + 1
    WHERE audience_id = :id AND version = :expected
    """
)
_REMOVE = text("DELETE FROM audience WHERE audience_id = :id AND version = :expected")
_MEMBERS = text(
    """
    SELECT member.contact_id, coalesce(contact.first_name, '') AS first_name,
           coalesce(contact.last_name, '') AS last_name, member.position, member.consent_seq,
           member.joined_at, member.left_at
    FROM audience_member AS member LEFT JOIN contact ON contact.contact_id = member.contact_id
    WHERE member.audience_id = :id AND member.contact_id > :after
    ORDER BY member.contact_id LIMIT :limit
    """
)
# OFFSET keeps it a look at the index for each row. As a join it was planned by statistics of before
# the campaign, and read all its receipts for each member.
_RECEIPT = """
    EXISTS (SELECT FROM hand_off
            WHERE hand_off.campaign = :campaign AND hand_off.channel = CAST(:channel AS text)
              AND hand_off.purpose = CAST(:purpose AS text)
              AND hand_off.contact_id = member.contact_id OFFSET 0)
"""
# Nor by all receipts of the campaign: its name is compared in a way that no index serves.
_ADDRESS_RECEIPT = f"""
    EXISTS (SELECT FROM hand_off
            WHERE hand_off.channel = CAST(:channel AS text) AND hand_off.address_key = {ADDRESS}
              AND hand_off.campaign || '' = :campaign
              AND hand_off.purpose = CAST(:purpose AS text) OFFSET 0)
"""
_COUNT = text(
    f"""
    SELECT count(*) FILTER (WHERE here) AS members,
           count(*) FILTER (WHERE here AND address IS NULL) AS without_address,
           count(*) FILTER (WHERE here AND address IS NOT NULL AND refused) AS banned,
           count(DISTINCT address) FILTER (WHERE here AND NOT refused) AS addresses,
           CASE WHEN (SELECT NOT removed FROM segment WHERE segment_id = :segment_id)
                THEN count(*) FILTER (WHERE outside) END AS left_segment,
           count(*) FILTER (WHERE handed_off) AS handed_off
    FROM (
        SELECT member.left_at IS NULL AS here,
               CASE WHEN NOT contact.deleted AND {AT_CUSTOMER} THEN {ADDRESS} END AS address,
               {_REFUSED} AS refused, {_RECEIPT} AS handed_off,
               NOT EXISTS (SELECT FROM segment
                           JOIN member AS now ON now.rule_id = segment.live_rule_id
                           WHERE segment.segment_id = :segment_id
                             AND now.contact_id = member.contact_id) AS outside
        FROM audience_member AS member JOIN contact ON contact.contact_id = member.contact_id
        WHERE member.audience_id = :audience_id) AS one
    """
)
_OPEN = f"""
    FROM audience_member AS member JOIN contact ON contact.contact_id = member.contact_id
    WHERE member.audience_id = :audience_id AND member.left_at IS NULL AND NOT member.released
      AND NOT {_RECEIPT} AND NOT {_ADDRESS_RECEIPT}
"""
_NEXT = text(
    f"""
    SELECT member.contact_id, {ADDRESS} AS address {_OPEN} AND {_PASSES}
    ORDER BY member.contact_id LIMIT :limit
    """
)
_STILL_OPEN = text(
    f"""
    SELECT member.contact_id, {ADDRESS} AS address {_OPEN}
      AND member.contact_id = ANY(CAST(:contacts AS uuid[]))
    ORDER BY member.contact_id
    """
)
_RELEASED = text(
    """
    UPDATE audience_member SET released = true
    WHERE audience_id = :id AND contact_id = ANY(CAST(:contacts AS uuid[]))
    """
)
_BEHIND = text(
    """
    SELECT audience_id FROM audience
    WHERE keep_up AND closed_at IS NULL
      AND EXISTS (SELECT FROM member_change
                  WHERE member_change.segment_id = audience.segment_id
                    AND member_change.position > audience.position)
    ORDER BY audience_id LIMIT :limit
    """
)
_MOVES = text(
    """
    SELECT DISTINCT ON (contact_id) contact_id, entered, position
    FROM (SELECT contact_id, entered, position FROM member_change
          WHERE segment_id = :segment_id AND position > :after
          ORDER BY position LIMIT :limit) AS next
    ORDER BY contact_id, position DESC
    """
)
_LEAVE = text(
    """
    UPDATE audience_member SET left_at = :now
    WHERE audience_id = :id AND contact_id = ANY(CAST(:contacts AS uuid[])) AND left_at IS NULL
    """
)
_JOIN = text(
    f"""
    INSERT INTO audience_member (audience_id, contact_id, position, consent_seq, joined_at)
    SELECT :audience_id, contact.contact_id, entered.position, {_CONSENT_SEQ}, :now
    FROM unnest(CAST(:contacts AS uuid[]), CAST(:positions AS bigint[]))
         AS entered (contact_id, position)
    JOIN contact ON contact.contact_id = entered.contact_id
    WHERE {_PASSES}
    ON CONFLICT (audience_id, contact_id) DO UPDATE
    SET left_at = NULL, position = excluded.position, consent_seq = excluded.consent_seq,
        joined_at = excluded.joined_at
    WHERE audience_member.left_at IS NOT NULL
    """
)
