"""Statements on attachments and on the rows of their bytes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

COLUMNS = """
    attachment_id, version, activity_id, kind, name, media_type, size, sha256, created_at,
    updated_at, deleted_at
"""


async def announce_blob(
    connection: AsyncConnection, sha256: bytes, size: int, *, now: datetime, expires_at: datetime
) -> None:
    """Say that bytes are about to be kept, which go at `expires_at` unless something holds them."""
    await connection.execute(
        text(
            """
            INSERT INTO blob (sha256, size, stored_at, expires_at)
            VALUES (:sha256, :size, :now, :expires_at)
            ON CONFLICT (sha256) DO UPDATE SET expires_at = EXCLUDED.expires_at
            """
        ),
        {"sha256": sha256, "size": size, "now": now, "expires_at": expires_at},
    )


async def hold_blob(connection: AsyncConnection, sha256: bytes) -> bool:
    """Keep the bytes from expiring, and lock their row; tell whether it is there."""
    result = await connection.execute(
        text("UPDATE blob SET expires_at = NULL WHERE sha256 = :sha256"), {"sha256": sha256}
    )
    return result.rowcount == 1


async def insert_attachment(connection: AsyncConnection, row: dict[str, Any]) -> None:
    """Add an attachment whose bytes are kept."""
    await connection.execute(
        text(
            """
            INSERT INTO attachment (attachment_id, version, activity_id, kind, name, media_type,
                                    size, sha256, created_at, updated_at)
            VALUES (:attachment_id, 1, :activity_id, :kind, :name, :media_type,
                    :size, :sha256, :now, :now)
            """
        ),
        row,
    )


async def find_attachment(
    connection: AsyncConnection, activity_id: UUID, attachment_id: UUID, *, lock: bool = False
) -> Row[Any] | None:
    """Return an attachment of an activity, a deleted one too."""
    result = await connection.execute(
        text(
            f"SELECT {COLUMNS} FROM attachment WHERE attachment_id = :id "
            f"AND activity_id = :activity_id {'FOR NO KEY UPDATE' if lock else ''}"
        ),
        {"id": attachment_id, "activity_id": activity_id},
    )
    return result.one_or_none()


async def list_attachments(
    connection: AsyncConnection,
    activity_id: UUID,
    *,
    deleted: bool,
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return a page of the live, or else of the deleted, attachments of an activity."""
    result = await connection.execute(
        text(
            f"""
            SELECT {COLUMNS} FROM attachment
            WHERE activity_id = :activity_id AND (deleted_at IS NOT NULL) = :deleted
              AND (CAST(:after AS uuid) IS NULL OR attachment_id > :after)
            ORDER BY attachment_id LIMIT :limit
            """
        ),
        {"activity_id": activity_id, "deleted": deleted, "after": after, "limit": limit},
    )
    return result.all()


async def update_attachment(
    connection: AsyncConnection,
    attachment_id: UUID,
    *,
    kind: str,
    name: str,
    deleted_at: datetime | None,
    now: datetime,
) -> None:
    """Replace what is said of an attachment."""
    await connection.execute(
        text(
            """
            UPDATE attachment SET version = version + 1, kind = :kind, name = :name,
                                  deleted_at = :deleted_at, updated_at = :now
            WHERE attachment_id = :id
            """
        ),
        {"id": attachment_id, "kind": kind, "name": name, "deleted_at": deleted_at, "now": now},
    )


async def note_in_history(
    connection: AsyncConnection,
    activity_id: UUID,
    before: str | None,
    after: str | None,
    *,
    now: datetime,
) -> None:
    """Let the history of an activity tell of an attachment, by its name before and after."""
    await connection.execute(
        text(
            """
            INSERT INTO history (record, record_id, at, actor, before, after)
            VALUES ('activity', :id, :now, nullif(current_setting('suhde.actor', true), ''),
                    jsonb_build_object('attachment', CAST(:before AS text)),
                    jsonb_build_object('attachment', CAST(:after AS text)))
            """
        ),
        {"id": activity_id, "now": now, "before": before, "after": after},
    )


async def remove_attachments(
    connection: AsyncConnection, activity_ids: Collection[UUID], *, now: datetime
) -> int:
    """Remove all attachments of these activities; bytes that nothing holds expire now."""
    result = await connection.execute(
        text(_REMOVE.format(which="activity_id = ANY(CAST(:ids AS uuid[]))")),
        {"ids": list(activity_ids), "now": now},
    )
    return int(result.scalar_one())


async def remove_deleted(
    connection: AsyncConnection, *, before: datetime, now: datetime, limit: int
) -> int:
    """Remove attachments that were deleted before then, at most so many; return how many."""
    which = """
        attachment_id IN (SELECT attachment_id FROM attachment WHERE deleted_at < :before
                          ORDER BY deleted_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    """
    result = await connection.execute(
        text(_REMOVE.format(which=which)), {"before": before, "now": now, "limit": limit}
    )
    return int(result.scalar_one())


async def lock_expired(
    connection: AsyncConnection, *, now: datetime, limit: int
) -> Sequence[bytes]:
    """Return, locked, checksums of bytes whose time is over; others' are passed over."""
    result = await connection.execute(
        text(
            """
            SELECT sha256 FROM blob WHERE expires_at <= :now
            ORDER BY expires_at, sha256 LIMIT :limit FOR UPDATE SKIP LOCKED
            """
        ),
        {"now": now, "limit": limit},
    )
    return [bytes(one) for one in result.scalars()]


async def remove_unheld(connection: AsyncConnection, sha256s: Collection[bytes]) -> Sequence[bytes]:
    """
    Remove the rows of those that nothing refers to, and return them; the others stay for good.

    They are locked by an earlier statement: only then does this one see all that refers to them.
    """
    result = await connection.execute(
        text(
            """
            DELETE FROM blob WHERE sha256 = ANY(CAST(:sha256s AS bytea[]))
              AND NOT EXISTS (SELECT FROM attachment WHERE attachment.sha256 = blob.sha256)
            RETURNING sha256
            """
        ),
        {"sha256s": list(sha256s)},
    )
    removed = [bytes(one) for one in result.scalars()]
    await connection.execute(
        text("UPDATE blob SET expires_at = NULL WHERE sha256 = ANY(CAST(:sha256s AS bytea[]))"),
        {"sha256s": list(set(sha256s) - set(removed))},
    )
    return removed


# Whether others refer to the same bytes is seen when they are about to be removed.
_REMOVE = """
    WITH gone AS (DELETE FROM attachment WHERE {which} RETURNING sha256),
    locked AS (SELECT sha256 FROM blob WHERE sha256 IN (SELECT sha256 FROM gone)
               ORDER BY sha256 FOR NO KEY UPDATE),
    expired AS (UPDATE blob SET expires_at = :now FROM locked WHERE blob.sha256 = locked.sha256)
    SELECT count(*) FROM gone
"""
