"""Routes of user groups and of who is in them, from when until when (TS-08 to TS-15)."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.api.fields import BoundedDay, Description, SellerKey, Title, text_and_day
from services.pipeline.domain.user_groups import MOST_MEMBERSHIPS, GroupKind, Membership
from services.pipeline.handlers.keep_groups import (
    GroupInUse,
    SaveGroup,
    change_group,
    create_group,
    end_membership,
    found_group,
    join_group,
    remove_group,
)
from services.pipeline.handlers.read_group_history import own_fields
from services.pipeline.persistence import groups as store
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import (
    Cursor,
    Limit,
    Page,
    cursor_id,
    page_of,
)
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.contracts.types import EARLIEST
from shared.history.api import Histories, HistoryChange, HistoryEntry

PATH = "/v1/user-groups"


class MembershipInput(Input):
    """A seller in a group; both days are included."""

    seller: SellerKey
    since: BoundedDay | None = Field(default=None, description="always, if left out")
    until: BoundedDay | None = Field(default=None, description="for good, if left out")


class LastDayInput(Input):
    """When a membership ends."""

    last_day: BoundedDay = Field(description="the last day in the group", examples=["2026-12-31"])


class UserGroupInput(Input):
    """A user group; what is left out is empty, but members stay as they are."""

    title: Title = Field(examples=["Key accounts"])
    description: Description = ""
    kind: GroupKind = Field(
        default=GroupKind.STANDARD,
        description="members of a sales group are the people who sell; no group takes it over from "
        "the one above it",
        examples=["sales"],
    )
    parent_id: UUID | None = Field(default=None, description="the group it is below of")
    members: list[MembershipInput] | None = Field(
        default=None,
        max_length=MOST_MEMBERSHIPS,
        description="all that there are to be",
        examples=[[{"seller": "anna.k", "since": "2026-01-01"}]],
    )


class MembershipOutput(BaseModel):
    """From when (null: always) until when (null: for good) a seller is in the group."""

    seller: str
    since: date | None
    until: date | None


class UserGroupSummary(BaseModel):
    """A user group, and how many memberships it has, past and future ones too."""

    group_id: UUID
    version: int
    title: str
    description: str
    kind: GroupKind
    parent_id: UUID | None
    memberships: int
    created_at: datetime
    updated_at: datetime


class UserGroupOutput(UserGroupSummary):
    """A user group with its own members, by seller and day."""

    members: list[MembershipOutput]


class UserGroupEntry(HistoryEntry):
    """One change of a group; of `memberships`, those that went and those that came."""

    what: Literal["created", "changed", "deleted"]
    changes: list[HistoryChange]


def user_groups_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes below /v1/user-groups."""
    router = APIRouter(prefix=PATH, tags=["user-groups"])
    histories = Histories(units, UserGroupEntry, own_fields)

    async def answer(group_id: UUID, unit: UnitOfWork, status: int = 200) -> Answer:
        row = await found_group(group_id, unit.connection)
        headers = {"ETag": etag(row.version)}
        if status == 201:
            headers["Location"] = f"{PATH}/{group_id}"
        return Answer(_group(row), status, headers)

    @router.get("")
    async def show_all(
        kind: Annotated[GroupKind | None, Query(description="only of this kind")] = None,
        parent_id: Annotated[UUID | None, Query(description="only directly below it")] = None,
        seller: Annotated[SellerKey | None, Query(description="only his, on any day")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[UserGroupSummary]:
        """List the groups, in the order in which they were added."""
        async with units.engine.connect() as connection:
            rows = await store.list_groups(
                connection,
                kind=kind,
                parent_id=parent_id,
                seller=seller,
                after=cursor_id(cursor),
                limit=limit + 1,
            )
        items = [UserGroupSummary(**row._mapping) for row in rows]
        return page_of(items, limit, lambda one: (str(one.group_id),))

    @router.post("", status_code=201, response_model=UserGroupOutput)
    async def add(request: Request, body: UserGroupInput) -> Response:
        """Add a group, alone or below another one (TS-12)."""

        async def work(unit: UnitOfWork) -> Answer:
            return await answer(await create_group(_command(body), unit), unit, 201)

        return await write(request, units, work)

    @router.get("/{group_id}")
    async def fetch(group_id: UUID, response: Response) -> UserGroupOutput:
        """Fetch a group with its members."""
        async with units.engine.connect() as connection:
            row = await found_group(group_id, connection)
        response.headers["ETag"] = etag(row.version)
        return _group(row)

    @router.put("/{group_id}", response_model=UserGroupOutput)
    async def change(
        request: Request, group_id: UUID, body: UserGroupInput, expected: Expected
    ) -> Response:
        """Change a group, or move it below another one with all that is below it (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            await change_group(group_id, _command(body), unit, expected=expected)
            return await answer(group_id, unit)

        return await write(request, units, work)

    @router.delete("/{group_id}", response_model=UserGroupOutput, responses=may_refuse(GroupInUse))
    async def remove(request: Request, group_id: UUID, expected: Expected) -> Response:
        """Remove a group with nothing below it and no revenue target (If-Match); show what it was.

        Who was in it no longer counts to it, on any day.
        """

        async def work(unit: UnitOfWork) -> Answer:
            return Answer(_group(await remove_group(group_id, unit, expected=expected)))

        return await write(request, units, work)

    @router.get("/{group_id}/members")
    async def members(
        group_id: UUID,
        subtree: Annotated[bool, Query(description="of all groups below it, too")] = False,
        day: Annotated[BoundedDay | None, Query(description="only who is in it then")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[MembershipOutput]:
        """List who is in a group, by seller and day.

        With `subtree`, a seller of several groups is shown once for each stretch of days.
        """
        async with units.engine.connect() as connection:
            await found_group(group_id, connection)
            rows = await store.list_members(
                connection,
                group_id,
                subtree=subtree,
                day=day,
                after=text_and_day(cursor),
                limit=limit + 1,
            )
        return page_of(
            [_member(row) for row in rows],
            limit,
            lambda one: (one.seller, (one.since or EARLIEST).isoformat()),
        )

    @router.post("/{group_id}/members", status_code=201, response_model=UserGroupOutput)
    async def join(request: Request, group_id: UUID, body: MembershipInput) -> Response:
        """Let a seller be in a group, for good or for a while (TS-15)."""

        async def work(unit: UnitOfWork) -> Answer:
            await join_group(group_id, _membership(body), unit)
            return await answer(group_id, unit, 201)

        return await write(request, units, work)

    @router.post("/{group_id}/members/{seller}/end", response_model=UserGroupOutput)
    async def end(
        request: Request, group_id: UUID, seller: SellerKey, body: LastDayInput
    ) -> Response:
        """End the membership that a seller has on a day with that day."""

        async def work(unit: UnitOfWork) -> Answer:
            await end_membership(group_id, seller, body.last_day, unit)
            return await answer(group_id, unit)

        return await write(request, units, work)

    @router.get("/{group_id}/history")
    async def history(
        group_id: UUID, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[UserGroupEntry]:
        """Show what changed of a group and of who is in it, the newest first."""

        async def find(connection: AsyncConnection) -> tuple[UUID, datetime]:
            return group_id, (await found_group(group_id, connection, removed=True)).created_at

        return await histories.page("user_group", find, cursor, limit)

    return router


def _command(body: UserGroupInput) -> SaveGroup:
    members = None if body.members is None else [_membership(one) for one in body.members]
    return SaveGroup(body.title, body.description, body.kind, body.parent_id, members)


def _membership(body: MembershipInput) -> Membership:
    return Membership(body.seller, body.since or EARLIEST, body.until)


def _group(row: Row[Any]) -> UserGroupOutput:
    own = {"members", "memberships"}
    members = [_member(one) for one in store.members_of(row)]
    return UserGroupOutput(
        **{name: getattr(row, name) for name in UserGroupOutput.model_fields if name not in own},
        members=members,
        memberships=len(members),
    )


def _member(one: Membership | Row[Any]) -> MembershipOutput:
    since = None if one.since == EARLIEST else one.since
    return MembershipOutput(seller=one.seller, since=since, until=one.until)
