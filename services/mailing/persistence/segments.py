"""Segments: their records, and their rules as SQL over live contacts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel
from services.mailing.domain.rules import (
    All,
    Any_,
    HasAttribute,
    Node,
    Not,
    RelationshipStartBetween,
    Rule,
)
from services.mailing.persistence.gate import ADDRESS, BANNED

NIL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as it is stored."""

    segment_id: UUID
    name: str
    rule: Rule
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How many members of a segment there are, and what stops some of them on one channel."""

    members: int
    mailable: int
    banned: int
    without_address: int


def compile_rule(rule: Rule) -> tuple[str, dict[str, Any]]:
    """Return a rule as a boolean over the alias `contact`, and its bind parameters."""
    parameters: dict[str, Any] = {}
    return _compile(rule.root, parameters), parameters


def _compile(node: Node, parameters: dict[str, Any]) -> str:
    if isinstance(node, All):
        return _joined(" AND ", [_compile(child, parameters) for child in node.rules], "TRUE")
    if isinstance(node, Any_):
        return _joined(" OR ", [_compile(child, parameters) for child in node.rules], "FALSE")
    if isinstance(node, Not):
        return f"({_compile(node.rule, parameters)}) IS NOT TRUE"
    if isinstance(node, HasAttribute):
        name = _bind(parameters, [node.number])
        return f"contact.attributes @> CAST(:{name} AS integer[])"
    return _began(node, parameters)


def _joined(operator: str, parts: list[str], empty: str) -> str:
    return operator.join(f"({part})" for part in parts) if parts else empty


def _began(node: RelationshipStartBetween, parameters: dict[str, Any]) -> str:
    bounds = []
    if node.from_day is not None:
        name = _bind(parameters, node.from_day)
        bounds.append(f"AND customer.started_on >= CAST(:{name} AS date)")
    if node.before_day is not None:
        name = _bind(parameters, node.before_day)
        bounds.append(f"AND customer.started_on < CAST(:{name} AS date)")
    return _BEGAN.replace("{bounds}", " ".join(bounds))


def _bind(parameters: dict[str, Any], value: Any) -> str:
    name = f"rule_{len(parameters)}"
    parameters[name] = value
    return name


async def add(connection: AsyncConnection, segment: Segment) -> None:
    """Store a new segment."""
    await connection.execute(
        _ADD,
        {
            "id": segment.segment_id,
            "name": segment.name,
            "rule": json.dumps(segment.rule.model_dump(mode="json")),
            "now": segment.created_at,
        },
    )


async def find(connection: AsyncConnection, segment_id: UUID) -> Segment | None:
    """Return one segment, or None."""
    row = (await connection.execute(_FIND, {"id": segment_id})).one_or_none()
    return None if row is None else _segment(row)


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
            "rule": json.dumps(rule.model_dump(mode="json")),
            "now": now,
        },
    )
    return result.rowcount == 1


async def remove(connection: AsyncConnection, segment_id: UUID, *, expected: int) -> bool:
    """Remove a segment that has the expected version; tell whether it had."""
    result = await connection.execute(_REMOVE, {"id": segment_id, "expected": expected})
    return result.rowcount == 1


async def count(connection: AsyncConnection, rule: Rule, channel: Channel) -> Counts:
    """Count the members of a rule on one channel; each is counted once."""
    sql, parameters = compile_rule(rule)
    row = (
        await connection.execute(
            text(_COUNT.replace("{rule}", sql)),
            {**parameters, "channel": channel, "customer_id": None},
        )
    ).one()
    return Counts(
        members=row.members,
        mailable=row.members - row.banned - row.without_address,
        banned=row.banned,
        without_address=row.without_address,
    )


async def members(
    connection: AsyncConnection, rule: Rule, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return members in the order of their ids: contact_id, first_name, last_name."""
    sql, parameters = compile_rule(rule)
    result = await connection.execute(
        text(_MEMBERS.replace("{rule}", sql)), {**parameters, "after": after, "limit": limit}
    )
    return result.all()


async def recipients(
    connection: AsyncConnection,
    rule: Rule,
    channel: Channel,
    *,
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return members with an address on the channel, by their ids, and whether each is `banned`."""
    sql, parameters = compile_rule(rule)
    result = await connection.execute(
        text(_RECIPIENTS.replace("{rule}", sql)),
        {
            **parameters,
            "channel": channel,
            "customer_id": None,
            "after": after,
            "limit": limit,
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
    )


_BEGAN = """
    EXISTS (SELECT FROM contact_customer AS link
            JOIN customer ON customer.customer_id = link.customer_id AND NOT customer.deleted
            WHERE link.contact_id = contact.contact_id {bounds})
"""
_ADD = text(
    """
    INSERT INTO segment (segment_id, name, rule, version, created_at, updated_at)
    VALUES (:id, :name, CAST(:rule AS jsonb), 1, :now, :now)
    """
)
_COLUMNS = "segment_id, name, rule, version, created_at, updated_at"
_FIND = text(f"SELECT {_COLUMNS} FROM segment WHERE segment_id = :id")
_PAGE = text(
    f"SELECT {_COLUMNS} FROM segment WHERE segment_id > :after ORDER BY segment_id LIMIT :limit"
)
_CHANGE = text(
    """
    UPDATE segment SET name = :name, rule = CAST(:rule AS jsonb), version = version + 1,
                       updated_at = :now
    WHERE segment_id = :id AND version = :expected
    """
)
_REMOVE = text("DELETE FROM segment WHERE segment_id = :id AND version = :expected")
_COUNT = f"""
    SELECT count(*) AS members,
           count(*) FILTER (WHERE address IS NULL) AS without_address,
           count(*) FILTER (WHERE address IS NOT NULL AND banned) AS banned
    FROM (SELECT {ADDRESS} AS address, {BANNED} AS banned
          FROM contact WHERE NOT contact.deleted AND ({{rule}})) AS member
"""
_AFTER = "(CAST(:after AS uuid) IS NULL OR contact.contact_id > CAST(:after AS uuid))"
_MEMBERS = f"""
    SELECT contact.contact_id, contact.first_name, contact.last_name FROM contact
    WHERE NOT contact.deleted AND {_AFTER} AND ({{rule}})
    ORDER BY contact.contact_id LIMIT :limit
"""
# First the page, then its bans: asked of all members, one page would cost a look at every ban.
_RECIPIENTS = f"""
    SELECT contact.*, {BANNED} AS banned
    FROM (SELECT contact_id, first_name, last_name, language, email, mobile, street, postal_code,
                 city, country, email_key, sms_key, post_key
          FROM contact
          WHERE NOT contact.deleted AND {_AFTER} AND {ADDRESS} IS NOT NULL AND ({{rule}})
          ORDER BY contact_id LIMIT :limit) AS contact
    ORDER BY contact.contact_id
"""
