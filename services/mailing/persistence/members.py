"""Members of segments: judged by rules in SQL, kept, and every entry and exit written down.

One evaluator at a time: all writers of members hold one lock, so positions of changes are in the
order of commits.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.persistence.rules import Condition

_EVALUATING = 8433322


@dataclass(frozen=True, slots=True)
class Judge:
    """A rule that is to judge contacts: whose it is, and its condition."""

    rule_id: UUID
    segment_id: UUID
    condition: Condition


@dataclass(frozen=True, slots=True)
class Verdict:
    """A contact whose membership under a rule is another than it was."""

    rule_id: UUID
    segment_id: UUID
    contact_id: UUID
    entered: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One entry or exit, with its cause, as it is to be written down."""

    segment_id: UUID
    contact_id: UUID
    entered: bool
    cause: str
    told_type: str | None = None
    told_by: str | None = None


async def evaluate_alone(connection: AsyncConnection) -> None:
    """Let nobody else write members until the transaction ends."""
    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_EVALUATING})"))


async def judge(
    connection: AsyncConnection, judges: Sequence[Judge], contact_ids: Collection[UUID]
) -> list[Verdict]:
    """
    Judge contacts by rules, one statement for all, and keep members and their next days.

    The conditions must have been compiled together. A contact that is deleted is no member; a pin
    goes before the rule. Returns whose membership changed.
    """
    timed = [number for number, one in enumerate(judges, 1) if one.condition.changes_on]
    result = await connection.execute(
        text(judged_by(_JUDGE, [one.condition for one in judges])),
        {
            **judges[0].condition.parameters,
            "judged": list(contact_ids),
            "judges": [one.rule_id for one in judges],
            "segments": [one.segment_id for one in judges],
        },
    )
    rows = result.all()
    changed = [
        Verdict(
            judges[row.judge - 1].rule_id,
            judges[row.judge - 1].segment_id,
            row.contact_id,
            row.holds,
        )
        for row in rows
        if row.holds != row.was
    ]
    await _keep(connection, changed)
    if timed:
        await _keep_days(connection, judges, timed, contact_ids, rows)
    return changed


async def write_changes(
    connection: AsyncConnection, changes: Sequence[Change], *, now: datetime
) -> list[int]:
    """Write entries and exits down, in this order; return their positions.

    None is earlier than the one before, whose transaction may have begun later.
    """
    if not changes:
        return []
    result = await connection.execute(
        _CHANGES,
        {
            "segments": [one.segment_id for one in changes],
            "contacts": [one.contact_id for one in changes],
            "entered": [one.entered for one in changes],
            "causes": [one.cause for one in changes],
            "types": [one.told_type for one in changes],
            "tellers": [one.told_by for one in changes],
            "now": now,
        },
    )
    return sorted(result.scalars())


async def take_due(
    connection: AsyncConnection, today: date, *, limit: int
) -> Sequence[tuple[UUID, UUID]]:
    """Remove and return pairs of rule and contact whose day has come."""
    result = await connection.execute(_TAKE_DUE, {"today": today, "limit": limit})
    return [(row.rule_id, row.contact_id) for row in result]


async def fill(connection: AsyncConnection, judge: Judge) -> None:
    """Find all members of a rule from scratch, and their next days."""
    asked = {
        **judge.condition.parameters, "rule_id": judge.rule_id, "segment_id": judge.segment_id
    }  # fmt: skip
    await connection.execute(text(judge.condition.within(_FILL)), asked)
    await connection.execute(_FILL_PINNED, asked)
    if judge.condition.changes_on is not None:
        days = _FILL_DAYS.replace("{changes_on}", judge.condition.changes_on)
        await connection.execute(text(days), asked)


async def add_build_touched(
    connection: AsyncConnection, pairs: Collection[tuple[UUID, UUID]]
) -> None:
    """Remember that a contact was touched while a rule is being built."""
    if pairs:
        await connection.execute(
            _BUILD_TOUCHED,
            {"rules": [one for one, _ in pairs], "contacts": [one for _, one in pairs]},
        )


async def take_build_touched(connection: AsyncConnection, rule_id: UUID) -> list[UUID]:
    """Remove and return who was touched while a rule was being built."""
    result = await connection.execute(
        text("DELETE FROM build_touched WHERE rule_id = :id RETURNING contact_id"), {"id": rule_id}
    )
    return sorted(result.scalars())


