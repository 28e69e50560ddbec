"""Routes of what became of members: changes, growth, differences, and where somebody is."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.mailing.api.moments import Day, Moment
from services.mailing.api.shapes import Member
from services.mailing.handlers import segment_history
from services.mailing.handlers.segment_history import Step
from shared.chassis.errors import InvalidField
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of, read_cursor
from shared.chassis.unit_of_work import UnitOfWorkFactory


class ChangeCause(BaseModel):
    """Why a contact came or left."""

    cause: Literal["event", "day", "rule", "pin", "check"] = Field(
        description="day: time passed; rule: the rule was made or changed; check: found anew"
    )
    told_type: str | None = Field(description="of the event; null without one")
    told_by: str | None = Field(description="the id of the event")


class MemberChangeShown(ChangeCause, Member):
    """One entry or exit."""

    position: int
    entered: bool
    at: datetime


class GrownShown(BaseModel):
    """What became of a segment in one step."""

    from_day: date = Field(description="a step goes up to the next one, or to before_day")
    members: int = Field(description="at its end")
    entered: dict[str, int] = Field(description="by cause")
    left: dict[str, int] = Field(description="by cause")


class GrowthShown(BaseModel):
    """The steps in order."""

    items: list[GrownShown]


class DifferenceShown(Member):
    """Who is a member on one side only."""

    side: Literal["entered", "left", "here", "there"] = Field(
        description="entered, left: between the moments; here, there: in the first segment only, "
        "in the other only"
    )


class MembershipShown(BaseModel):
    """A segment that a contact is in."""

    segment_id: UUID
    name: str
    since: datetime | None = Field(description="null: from before it was kept")
    cause: str | None
    told_type: str | None
    told_by: str | None
    pinned: bool | None = Field(description="he is in by hand; null: the rule decides")


def segment_history_router(units: UnitOfWorkFactory, *, zone: ZoneInfo) -> APIRouter:
    """Return the routes of what became of members."""
    router = APIRouter(prefix="/v1", tags=["segments"])

    @router.get("/segments/{segment_id}/changes")
    async def changes(
        segment_id: UUID,
        contact_id: UUID | None = None,
        after: Annotated[Moment | None, Query(description="from this moment on")] = None,
        before: Annotated[Moment | None, Query(description="the first one too late")] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[MemberChangeShown]:
        """List entries and exits in order, with their causes."""
        key = read_cursor(cursor, int)
        async with units() as uow:
            rows = await segment_history.list_changes(
                segment_id,
                uow,
                contact_id=contact_id,
                from_moment=after,
                before=before,
                after=int(key[0]) if key else 0,
                limit=limit + 1,
            )
        items = [MemberChangeShown.model_validate(row, from_attributes=True) for row in rows]
        return page_of(items, limit, lambda one: (one.position,))

    @router.get("/segments/{segment_id}/growth")
    async def growth(
        segment_id: UUID,
        from_day: Annotated[Day, Query(examples=["2026-01-01"])],
        before_day: Annotated[Day, Query(examples=["2026-12-01"])],
        by: Step = Step.MONTH,
    ) -> GrowthShown:
        """Count members step by step, and who came and left; 400 steps at most."""
        async with units() as uow:
            steps = await segment_history.show_growth(
                segment_id, from_day, before_day, by, uow, zone=zone
            )
        return GrowthShown(
            items=[GrownShown.model_validate(one, from_attributes=True) for one in steps]
        )

    @router.get("/segments/{segment_id}/differences")
    async def differences(
        segment_id: UUID,
        at: Annotated[
            Moment | None, Query(examples=["2026-01-30T10:00:00+02:00"], description="the earlier")
        ] = None,
        other_at: Annotated[Moment | None, Query(description="the later; now if left out")] = None,
        other: Annotated[
            UUID | None, Query(alias="with", description="another segment, as both are now")
        ] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[DifferenceShown]:
        """List who is a member on one side only: of two moments, or of two segments."""
        if (at is None) is (other is None) or (other is not None and other_at is not None):
            raise InvalidField("at", "send at, or with", "Send a moment or another segment.")
        after = cursor_id(cursor)
        async with units() as uow:
            if other is not None:
                rows = await segment_history.differences_of_segments(
                    segment_id, other, uow, after=after, limit=limit + 1
                )
                sides = ["here" if row.here else "there" for row in rows]
            else:
                assert at is not None
                rows = await segment_history.differences_of_moments(
                    segment_id, at, other_at or uow.now, uow, after=after, limit=limit + 1
                )
                sides = ["entered" if row.entered else "left" for row in rows]
        items = [
            DifferenceShown.model_validate({**row._mapping, "side": side})
            for row, side in zip(rows, sides, strict=True)
        ]
        return page_of(items, limit, lambda one: (str(one.contact_id),))

    @router.get("/memberships/{contact_id}")
    async def memberships(
        contact_id: UUID, cursor: Cursor = None, limit: Limit = 100
    ) -> Page[MembershipShown]:
        """List the segments that a contact is in, since when and why."""
        async with units() as uow:
            rows = await segment_history.list_memberships(
                contact_id, uow, after=cursor_id(cursor), limit=limit + 1
            )
        items = [MembershipShown.model_validate(row, from_attributes=True) for row in rows]
        return page_of(items, limit, lambda one: (str(one.segment_id),))

    return router
