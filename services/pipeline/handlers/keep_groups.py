"""Keep user groups: who sells together, below whom, and from when until when (TS-08 to TS-15)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.events import UserGroupSaved
from services.pipeline.domain.user_groups import (
    MAX_DEPTH,
    GroupKind,
    Membership,
    check_memberships,
    ended,
)
from services.pipeline.persistence import groups as store
from shared.chassis.errors import InvalidField, Kind, Refusal, check_version
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork


class GroupNotFound(Refusal):
    """There is no such user group."""

    kind = Kind.NOT_FOUND
    slug = "user_group_not_found"
    remedy = "Find its id: GET /v1/user-groups."


class GroupInUse(Refusal):
    """Other groups are below the group, or revenue targets are set for it."""

    kind = Kind.CONFLICT
    slug = "user_group_in_use"
    remedy = "Move or remove the groups below it, and delete its revenue targets, first."


class NotAMember(Refusal):
    """The seller is not in the group on that day."""

    kind = Kind.NOT_FOUND
    slug = "not_a_member"
    remedy = "See who is in it, and when: GET /v1/user-groups/{group_id}/members."


@dataclass(frozen=True, slots=True)
class SaveGroup:
    """What a person says about a group; members that are None stay as they are."""

    title: str
    description: str
    kind: GroupKind
    parent_id: UUID | None
    members: Sequence[Membership] | None

    @property
    def columns(self) -> dict[str, Any]:
        """Return what is said of the group itself."""
        return {
            "title": self.title,
            "description": self.description,
            "kind": self.kind,
            "parent_id": self.parent_id,
        }


async def create_group(command: SaveGroup, uow: UnitOfWork) -> UUID:
    """Add a group; return its id. Raises the refusal that names the field."""
    members = command.members or ()
    check_memberships(members)
    await store.hold_tree(uow.connection)
    group_id = new_id()
    await _check_parent(command.parent_id, None, uow)
    await store.insert_group(uow.connection, group_id, command.columns, now=uow.now)
    await store.change_members(uow.connection, group_id, gone=(), come=members)
    await tell_groups([group_id], uow)
    return group_id


async def change_group(
    group_id: UUID, command: SaveGroup, uow: UnitOfWork, *, expected: int
) -> None:
    """Replace what a group that is still at the expected version says."""
    if command.members is not None:
        check_memberships(command.members)
    await store.hold_tree(uow.connection)
    present = await _held(group_id, uow, expected=expected)
    if command.parent_id != present.parent_id:
        await _check_parent(command.parent_id, group_id, uow)
    await store.update_group(uow.connection, group_id, command.columns, now=uow.now)
    if command.members is not None:
        await _put_members(present, command.members, uow)
    await tell_groups([group_id], uow)


async def join_group(group_id: UUID, membership: Membership, uow: UnitOfWork) -> None:
    """Let a seller be in a group; refuse one who is in it already on any of these days."""
    present = await _held(group_id, uow)
    members = [*store.members_of(present), membership]
    check_memberships(members, field="since")
    await _save_members(present, members, uow)


async def end_membership(group_id: UUID, seller: str, last_day: date, uow: UnitOfWork) -> None:
    """End the membership that a seller has on a day with that day."""
    present = await _held(group_id, uow)
    members = store.members_of(present)
    if not any(one.seller == seller and one.holds_on(last_day) for one in members):
        raise NotAMember(f"{seller!r} is not in {present.title!r} on {last_day}.")
    await _save_members(present, ended(members, seller, last_day), uow)


async def remove_group(group_id: UUID, uow: UnitOfWork, *, expected: int) -> Row[Any]:
    """Remove a group that nothing needs; return what it was.

    It stays for what it was called, without members.
    """
    await store.hold_tree(uow.connection)
    present = await _held(group_id, uow, expected=expected)
    needed = await store.who_needs(uow.connection, group_id)
    if needed.groups or needed.targets:
        raise GroupInUse(
            f"{present.title!r} has {needed.groups} groups below it and {needed.targets} revenue "
            "targets.",
            facts={
                "count": needed.groups + needed.targets,
                "groups": list(needed.first_groups),
                "revenue_targets": list(needed.first_targets),
            },
        )
    await _put_members(present, (), uow)
    await store.touch_group(uow.connection, group_id, removed=True, now=uow.now)
    await tell_groups([group_id], uow)
    return present


async def found_group(
    group_id: UUID, connection: AsyncConnection, *, removed: bool = False
) -> Row[Any]:
    """Return a group with its members; refuse one that is unknown or, unless asked, removed."""
    row = (await store.fetch_groups(connection, [group_id])).get(group_id)
    if row is None or (row.deleted_at is not None and not removed):
        raise GroupNotFound(f"There is no user group {group_id}.")
    return row


async def tell_groups(group_ids: Collection[UUID], uow: UnitOfWork) -> None:
    """Record these groups as they now stand, removed ones as such."""
    rows = await store.fetch_groups(uow.connection, group_ids)
    uow.record_all(
        UserGroupSaved(
            group_id=row.group_id,
            version=row.version,
            title=row.title,
            kind=GroupKind(row.kind),
            parent_id=row.parent_id,
            members=store.members_of(row),
            removed=row.deleted_at is not None,
        )
        for row in rows.values()
    )


async def _held(group_id: UUID, uow: UnitOfWork, *, expected: int | None = None) -> Row[Any]:
    # Its members are read once it is held: before, others may have been added.
    await store.lock_group(uow.connection, group_id)
    row = await found_group(group_id, uow.connection)
    check_version("group", row.version, expected)
    return row


async def _check_parent(parent_id: UUID | None, group_id: UUID | None, uow: UnitOfWork) -> None:
    """Refuse a parent that is unknown, below the group itself, or too deep in the tree."""
    if parent_id is None:
        return
    title = await store.keep_group(uow.connection, parent_id)
    if title is None:
        raise InvalidField(
            "parent_id", f"there is no user group {parent_id}", "Find its id: GET /v1/user-groups."
        )
    above = await store.ancestors(uow.connection, parent_id)
    if group_id in above:
        raise InvalidField(
            "parent_id",
            "the group would be below itself"
            if parent_id == group_id
            else f"{title!r} lies below the group, which would be below itself",
            "Choose a group outside of it.",
        )
    levels = 1 if group_id is None else await store.height(uow.connection, group_id)
    if len(above) + levels > MAX_DEPTH:
        raise InvalidField(
            "parent_id",
            f"below {title!r} the tree would have more than {MAX_DEPTH} levels",
            "Choose a group higher up.",
        )


async def _save_members(
    present: Row[Any], members: Collection[Membership], uow: UnitOfWork
) -> None:
    await _put_members(present, members, uow)
    await store.touch_group(uow.connection, present.group_id, now=uow.now)
    await tell_groups([present.group_id], uow)


async def _put_members(present: Row[Any], members: Collection[Membership], uow: UnitOfWork) -> None:
    before, after = set(store.members_of(present)), set(members)
    gone, come = before - after, after - before
    if not gone and not come:
        return
    group_id = present.group_id
    await store.change_members(uow.connection, group_id, gone=gone, come=come)
    await store.remember_members(uow.connection, group_id, gone=gone, come=come, now=uow.now)