async def write_differences(
    connection: AsyncConnection,
    *,
    segment_id: UUID,
    old_rule_id: UUID | None,
    new_rule_id: UUID,
    cause: str,
    now: datetime,
) -> tuple[int, int]:
    """Write down who is in one set and not in the other; return how many entered and left."""
    row = (
        await connection.execute(
            _DIFFERENCES,
            {
                "segment_id": segment_id, "old": old_rule_id, "new": new_rule_id, "cause": cause,
                "now": now,
            },
        )
    ).one()  # fmt: skip
    return row.entered, row.exited


async def last_position(connection: AsyncConnection) -> int:
    """Return the position of the newest change; 0 before the first."""
    found: int = await connection.scalar(
        text("SELECT coalesce(max(position), 0) FROM member_change")
    )
    return found


async def changes_after(
    connection: AsyncConnection, segment_id: UUID, *, after: int, limit: int
) -> Sequence[Row[Any]]:
    """Return changes of one segment behind a position, in order."""
    result = await connection.execute(
        _AFTER, {"segment_id": segment_id, "after": after, "limit": limit}
    )
    return result.all()


async def touch_standing(
    connection: AsyncConnection, key: str, *, segment_id: UUID, after: int, now: datetime
) -> None:
    """Touch, under a key, all whose membership changed behind a position."""
    await connection.execute(
        _TOUCH_STANDING, {"key": key, "segment_id": segment_id, "after": after, "now": now}
    )


def member_of(live_rule_id: UUID) -> Condition:
    """Return the condition of being a member under a rule, as members are kept."""
    found = (
        "EXISTS (SELECT FROM member WHERE member.rule_id = :member_of "
        "AND member.contact_id = contact.contact_id{})"
    )
    return Condition(
        found.format(""),
        {"member_of": live_rule_id},
        behind=found.format(" AND member.contact_id > CAST(:after AS uuid)"),
    )


async def _keep(connection: AsyncConnection, changed: Sequence[Verdict]) -> None:
    for entered, statement in ((True, _ENTER), (False, _LEAVE)):
        pairs = [(one.rule_id, one.contact_id) for one in changed if one.entered is entered]
        if pairs:
            await connection.execute(
                statement,
                {"rules": [one for one, _ in pairs], "contacts": [one for _, one in pairs]},
            )


async def _keep_days(
    connection: AsyncConnection,
    judges: Sequence[Judge],
    timed: Sequence[int],
    contact_ids: Collection[UUID],
    rows: Sequence[Row[Any]],
) -> None:
    await connection.execute(
        _FORGET_DAYS,
        {"rules": [judges[number - 1].rule_id for number in timed], "contacts": list(contact_ids)},
    )
    dated = [row for row in rows if row.changes_on is not None]
    if dated:
        await connection.execute(
            _KEEP_DAYS,
            {
                "rules": [judges[row.judge - 1].rule_id for row in dated],
                "contacts": [row.contact_id for row in dated],
                "days": [row.changes_on for row in dated],
            },
        )


def judged_by(statement: str, conditions: Sequence[Condition]) -> str:
    """Return a statement with `VERDICTS` by these conditions, numbered from 1."""
    values = ", ".join(
        f"({number}, ({one.sql}), CAST({one.changes_on or 'NULL'} AS date))"
        for number, one in enumerate(conditions, 1)
    )
    return statement.replace("{values}", values)


# Who is a member and who was, of those asked about, by each rule in the place of `{values}`.
VERDICTS = """
    SELECT asked.contact_id, judged.judge, judged.changes_on,
           contact.contact_id IS NOT NULL AND coalesce(pin.inside, judged.holds) AS holds,
           member.contact_id IS NOT NULL AS was
    FROM unnest(CAST(:judged AS uuid[])) AS asked (contact_id)
    LEFT JOIN contact ON contact.contact_id = asked.contact_id AND NOT contact.deleted
    CROSS JOIN LATERAL (VALUES {values}) AS judged (judge, holds, changes_on)
    LEFT JOIN segment_pin AS pin
        ON pin.segment_id = (CAST(:segments AS uuid[]))[judged.judge]
       AND pin.contact_id = asked.contact_id
    LEFT JOIN member
        ON member.rule_id = (CAST(:judges AS uuid[]))[judged.judge]
       AND member.contact_id = asked.contact_id
"""
_JUDGE = f"""
    SELECT one.contact_id, one.judge, one.holds, one.was, one.changes_on
    FROM ({VERDICTS}) AS one
    WHERE one.holds <> one.was OR one.changes_on IS NOT NULL
"""
_PAIRS = "unnest(CAST(:rules AS uuid[]), CAST(:contacts AS uuid[])) AS pair (rule_id, contact_id)"
_ENTER = text(
    f"INSERT INTO member (rule_id, contact_id) SELECT rule_id, contact_id FROM {_PAIRS} "
    "ON CONFLICT DO NOTHING"
)
_LEAVE = text(
    f"DELETE FROM member USING {_PAIRS} "
    "WHERE member.rule_id = pair.rule_id AND member.contact_id = pair.contact_id"
)
_FORGET_DAYS = text(
    "DELETE FROM member_flip WHERE rule_id = ANY(CAST(:rules AS uuid[])) "
    "AND contact_id = ANY(CAST(:contacts AS uuid[]))"
)
_KEEP_DAYS = text(
    """
    INSERT INTO member_flip (rule_id, contact_id, on_day)
    SELECT rule_id, contact_id, on_day
    FROM unnest(CAST(:rules AS uuid[]), CAST(:contacts AS uuid[]), CAST(:days AS date[]))
         AS new (rule_id, contact_id, on_day)
    """
)
_AT = """greatest(
        CAST(:now AS timestamptz),
        (SELECT at FROM member_change ORDER BY position DESC LIMIT 1))"""
