"""Segments: their records, and who their rules let in."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel
from services.mailing.domain.rules import Rule
from services.mailing.persistence.gate import ADDRESS, BANNED
from services.mailing.persistence.rules import Condition

NIL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as it is stored; members are those of the live rule."""

    segment_id: UUID
    name: str
    rule: Rule
    version: int
    created_at: datetime
    updated_at: datetime
    live_rule_id: UUID | None = None
    next_rule_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many members of a segment there are, and what stops some of them on one channel."""

    members: int
    mailable: int
    banned: int
    without_address: int
    duplicates: int


async def add(connection: AsyncConnection, segment: Segment) -> None:
    """Store a new segment."""
    await connection.execute(
        _ADD,
        {
            "id": segment.segment_id,
            "name": segment.name,
            "rule": _json(segment.rule),
            "now": segment.created_at,
        },
    )


async def find(connection: AsyncConnection, segment_id: UUID) -> Segment | None:
    """Return one segment, or None."""
    row = (await connection.execute(_FIND, {"id": segment_id})).one_or_none()
    return None if row is None else _segment(row)


async def find_some(
    connection: AsyncConnection, segment_ids: Collection[UUID]
) -> dict[UUID, Segment]:
    """Return those of these segments that there are."""
    result = await connection.execute(_FIND_SOME, {"ids": list(segment_ids)})
    return {row.segment_id: _segment(row) for row in result}


async def page(connection: AsyncConnection, *, after: UUID | None, limit: int) -> list[Segment]:
    """Return segments in the order of their ids, which is the order they were made in."""
    result = await connection.execute(_PAGE, {"after": after or NIL, "limit": limit})
    return [_segment(row) for row in result]


async def change(
    connection: AsyncConnection,
    segment_id: UUID,
    *,
    expected: int,
    name: str,
    rule: Rule,
    now: datetime,
) -> bool:
    """Change a segment that has the expected version; tell whether it had."""
    result = await connection.execute(
        _CHANGE,
        {
            "id": segment_id,
            "expected": expected,
            "name": name,
            "rule": _json(rule),
            "now": now,
        },
    )
    return result.rowcount == 1


async def remove(
    connection: AsyncConnection, segment_id: UUID, *, expected: int, now: datetime
) -> bool:
    """Remove a segment that has the expected version; tell whether it had. Its past stays."""
    result = await connection.execute(_REMOVE, {"id": segment_id, "expected": expected, "now": now})
    return result.rowcount == 1


async def count(
    connection: AsyncConnection, rule: Condition, channel: Channel, *, now: datetime
) -> Counts:
    """Count the members of a rule on one channel; each is counted once.

    Of those who may be written to and share an address one is mailable, the others are duplicates.
    """
    row = (
        await connection.execute(
            text(rule.within(_COUNT)),
            {**rule.parameters, "channel": channel, "customer_id": None, "now": now},
        )
    ).one()
    return Counts(
        members=row.members,
        mailable=row.mailable,
        banned=row.banned,
        without_address=row.without_address,
        duplicates=row.members - row.banned - row.without_address - row.mailable,
    )


async def members(
    connection: AsyncConnection, rule: Condition, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return members in the order of their ids: contact_id, first_name, last_name."""
    result = await connection.execute(
        text(rule.within_page(_MEMBERS)),
        {**rule.parameters, "after": after or NIL, "limit": limit},
    )
    return result.all()


async def recipients(
    connection: AsyncConnection,
    rule: Condition,
    channel: Channel,
    *,
    after: UUID | None,
    limit: int,
    now: datetime,
) -> Sequence[Row[Any]]:
    """Return members with an address on the channel, by their ids, and whether each is `banned`."""
    result = await connection.execute(
        text(rule.within_page(_RECIPIENTS)),
        {
            **rule.parameters,
            "channel": channel,
            "customer_id": None,
            "after": after or NIL,
            "limit": limit,
            "now": now,
        },
    )
    return result.all()


def _segment(row: Row[Any]) -> Segment:
    return Segment(
        segment_id=row.segment_id,
        name=row.name,
        rule=Rule.model_validate(row.rule),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        live_rule_id=row.live_rule_id,
        next_rule_id=row.next_rule_id,
    )


def _json(rule: Rule) -> str:
    return json.dumps(rule.model_dump(mode="json", exclude_none=True))


_ADD = text(
    """
    INSERT INTO segment (segment_id, name, rule, version, created_at, updated_at)
    VALUES (:id, :name, CAST(:rule AS jsonb), 1, :now, :now)
    """
)
_COLUMNS = """
    segment_id, name, rule, version, created_at, updated_at, live_rule_id, next_rule_id
"""
_FIND = text(f"SELECT {_COLUMNS} FROM segment WHERE segment_id = :id AND NOT removed")
_FIND_SOME = text(
    f"SELECT {_COLUMNS} FROM segment WHERE segment_id = ANY(CAST(:ids AS uuid[])) AND NOT removed"
)
_PAGE = text(
    f"SELECT {_COLUMNS} FROM segment WHERE segment_id > :after AND NOT removed "
    "ORDER BY segment_id LIMIT :limit"
)
_CHANGE = text(
    """
    UPDATE segment SET name = :name, rule = CAST(:rule AS jsonb), version = version + 1,
                       updated_at = :now
    WHERE segment_id = :id AND version = :expected AND NOT removed
    """
)
_REMOVE = text(
    """
    UPDATE segment SET removed = true, version = version + 1, updated_at = :now
    WHERE segment_id = :id AND version = :expected AND NOT removed
    """
)
_COUNT = f"""
    SELECT CAST(coalesce(sum(persons), 0) AS bigint) AS members,
           CAST(coalesce(sum(persons) FILTER (WHERE address IS NULL), 0) AS bigint)
               AS without_address,
           CAST(coalesce(sum(persons) FILTER (WHERE address IS NOT NULL AND banned), 0) AS bigint)
               AS banned,
           count(*) FILTER (WHERE address IS NOT NULL AND NOT banned) AS mailable
    FROM (SELECT address, banned, count(*) AS persons
          FROM (SELECT {ADDRESS} AS address, {BANNED} AS banned
                FROM contact WHERE NOT contact.deleted AND ({{rule}})) AS member
          GROUP BY address, banned) AS addressed
"""
# Compared with an id always, so that every plan begins behind it.
_AFTER = "contact.contact_id > CAST(:after AS uuid)"
_MEMBERS = f"""
    SELECT contact.contact_id, contact.first_name, contact.last_name FROM contact
    WHERE NOT contact.deleted AND {_AFTER} AND ({{rule}})
    ORDER BY contact.contact_id LIMIT :limit
"""
# First the page, then its bans: asked of all members, one page would cost a look at every ban.
_RECIPIENTS = f"""
    SELECT contact.*, {BANNED} AS banned
    FROM (SELECT contact_id, first_name, last_name, language, email, mobile, street, postal_code,
                 city, country, phone, version, hashed_version, email_key, sms_key, post_key,
                 call_key, email_hash, sms_hash, post_hash, call_hash
          FROM contact
          WHERE NOT contact.deleted AND {_AFTER} AND {ADDRESS} IS NOT NULL AND ({{rule}})
          ORDER BY contact_id LIMIT :limit) AS contact
    ORDER BY contact.contact_id
"""
