"""Who is in a segment, or out of it, by a person's decision."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection


async def lock_segment(connection: AsyncConnection, segment_id: UUID) -> None:
    """Let nobody make a new rule of the segment meanwhile, which would miss a pin."""
    await connection.execute(
        text("SELECT 1 FROM segment WHERE segment_id = :id FOR UPDATE"), {"id": segment_id}
    )


async def is_live(connection: AsyncConnection, contact_id: UUID) -> bool:
    """Tell whether there is such a contact."""
    found: bool = await connection.scalar(
        text("SELECT EXISTS (SELECT FROM contact WHERE contact_id = :id AND NOT deleted)"),
        {"id": contact_id},
    )
    return found


async def save(
    connection: AsyncConnection,
    *,
    segment_id: UUID,
    contact_id: UUID,
    inside: bool,
    note: str,
    actor: str | None,
    key: str,
    now: datetime,
) -> None:
    """Pin a contact, in place of a pin there was; the rules of the segment depend on it."""
    asked = {
        "segment_id": segment_id, "contact_id": contact_id, "inside": inside, "note": note,
        "actor": actor, "key": key, "now": now,
    }  # fmt: skip
    await connection.execute(_SAVE, asked)
    await connection.execute(_DEPEND, asked)


async def remove(connection: AsyncConnection, *, segment_id: UUID, contact_id: UUID) -> bool:
    """Remove a pin; tell whether there was one. What depends on it stays until the next rule."""
    result = await connection.execute(
        text("DELETE FROM segment_pin WHERE segment_id = :segment_id AND contact_id = :contact_id"),
        {"segment_id": segment_id, "contact_id": contact_id},
    )
    return result.rowcount == 1


async def page(
    connection: AsyncConnection, segment_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return pins by contact: contact_id, names, inside, note, actor, at."""
    result = await connection.execute(
        _PAGE, {"segment_id": segment_id, "after": after, "limit": limit}
    )
    return result.all()


_SAVE = text(
    """
    INSERT INTO segment_pin (segment_id, contact_id, inside, note, actor, at)
    VALUES (:segment_id, :contact_id, :inside, :note, :actor, :now)
    ON CONFLICT (segment_id, contact_id) DO UPDATE SET inside = EXCLUDED.inside,
        note = EXCLUDED.note, actor = EXCLUDED.actor, at = EXCLUDED.at
    """
)
_DEPEND = text(
    """
    INSERT INTO segment_dependency (key, rule_id)
    SELECT :key, rule.rule_id FROM segment_rule AS rule JOIN segment
        ON rule.rule_id IN (segment.live_rule_id, segment.next_rule_id)
    WHERE segment.segment_id = :segment_id
    ON CONFLICT DO NOTHING
    """
)
_PAGE = text(
    """
    SELECT pin.contact_id, coalesce(contact.first_name, '') AS first_name,
           coalesce(contact.last_name, '') AS last_name, pin.inside, pin.note, pin.actor, pin.at
    FROM segment_pin AS pin LEFT JOIN contact USING (contact_id)
    WHERE pin.segment_id = :segment_id
      AND (CAST(:after AS uuid) IS NULL OR pin.contact_id > CAST(:after AS uuid))
    ORDER BY pin.contact_id LIMIT :limit
    """
)
