"""Statements on activities: many at a time, each a constant number of statements."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

COLUMNS = """
    activity.activity_id, activity.version, activity.customer_id, activity.contacts,
    activity.opportunity_id, activity.follows, activity.category, activity.kind, activity.type,
    activity.attributes, activity.seller, activity.participants, activity.state,
    activity.starts_at, activity.ends_at, activity.due_at, activity.day, activity.channel,
    activity.direction, activity.subject, activity.memo, activity.result,
    activity.counts_to_target, activity.source, activity.ref, activity.created_at,
    activity.updated_at, activity.deleted_at,
    (SELECT number FROM list_value WHERE key = activity.category) AS category_number,
    (SELECT number FROM list_value WHERE key = activity.kind) AS kind_number,
    (SELECT number FROM list_value WHERE key = activity.type) AS type_number,
    ARRAY(SELECT number FROM list_value WHERE key = ANY(activity.attributes) ORDER BY number)
        AS attribute_numbers
"""


async def fetch_activities(
    connection: AsyncConnection, activity_ids: Collection[UUID], *, lock: bool = False
) -> dict[UUID, Row[Any]]:
    """Return these activities by id, deleted ones too; locked in one order if asked."""
    result = await connection.execute(
        text(
            f"SELECT {COLUMNS} FROM activity WHERE activity_id = ANY(CAST(:ids AS uuid[])) "
            f"ORDER BY activity_id {'FOR NO KEY UPDATE OF activity' if lock else ''}"
        ),
        {"ids": list(activity_ids)},
    )
    return {row.activity_id: row for row in result}


async def next_activities(
    connection: AsyncConnection, *, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """Return ids of activities behind one, deleted ones too."""
    result = await connection.execute(
        text(
            "SELECT activity_id FROM activity WHERE CAST(:after AS uuid) IS NULL "
            "OR activity_id > :after ORDER BY activity_id LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return result.scalars().all()


async def count_recorded(connection: AsyncConnection) -> int:
    """Return how many activities there are and were."""
    return int((await connection.execute(text("SELECT count(*) FROM activity"))).scalar_one())


async def keep_categories(connection: AsyncConnection, activity_ids: Collection[UUID]) -> None:
    """Keep the categories of these activities from deletion, before they are locked and counted.

    Whoever merges categories holds them first and then the activities; so do all.
    """
    await connection.execute(
        text(
            """
            SELECT FROM list_value
            WHERE key IN (SELECT category FROM activity
                          WHERE activity_id = ANY(CAST(:ids AS uuid[])))
            ORDER BY key FOR KEY SHARE
            """
        ),
        {"ids": list(activity_ids)},
    )


async def insert_activities(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """Add activities, and their places in the timelines of their contacts."""
    await connection.execute(_INSERT, {"rows": json.dumps(rows, default=str), "now": now})
    await _place_contacts(connection, rows)


async def update_activities(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """Replace what these activities say, their contacts too."""
    await connection.execute(_UPDATE, {"rows": json.dumps(rows, default=str), "now": now})
    await connection.execute(
        text("DELETE FROM activity_contact WHERE activity_id = ANY(CAST(:ids AS uuid[]))"),
        {"ids": [row["activity_id"] for row in rows]},
    )
    await _place_contacts(connection, rows)


async def set_deleted(
    connection: AsyncConnection,
    activity_ids: Collection[UUID],
    *,
    deleted: bool,
    now: datetime,
) -> None:
    """Delete activities softly, or bring them back."""
    await connection.execute(
        text(
            """
            UPDATE activity SET deleted_at = CASE WHEN :deleted THEN CAST(:now AS timestamptz) END,
                                version = version + 1, updated_at = :now
            WHERE activity_id = ANY(CAST(:ids AS uuid[]))
            """
        ),
        {"ids": list(activity_ids), "deleted": deleted, "now": now},
    )


async def known_references(
    connection: AsyncConnection, source: str, refs: Collection[str]
) -> dict[str, UUID]:
    """Return the activities that were recorded under these keys of a source, deleted ones too."""
    result = await connection.execute(
        text(
            "SELECT ref, activity_id FROM activity "
            "WHERE source = :source AND ref = ANY(CAST(:refs AS text[]))"
        ),
        {"source": source, "refs": list(refs)},
    )
    return {row.ref: row.activity_id for row in result}


async def _place_contacts(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    places = [
        (row["activity_id"], one, row["starts_at"]) for row in rows for one in row["contacts"]
    ]
    if places:
        await connection.execute(
            _PLACE,
            {
                "activities": [activity_id for activity_id, _, _ in places],
                "contacts": [contact_id for _, contact_id, _ in places],
                "starts": [starts_at for _, _, starts_at in places],
            },
        )


_RECORD = """
    jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (
        activity_id uuid, customer_id uuid, contacts uuid[], opportunity_id uuid, follows uuid,
        category int, kind int, type int, attributes int[], seller text, participants text[],
        state text, starts_at timestamptz, ends_at timestamptz, due_at timestamptz, day date,
        channel text, direction text, subject text, memo text, result text,
        counts_to_target boolean, source text, ref text)
"""
_INSERT = text(
    f"""
    INSERT INTO activity (activity_id, version, customer_id, contacts, opportunity_id, follows,
                          category, kind, type, attributes, seller, participants, state, starts_at,
                          ends_at, due_at, day, channel, direction, subject, memo, result,
                          counts_to_target, source, ref, created_at, updated_at)
    SELECT activity_id, 1, customer_id, contacts, opportunity_id, follows, category, kind, type,
           attributes, seller, participants, state, starts_at, ends_at, due_at, day, channel,
           direction, subject, memo, result, counts_to_target, source, ref, :now, :now
    FROM {_RECORD}
    """
)
_UPDATE = text(
    f"""
    UPDATE activity SET version = version + 1, updated_at = :now, customer_id = new.customer_id,
        contacts = new.contacts, opportunity_id = new.opportunity_id, category = new.category,
        kind = new.kind, type = new.type, attributes = new.attributes, seller = new.seller,
        participants = new.participants, state = new.state, starts_at = new.starts_at,
        ends_at = new.ends_at, due_at = new.due_at, day = new.day, channel = new.channel,
        direction = new.direction, subject = new.subject, memo = new.memo, result = new.result,
        counts_to_target = new.counts_to_target
    FROM {_RECORD} WHERE activity.activity_id = new.activity_id
    """
)
_PLACE = text(
    """
    INSERT INTO activity_contact (activity_id, contact_id, starts_at)
    SELECT activity_id, contact_id, starts_at
    FROM unnest(CAST(:activities AS uuid[]), CAST(:contacts AS uuid[]),
                CAST(:starts AS timestamptz[])) AS new (activity_id, contact_id, starts_at)
    """
)
