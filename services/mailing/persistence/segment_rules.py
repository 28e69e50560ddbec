"""The rules of segments with their own sets of members, and what they ask about."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.rules import Rule

CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class RuleToBuild:
    """A rule that is to take over from the live one of its segment, if there is one."""

    rule_id: UUID
    segment_id: UUID
    rule: Rule
    why: str
    live_rule_id: UUID | None
    filled: bool


async def begin(
    connection: AsyncConnection,
    *,
    rule_id: UUID,
    segment_id: UUID,
    version: int,
    rule: Rule,
    why: str,
    keys: Collection[str],
    now: datetime,
) -> None:
    """
    Let a rule be built that is to take over; one that was being built is given up.

    It depends on these keys, and on the pins of the segment.
    """
    given_up = await connection.scalar(
        text("SELECT next_rule_id FROM segment WHERE segment_id = :id FOR UPDATE"),
        {"id": segment_id},
    )
    if given_up is not None:
        await retire(connection, given_up, now)
    await connection.execute(
        _BEGIN,
        {
            "rule_id": rule_id,
            "segment_id": segment_id,
            "version": version,
            "rule": json.dumps(rule.model_dump(mode="json", exclude_none=True)),
            "why": why,
            "now": now,
        },
    )
    await connection.execute(
        _DEPEND, {"rule_id": rule_id, "segment_id": segment_id, "keys": sorted(keys)}
    )
    await connection.execute(_NEXT, {"rule_id": rule_id, "segment_id": segment_id})
    await connection.execute(_DEPTHS)


async def change_alone(connection: AsyncConnection) -> None:
    """Let nobody else make, change, check or remove a segment until the transaction ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(8433323)"))


async def build_alone(connection: AsyncConnection) -> bool:
    """Let nobody else fill a rule until the transaction ends; tell whether nobody did."""
    alone: bool = await connection.scalar(text("SELECT pg_try_advisory_xact_lock(8433324)"))
    return alone


async def to_build(connection: AsyncConnection) -> RuleToBuild | None:
    """Return the oldest rule that waits to be built; what others stand on comes first."""
    row = (await connection.execute(_TO_BUILD)).one_or_none()
    if row is None:
        return None
    rule = Rule.model_validate(row.rule)
    return RuleToBuild(row.rule_id, row.segment_id, rule, row.why, row.live_rule_id, row.filled)


async def is_filled(connection: AsyncConnection, rule_id: UUID) -> bool:
    """Tell whether the members of a rule were found."""
    filled: bool = await connection.scalar(
        text("SELECT filled FROM segment_rule WHERE rule_id = :id"), {"id": rule_id}
    )
    return filled


async def mark_filled(connection: AsyncConnection, rule_id: UUID) -> None:
    """Remember that the members of a rule were found."""
    await connection.execute(
        text("UPDATE segment_rule SET filled = true WHERE rule_id = :id"), {"id": rule_id}
    )


async def is_next(connection: AsyncConnection, rule_id: UUID) -> bool:
    """Tell whether a rule still waits to take over; nobody changes that until the end."""
    found = await connection.execute(
        text("SELECT 1 FROM segment WHERE next_rule_id = :id AND NOT removed FOR UPDATE"),
        {"id": rule_id},
    )
    return found.one_or_none() is not None


async def take_over(
    connection: AsyncConnection, built: RuleToBuild, *, entered: int, exited: int, now: datetime
) -> None:
    """Make a built rule the live one."""
    await connection.execute(
        text(
            "UPDATE segment SET live_rule_id = :rule_id, next_rule_id = NULL "
            "WHERE segment_id = :segment_id"
        ),
        {"rule_id": built.rule_id, "segment_id": built.segment_id},
    )
    await connection.execute(
        text(
            "UPDATE segment_rule SET live_from = :now, entered = :entered, exited = :exited "
            "WHERE rule_id = :rule_id"
        ),
        {"rule_id": built.rule_id, "entered": entered, "exited": exited, "now": now},
    )
    if built.live_rule_id is not None:
        await retire(connection, built.live_rule_id, now)


