"""Statements on user groups and who is in them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.user_groups import GroupKind, Membership


def subtree_members(group: str) -> str:
    """
    Return a subquery of who is in a group or below it: (seller, since, until), both included.

    `group` is an SQL expression for its id; that of an outer row asks for LATERAL. Each seller has
    one row per stretch of days, so that nobody is there twice on a day who is in two groups below.
    """
    return f"""(
        WITH RECURSIVE below (group_id) AS (
            SELECT group_id FROM user_group WHERE group_id = {group} AND deleted_at IS NULL
            UNION
            SELECT child.group_id FROM user_group AS child JOIN below
              ON child.parent_id = below.group_id WHERE child.deleted_at IS NULL
        )
        SELECT seller, lower(days) AS since, upper(days) - 1 AS until
        FROM (SELECT seller, unnest(range_agg(daterange(since, until, '[]'))) AS days
              FROM user_group_member JOIN below USING (group_id) GROUP BY seller) AS stretch
    )"""


async def hold_tree(connection: AsyncConnection) -> None:
    """Let nobody else move, add or remove groups until the commit: two moves could make a ring."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(8433321)"))


async def lock_group(connection: AsyncConnection, group_id: UUID) -> None:
    """Hold a group against changes, of its members too, until the commit."""
    await connection.execute(
        text("SELECT FROM user_group WHERE group_id = :id FOR UPDATE"), {"id": group_id}
    )


async def keep_group(connection: AsyncConnection, group_id: UUID) -> str | None:
    """Keep a group from removal until the commit; return its title, None if there is none."""
    result = await connection.execute(
        text(
            "SELECT title FROM user_group WHERE group_id = :id AND deleted_at IS NULL FOR KEY SHARE"
        ),
        {"id": group_id},
    )
    return result.scalar_one_or_none()


async def fetch_groups(
    connection: AsyncConnection, group_ids: Collection[UUID]
) -> dict[UUID, Row[Any]]:
    """Return these groups by id, removed ones too; members as arrays by seller and day."""
    result = await connection.execute(_FETCH, {"ids": list(group_ids)})
    return {row.group_id: row for row in result}


def members_of(row: Row[Any]) -> tuple[Membership, ...]:
    """Return who is in a group that was fetched."""
    return tuple(
        Membership(seller, since, until)
        for seller, since, until in zip(row.sellers, row.since, row.until, strict=True)
    )