_CHANGES = text(
    f"""
    INSERT INTO member_change (segment_id, contact_id, entered, at, cause, told_type, told_by)
    SELECT segment_id, contact_id, entered, {_AT}, cause, type, teller
    FROM unnest(CAST(:segments AS uuid[]), CAST(:contacts AS uuid[]), CAST(:entered AS boolean[]),
                CAST(:causes AS text[]), CAST(:types AS text[]), CAST(:tellers AS text[]))
         WITH ORDINALITY AS new (segment_id, contact_id, entered, cause, type, teller, place)
    ORDER BY place
    RETURNING position
    """
)
_TAKE_DUE = text(
    """
    DELETE FROM member_flip WHERE (rule_id, contact_id) IN (
        SELECT rule_id, contact_id FROM member_flip WHERE on_day <= :today
        ORDER BY on_day LIMIT :limit)
    RETURNING rule_id, contact_id
    """
)
_FILL = """
    INSERT INTO member (rule_id, contact_id)
    SELECT CAST(:rule_id AS uuid), contact.contact_id FROM contact
    WHERE NOT contact.deleted AND ({rule})
      AND NOT EXISTS (SELECT FROM segment_pin AS pin
                      WHERE pin.segment_id = :segment_id AND pin.contact_id = contact.contact_id
                        AND NOT pin.inside)
"""
_FILL_PINNED = text(
    """
    INSERT INTO member (rule_id, contact_id)
    SELECT CAST(:rule_id AS uuid), contact.contact_id
    FROM segment_pin AS pin JOIN contact USING (contact_id)
    WHERE pin.segment_id = :segment_id AND pin.inside AND NOT contact.deleted
    ON CONFLICT DO NOTHING
    """
)
_FILL_DAYS = """
    INSERT INTO member_flip (rule_id, contact_id, on_day)
    SELECT CAST(:rule_id AS uuid), contact_id, on_day
    FROM (SELECT contact.contact_id, {changes_on} AS on_day
          FROM contact WHERE NOT contact.deleted OFFSET 0) AS dated
    WHERE on_day IS NOT NULL
"""
_BUILD_TOUCHED = text(
    f"INSERT INTO build_touched (rule_id, contact_id) SELECT rule_id, contact_id FROM {_PAIRS} "
    "ON CONFLICT DO NOTHING"
)
_DIFFERENCES = text(
    f"""
    WITH fresh AS (SELECT contact_id FROM member WHERE rule_id = :new),
    former AS (SELECT contact_id FROM member WHERE rule_id = :old),
    difference AS (
        SELECT contact_id, true AS entered FROM (TABLE fresh EXCEPT TABLE former) AS one
        UNION ALL
        SELECT contact_id, false FROM (TABLE former EXCEPT TABLE fresh) AS other),
    written AS (
        INSERT INTO member_change (segment_id, contact_id, entered, at, cause)
        SELECT :segment_id, contact_id, entered, {_AT}, :cause FROM difference ORDER BY contact_id
        RETURNING entered)
    SELECT count(*) FILTER (WHERE entered) AS entered,
           count(*) FILTER (WHERE NOT entered) AS exited FROM written
    """
)
_AFTER = text(
    """
    SELECT position, contact_id, entered, at, cause, told_type, told_by FROM member_change
    WHERE segment_id = :segment_id AND position > :after ORDER BY position LIMIT :limit
    """
)
_TOUCH_STANDING = text(
    """
    INSERT INTO touched (contact_id, keys, cause, at)
    SELECT contact_id, ARRAY[CAST(:key AS text)], cause, :now FROM member_change
    WHERE segment_id = :segment_id AND position > :after
    """
)