async def retire(connection: AsyncConnection, rule_id: UUID, now: datetime) -> None:
    """Let a rule ask about nothing any more; its members go later (`sweep`)."""
    await connection.execute(
        text("UPDATE segment_rule SET live_until = :now WHERE rule_id = :id"),
        {"id": rule_id, "now": now},
    )
    await connection.execute(
        text("DELETE FROM segment_dependency WHERE rule_id = :id"), {"id": rule_id}
    )


async def forget(connection: AsyncConnection, rule_id: UUID) -> None:
    """Remove at once what was found for a rule that is given up."""
    for table in ("member", "member_flip"):
        await connection.execute(text(f"DELETE FROM {table} WHERE rule_id = :id"), {"id": rule_id})


async def sweep(connection: AsyncConnection) -> bool:
    """Remove some of what retired rules leave behind; tell whether there was any."""
    removed = [
        (await connection.execute(text(statement), {"chunk": CHUNK})).rowcount
        for statement in _SWEEP
    ]
    if not any(removed):
        await connection.execute(text(_SWEPT))
    return any(removed)


async def unbuilt(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Return segments that have neither a live rule nor one being built."""
    result = await connection.execute(_UNBUILT)
    return result.all()


async def asking(connection: AsyncConnection, keys: Collection[str]) -> Sequence[Row[Any]]:
    """Return who asks about these keys: key, rule_id, segment_id, depth, live."""
    result = await connection.execute(_ASKING, {"keys": list(keys)})
    return result.all()


async def rules_of_members(
    connection: AsyncConnection, contact_ids: Collection[UUID]
) -> Sequence[Row[Any]]:
    """
    Return the rules that these contacts are members of: contact_id and as `asking` gives.

    Of one that is being built it is not known: each may be found for it in this moment.
    """
    result = await connection.execute(_OF_MEMBERS, {"ids": list(contact_ids)})
    return result.all()


async def in_force(connection: AsyncConnection, rule_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Return those of these rules that are live or being built, as `asking` gives them."""
    if not rule_ids:
        return {}
    result = await connection.execute(_IN_FORCE, {"ids": list(rule_ids)})
    return {row.rule_id: row for row in result}


async def find_rules(
    connection: AsyncConnection, rule_ids: Collection[UUID]
) -> dict[UUID, Row[Any]]:
    """Return segment_id and rule, as text, of these rules."""
    result = await connection.execute(_RULES, {"ids": list(rule_ids)})
    return {row.rule_id: row for row in result}


async def standing_on(connection: AsyncConnection, segment_id: UUID) -> list[UUID]:
    """Return this segment and all segments that ask about it, directly or through others."""
    result = await connection.execute(_STANDING_ON, {"id": segment_id})
    return list(result.scalars())


async def builds(connection: AsyncConnection, segment_id: UUID, *, limit: int) -> list[Row[Any]]:
    """Return the newest rules of a segment: version, why, when, and what changed by them."""
    result = await connection.execute(_BUILDS, {"id": segment_id, "limit": limit})
    return list(result.all())


_BEGIN = text(
    """
    INSERT INTO segment_rule (rule_id, segment_id, version, rule, why, made_at)
    VALUES (:rule_id, :segment_id, :version, CAST(:rule AS jsonb), :why, :now)
    """
)
_DEPEND = text(
    """
    INSERT INTO segment_dependency (key, rule_id)
    SELECT unnest(CAST(:keys AS text[])), CAST(:rule_id AS uuid)
    UNION
    SELECT 'pin/' || contact_id, :rule_id FROM segment_pin WHERE segment_id = :segment_id
    """
)
_NEXT = text("UPDATE segment SET next_rule_id = :rule_id WHERE segment_id = :segment_id")
# How deep each rule stands on other segments, among those that count now. There is no ring: rules
# that would close one are refused; the bound is for the one who finds out that there is.
_EDGES = """
    edge AS (
        SELECT rule.segment_id, CAST(substr(dependency.key, 9) AS uuid) AS below
        FROM segment_dependency AS dependency JOIN segment_rule AS rule USING (rule_id)
        WHERE dependency.key LIKE 'segment/%')
"""
_DEPTHS = text(
    f"""
    WITH RECURSIVE {_EDGES},
    chain (segment_id, depth) AS (
        SELECT segment_id, 0 FROM segment WHERE NOT removed
        UNION
        SELECT edge.segment_id, chain.depth + 1
        FROM chain JOIN edge ON edge.below = chain.segment_id
        WHERE chain.depth < 100)
    UPDATE segment_rule SET depth = deepest.depth
    FROM (SELECT segment_id, max(depth) AS depth FROM chain GROUP BY segment_id) AS deepest
    WHERE segment_rule.segment_id = deepest.segment_id AND segment_rule.live_until IS NULL
      AND segment_rule.depth <> deepest.depth
    """
)
_STANDING_ON = text(
    f"""
    WITH RECURSIVE {_EDGES},
    above (segment_id) AS (
        SELECT CAST(:id AS uuid)
        UNION SELECT edge.segment_id FROM above JOIN edge ON edge.below = above.segment_id)
    SELECT segment_id FROM above
    """
)
_TO_BUILD = text(
    """
    SELECT rule.rule_id, rule.segment_id, rule.rule, rule.why, rule.filled, segment.live_rule_id
    FROM segment JOIN segment_rule AS rule ON rule.rule_id = segment.next_rule_id
    WHERE NOT segment.removed ORDER BY rule.depth, rule.made_at, rule.rule_id LIMIT 1
    """
)
_UNBUILT = text(
    """
    SELECT segment_id, version, rule FROM segment
    WHERE live_rule_id IS NULL AND next_rule_id IS NULL AND NOT removed ORDER BY segment_id
    """
)
_ASKING_COLUMNS = """
    rule.rule_id, rule.segment_id, rule.depth, segment.live_rule_id = rule.rule_id AS live
"""
_ASKING = text(
    f"""
    SELECT dependency.key, {_ASKING_COLUMNS}
    FROM segment_dependency AS dependency
    JOIN segment_rule AS rule USING (rule_id)
    JOIN segment ON segment.segment_id = rule.segment_id AND NOT segment.removed
    WHERE dependency.key = ANY(CAST(:keys AS text[]))
    """
)
_OF_MEMBERS = text(
    f"""
    SELECT member.contact_id, {_ASKING_COLUMNS}
    FROM member
    JOIN segment_rule AS rule ON rule.rule_id = member.rule_id AND rule.live_until IS NULL
    JOIN segment ON segment.segment_id = rule.segment_id AND NOT segment.removed
    WHERE member.contact_id = ANY(CAST(:ids AS uuid[]))
    UNION
    SELECT one.contact_id, {_ASKING_COLUMNS}
    FROM segment JOIN segment_rule AS rule ON rule.rule_id = segment.next_rule_id
    CROSS JOIN unnest(CAST(:ids AS uuid[])) AS one (contact_id)
    WHERE NOT segment.removed
    """
)
_IN_FORCE = text(
    f"""
    SELECT {_ASKING_COLUMNS} FROM segment_rule AS rule
    JOIN segment ON segment.segment_id = rule.segment_id AND NOT segment.removed
    WHERE rule.rule_id = ANY(CAST(:ids AS uuid[])) AND rule.live_until IS NULL
    """
)
_RULES = text(
    """
    SELECT rule_id, segment_id, CAST(rule AS text) AS rule FROM segment_rule
    WHERE rule_id = ANY(CAST(:ids AS uuid[]))
    """
)
_BUILDS = text(
    """
    SELECT rule.rule_id, rule.version, rule.why, rule.made_at, rule.live_from, rule.live_until,
           rule.entered, rule.exited
    FROM segment_rule AS rule WHERE rule.segment_id = :id
    ORDER BY rule.made_at DESC, rule.rule_id DESC LIMIT :limit
    """
)
# Who touched a rule while it was being retired has committed a minute later.
_RETIRED = """
    SELECT rule_id FROM segment_rule
    WHERE live_until < clock_timestamp() - interval '1 minute' AND NOT swept
"""
_SWEEP = [
    f"""
    DELETE FROM {table} WHERE (rule_id, contact_id) IN (
        SELECT gone.rule_id, gone.contact_id
        FROM ({_RETIRED}) AS rule CROSS JOIN LATERAL (
            SELECT rule_id, contact_id FROM {table} WHERE {table}.rule_id = rule.rule_id
            LIMIT :chunk) AS gone
        LIMIT :chunk)
    """
    for table in ("member", "member_flip", "build_touched")
]
_SWEPT = f"UPDATE segment_rule SET swept = true WHERE rule_id IN ({_RETIRED})"
