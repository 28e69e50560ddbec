"""Statements on user groups: the newest version wins, and members are those it names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.projection.groups import memberships


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody in a group, from and to a day, both included; `until` None is for good."""

    seller: str
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One user group as it is to stand; one that is removed keeps its place and no members."""

    group_id: UUID
    version: int
    title: str
    kind: str
    parent_id: UUID | None
    removed: bool
    members: tuple[MemberRow, ...] = ()


MEMBERSHIPS = memberships("NOT {group}.removed")
"""Who is in a group or below it: part of a WITH RECURSIVE."""


async def save_groups(connection: AsyncConnection, rows: Sequence[GroupRow]) -> set[UUID]:
    """
    Take over the groups that are newer than what stands; one row per id, please.

    Returns the groups that these were below of before.
    """
    before = await connection.execute(
        text(
            "SELECT parent_id FROM user_group "
            "WHERE group_id = ANY(CAST(:ids AS uuid[])) AND parent_id IS NOT NULL"
        ),
        {"ids": [row.group_id for row in rows]},
    )
    left = set(before.scalars())
    result = await connection.execute(
        _SAVE,
        {
            "ids": [row.group_id for row in rows],
            "versions": [row.version for row in rows],
            "titles": [row.title for row in rows],
            "kinds": [row.kind for row in rows],
            "parents": [row.parent_id for row in rows],
            "removed": [row.removed for row in rows],
        },
    )
    newer = set(result.scalars())
    places = [(row.group_id, one) for row in rows if row.group_id in newer for one in row.members]
    await connection.execute(
        text("DELETE FROM user_group_member WHERE group_id = ANY(CAST(:ids AS uuid[]))"),
        {"ids": list(newer)},
    )
    await connection.execute(
        _PLACE,
        {
            "ids": [group_id for group_id, _ in places],
            "sellers": [one.seller for _, one in places],
            "since": [one.since for _, one in places],
            "until": [one.until for _, one in places],
        },
    )
    return left


async def list_groups(
    connection: AsyncConnection, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return groups behind an id in the order of ids, each with its members."""
    result = await connection.execute(_LIST, {"after": after, "limit": limit})
    return result.all()


_SAVE = text(
    """
    INSERT INTO user_group (group_id, version, title, kind, parent_id, removed)
    SELECT group_id, version, title, kind, parent_id, removed
    FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:titles AS text[]),
                CAST(:kinds AS text[]), CAST(:parents AS uuid[]), CAST(:removed AS boolean[]))
         AS new (group_id, version, title, kind, parent_id, removed)
    ORDER BY group_id
    ON CONFLICT (group_id) DO UPDATE SET
        version = EXCLUDED.version, title = EXCLUDED.title, kind = EXCLUDED.kind,
        parent_id = EXCLUDED.parent_id, removed = EXCLUDED.removed
    WHERE EXCLUDED.version > user_group.version
    RETURNING group_id
    """
)
_PLACE = text(
    """
    INSERT INTO user_group_member (group_id, seller, since, until)
    SELECT group_id, seller, since, until
    FROM unnest(CAST(:ids AS uuid[]), CAST(:sellers AS text[]), CAST(:since AS date[]),
                CAST(:until AS date[])) AS new (group_id, seller, since, until)
    """
)
_LIST = text(
    """
    SELECT user_group.group_id, user_group.version, user_group.title, user_group.kind,
           user_group.parent_id, coalesce(member.found, '[]') AS members
    FROM user_group
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object(
                   'seller', place.seller, 'name', seller.name, 'since', place.since,
                   'until', place.until) ORDER BY place.seller, place.since) AS found
        FROM user_group_member AS place LEFT JOIN seller USING (seller)
        WHERE place.group_id = user_group.group_id
    ) AS member ON true
    WHERE NOT removed AND (CAST(:after AS uuid) IS NULL OR user_group.group_id > :after)
    ORDER BY user_group.group_id LIMIT :limit
    """
)
