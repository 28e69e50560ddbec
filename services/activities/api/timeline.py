"""Routes of timelines: one per customer and one per contact."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy.engine import Row

from services.activities.api.shapes import Day, SellerKey
from services.activities.domain.activity import Channel, Direction, State
from services.activities.domain.milestones import MilestoneKind, start_of
from services.activities.handlers.read_timeline import (
    read_contact_timeline,
    read_customer_timeline,
)
from services.activities.persistence.timeline import START, After, Narrow
from shared.chassis.http.paging import (
    BadCursor,
    Cursor,
    Limit,
    Page,
    read_cursor,
    write_cursor,
)
from shared.chassis.http.shapes import Number
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.api import Language

Numbers = Annotated[
    list[Number],
    Query(default_factory=list, max_length=100, description="numbers of values, any of them"),
]


class ValueOutput(BaseModel):
    """A value of a list."""

    number: int
    title: str
    label: str = Field(description="the title in the language asked for")


class SellerNameOutput(BaseModel):
    """Who of the staff."""

    seller: str
    name: str


class ContactNameOutput(BaseModel):
    """Who of the customer; the name of somebody erased is empty."""

    contact_id: UUID
    name: str


class TimelineActivity(BaseModel):
    """What was done or is to be done: who, what about, with whom."""

    activity_id: UUID
    subject: str
    state: State
    ends_at: datetime | None
    due_at: datetime | None
    channel: Channel | None
    direction: Direction | None
    category: ValueOutput
    kind: ValueOutput
    type: ValueOutput
    attributes: list[ValueOutput]
    seller: SellerNameOutput | None
    participants: list[SellerNameOutput]
    contacts: list[ContactNameOutput]
    opportunity_id: UUID | None
    attachments: int


class TimelineMilestone(BaseModel):
    """What another service told; what is not said of its kind is null."""

    kind: MilestoneKind
    day: date | None = Field(description="of what has a day and no hour: `at` is when it begins")
    source: str | None = Field(description="how a start of the relationship is known")
    document_source: str | None
    document_id: str | None
    status_before: ValueOutput | None
    status_after: ValueOutput | None
    merged_into: UUID | None
    opportunity_id: UUID | None
    name: str | None = Field(description="of the opportunity")
    value: str | None = Field(description="of the opportunity, as a decimal")
    currency: str | None


class TimelineEntry(BaseModel):
    """An activity or a milestone: the one is null where it is the other."""

    at: datetime
    what: Literal["activity", "milestone"]
    customer_id: UUID = Field(description="its own, also where that was merged into another")
    customer_name: str
    activity: TimelineActivity | None
    milestone: TimelineMilestone | None


def timeline_router(units: UnitOfWorkFactory, zone: ZoneInfo) -> APIRouter:
    """Return the routes of timelines; days are of the zone."""
    router = APIRouter(prefix="/v1", tags=["timelines"])

    def narrowed(
        category: Numbers,
        kind: Numbers,
        type: Numbers,
        seller: Annotated[
            SellerKey | None, Query(description="to whom it is assigned, or who took part")
        ] = None,
        since: Annotated[Day | None, Query(description="the first day, included")] = None,
        until: Annotated[Day | None, Query(description="the last day, included")] = None,
    ) -> Narrow:
        return Narrow(
            milestones=not (category or kind or type or seller),
            categories=category,
            kinds=kind,
            types=type,
            seller=seller,
            since=None if since is None else start_of(since, zone),
            until=None if until is None else start_of(until + timedelta(days=1), zone),
        )

    Narrowed = Annotated[Narrow, Depends(narrowed)]

    @router.get("/customers/{customer_id}/timeline")
    async def of_customer(
        customer_id: UUID,
        narrow: Narrowed,
        only: Annotated[
            Literal["activities", "milestones"] | None,
            Query(description="the one or the other; both if left out"),
        ] = None,
        language: Language = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[TimelineEntry]:
        """
        Show activities and milestones of a customer, the newest first; of a deleted one too.

        What was done with customers that were merged into it is shown with its own. Category, kind,
        type and seller are those of activities: where one is asked for, milestones are left out.
        """
        narrow = replace(
            narrow,
            activities=only != "milestones",
            milestones=narrow.milestones and only != "activities",
        )
        after = _after(cursor)
        async with units.engine.connect() as connection:
            rows = await read_customer_timeline(
                customer_id, narrow, connection, after=after, limit=limit + 1
            )
        return _page(rows, limit, language)

    @router.get("/contacts/{contact_id}/timeline")
    async def of_contact(
        contact_id: UUID,
        narrow: Narrowed,
        language: Language = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[TimelineEntry]:
        """
        Show what was done with a contact, the newest first; with a deleted one too.

        What was done with contacts that were merged into it is shown with its own. Milestones are
        those of customers: there are none here.
        """
        after = _after(cursor)
        async with units.engine.connect() as connection:
            rows = await read_contact_timeline(
                contact_id, narrow, connection, after=after, limit=limit + 1
            )
        return _page(rows, limit, language)

    return router


def _after(cursor: str | None) -> After:
    key = read_cursor(cursor, str, str, str, str)
    if key is None:
        return START
    at, kind, of_kind, id_ = map(str, key)
    try:
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return After(moment.astimezone(UTC), kind, of_kind, UUID(id_))
    except (ValueError, OverflowError):
        raise BadCursor("The cursor belongs to another list.") from None


def _page(rows: Sequence[Row[Any]], limit: int, language: str | None) -> Page[TimelineEntry]:
    # By the rows and not by what is shown: the cursor names a key that is not shown.
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[_entry(row, language) for row in shown],
        next=None
        if last is None
        else write_cursor(last.at.isoformat(), last.kind, last.key, str(last.id)),
    )


def _entry(row: Row[Any], language: str | None) -> TimelineEntry:
    return TimelineEntry(
        at=row.at,
        what="milestone" if row.kind else "activity",
        customer_id=row.customer_id,
        customer_name=row.customer_name,
        activity=None if row.kind else _activity(row, language),
        milestone=_milestone(row, language) if row.kind else None,
    )


def _activity(row: Row[Any], language: str | None) -> TimelineActivity:
    return TimelineActivity(
        activity_id=row.id,
        subject=row.subject,
        state=row.state,
        ends_at=row.ends_at,
        due_at=row.due_at,
        channel=row.channel,
        direction=row.direction,
        category=_value(row.category, language),
        kind=_value(row.activity_kind, language),
        type=_value(row.type, language),
        attributes=[_value(one, language) for one in row.attributes],
        seller=None
        if row.seller is None
        else SellerNameOutput(seller=row.seller, name=row.seller_name),
        participants=row.participants,
        contacts=row.contacts,
        opportunity_id=row.opportunity_id,
        attachments=row.attachments,
    )


def _milestone(row: Row[Any], language: str | None) -> TimelineMilestone:
    facts = {name: row.facts.get(name) for name in _FACTS}
    return TimelineMilestone(
        kind=row.kind,
        **facts | {"day": facts["day"] or row.facts.get("closed_on")},
        status_before=row.status_before and _value(row.status_before, language),
        status_after=row.status_after and _value(row.status_after, language),
    )


_FACTS = TimelineMilestone.model_fields.keys() - {"kind", "status_before", "status_after"}


def _value(held: Mapping[str, Any], language: str | None) -> ValueOutput:
    return ValueOutput(
        number=held["number"],
        title=held["title"],
        label=held["titles"].get(language, held["title"]),
    )