async def list_groups(
    connection: AsyncConnection,
    *,
    kind: GroupKind | None,
    parent_id: UUID | None,
    seller: str | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return groups behind an id, with how many memberships each has."""
    result = await connection.execute(
        _LIST,
        {"kind": kind, "parent": parent_id, "seller": seller, "after": after, "limit": limit},
    )
    return result.all()


async def group_ids(
    connection: AsyncConnection, *, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """Return ids of groups behind one, removed ones too."""
    result = await connection.execute(
        text(
            "SELECT group_id FROM user_group WHERE CAST(:after AS uuid) IS NULL "
            "OR group_id > :after ORDER BY group_id LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return result.scalars().all()


async def count_groups(connection: AsyncConnection) -> int:
    """Return how many groups there are and were."""
    return int((await connection.execute(text("SELECT count(*) FROM user_group"))).scalar_one())


async def list_members(
    connection: AsyncConnection,
    group_id: UUID,
    *,
    subtree: bool,
    day: date | None,
    after: tuple[str, date] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return who is in a group (or below it) behind a seller and first day: seller, since, until.

    With a day, only who is in it then.
    """
    members = (
        subtree_members("CAST(:id AS uuid)")
        if subtree
        else "(SELECT seller, since, until FROM user_group_member WHERE group_id = :id)"
    )
    result = await connection.execute(
        text(
            f"""
            SELECT seller, since, until FROM {members} AS member
            WHERE (CAST(:seller AS text) IS NULL
                   OR (seller COLLATE "C", since) > (:seller, CAST(:since AS date)))
              AND (CAST(:day AS date) IS NULL
                   OR (since <= :day AND (until IS NULL OR :day <= until)))
            ORDER BY seller COLLATE "C", since LIMIT :limit
            """
        ),
        {
            "id": group_id,
            "day": day,
            "seller": None if after is None else after[0],
            "since": None if after is None else after[1],
            "limit": limit,
        },
    )
    return result.all()


async def ancestors(connection: AsyncConnection, group_id: UUID) -> list[UUID]:
    """Return a group and all that it is below of, from itself to the root."""
    result = await connection.execute(_ANCESTORS, {"id": group_id})
    return list(result.scalars())


async def height(connection: AsyncConnection, group_id: UUID) -> int:
    """Return how many levels a group has with those below it, itself included."""
    result = await connection.execute(_HEIGHT, {"id": group_id})
    return int(result.scalar_one())


async def insert_group(
    connection: AsyncConnection, group_id: UUID, said: Mapping[str, Any], *, now: datetime
) -> None:
    """Add a group: title, description, kind, parent_id."""
    await connection.execute(_INSERT, {**said, "id": group_id, "now": now})


async def update_group(
    connection: AsyncConnection, group_id: UUID, said: Mapping[str, Any], *, now: datetime
) -> None:
    """Replace title, description, kind and parent_id of a group."""
    await connection.execute(_UPDATE, {**said, "id": group_id, "now": now})


async def touch_group(
    connection: AsyncConnection, group_id: UUID, *, removed: bool = False, now: datetime
) -> None:
    """Give a group a new version, for its members have changed, or it is removed."""
    await connection.execute(
        text(
            """
            UPDATE user_group SET version = version + 1, updated_at = :now,
                deleted_at = CASE WHEN :removed THEN CAST(:now AS timestamptz) END
            WHERE group_id = :id
            """
        ),
        {"id": group_id, "removed": removed, "now": now},
    )


async def change_members(
    connection: AsyncConnection,
    group_id: UUID,
    *,
    gone: Collection[Membership],
    come: Collection[Membership],
) -> None:
    """Take memberships away from a group and add others."""
    if gone:
        await connection.execute(
            text(
                """
                DELETE FROM user_group_member AS member
                USING unnest(CAST(:sellers AS text[]), CAST(:since AS date[])) AS gone (seller, day)
                WHERE member.group_id = :id AND member.seller = gone.seller
                  AND member.since = gone.day
                """
            ),
            {"id": group_id, **_columns(gone)},
        )
    if come:
        await connection.execute(
            text(
                """
                INSERT INTO user_group_member (group_id, seller, since, until)
                SELECT :id, new.* FROM unnest(
                    CAST(:sellers AS text[]), CAST(:since AS date[]), CAST(:until AS date[])) AS new
                """
            ),
            {"id": group_id, **_columns(come)},
        )


async def remember_members(
    connection: AsyncConnection,
    group_id: UUID,
    *,
    gone: Collection[Membership],
    come: Collection[Membership],
    now: datetime,
) -> None:
    """Keep in the group's history whose memberships were taken away, and which were added."""
    await connection.execute(
        text(
            """
            INSERT INTO history (record, record_id, at, actor, before, after)
            VALUES ('user_group', :id, :now, nullif(current_setting('suhde.actor', true), ''),
                    CAST(:before AS jsonb), CAST(:after AS jsonb))
            """
        ),
        {
            "id": group_id,
            "now": now,
            "before": _as_kept(gone),
            "after": _as_kept(come),
        },
    )


async def who_needs(connection: AsyncConnection, group_id: UUID) -> Row[Any]:
    """Count the groups directly below a group and its revenue targets; name the first of each."""
    result = await connection.execute(_NEEDED, {"id": group_id})
    return result.one()


def _columns(memberships: Collection[Membership]) -> dict[str, list[Any]]:
    return {
        "sellers": [one.seller for one in memberships],
        "since": [one.since for one in memberships],
        "until": [one.until for one in memberships],
    }


def _as_kept(memberships: Collection[Membership]) -> str:
    ordered = sorted(memberships, key=lambda one: (one.seller, one.since))
    return json.dumps({"memberships": [asdict(one) for one in ordered]}, default=str)


_FETCH = text(
    """
    SELECT group_id, version, title, description, kind, parent_id, created_at, updated_at,
           deleted_at, coalesce(member.sellers, '{}') AS sellers,
           coalesce(member.since, '{}') AS since, coalesce(member.until, '{}') AS until
    FROM user_group
    LEFT JOIN LATERAL (
        SELECT array_agg(seller ORDER BY seller COLLATE "C", since) AS sellers,
               array_agg(since ORDER BY seller COLLATE "C", since) AS since,
               array_agg(until ORDER BY seller COLLATE "C", since) AS until
        FROM user_group_member WHERE user_group_member.group_id = user_group.group_id
    ) AS member ON true
    WHERE group_id = ANY(CAST(:ids AS uuid[])) ORDER BY group_id
    """
)
_LIST = text(
    """
    SELECT group_id, version, title, description, kind, parent_id, created_at, updated_at,
           (SELECT count(*) FROM user_group_member AS member
            WHERE member.group_id = user_group.group_id) AS memberships
    FROM user_group
    WHERE deleted_at IS NULL AND (CAST(:after AS uuid) IS NULL OR group_id > :after)
      AND (CAST(:kind AS text) IS NULL OR kind = :kind)
      AND (CAST(:parent AS uuid) IS NULL OR parent_id = :parent)
      AND (CAST(:seller AS text) IS NULL OR group_id IN (
          SELECT group_id FROM user_group_member WHERE seller = :seller))
    ORDER BY group_id LIMIT :limit
    """
)
_ANCESTORS = text(
    """
    WITH RECURSIVE up (group_id, parent_id, depth) AS (
        SELECT group_id, parent_id, 1 FROM user_group WHERE group_id = :id
        UNION ALL
        SELECT above.group_id, above.parent_id, depth + 1
        FROM up JOIN user_group AS above ON above.group_id = up.parent_id WHERE depth < 100)
    SELECT group_id FROM up ORDER BY depth
    """
)
_HEIGHT = text(
    """
    WITH RECURSIVE down (group_id, depth) AS (
        SELECT CAST(:id AS uuid), 1
        UNION ALL
        SELECT below.group_id, depth + 1
        FROM down JOIN user_group AS below ON below.parent_id = down.group_id
        WHERE below.deleted_at IS NULL AND depth < 100)
    SELECT max(depth) FROM down
    """
)
_INSERT = text(
    """
    INSERT INTO user_group (group_id, version, title, description, kind, parent_id, created_at,
                            updated_at)
    VALUES (:id, 1, :title, :description, :kind, :parent_id, :now, :now)
    """
)
_UPDATE = text(
    """
    UPDATE user_group SET title = :title, description = :description, kind = :kind,
                          parent_id = :parent_id, version = version + 1, updated_at = :now
    WHERE group_id = :id
    """
)
_NEEDED = text(
    """
    SELECT (SELECT count(*) FROM user_group WHERE parent_id = :id AND deleted_at IS NULL)
               AS groups,
           ARRAY(SELECT title FROM user_group WHERE parent_id = :id AND deleted_at IS NULL
                 ORDER BY group_id LIMIT 10) AS first_groups,
           (SELECT count(*) FROM revenue_target WHERE group_id = :id) AS targets,
           ARRAY(SELECT CAST(target_id AS text) FROM revenue_target WHERE group_id = :id
                 ORDER BY target_id LIMIT 10) AS first_targets
    """
)
