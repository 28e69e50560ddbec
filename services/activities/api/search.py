"""Route of the search for activities: who was in contact, what it was about, when (LE-02)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.activities.api.shapes import Moment, SellerKey
from services.activities.domain.activity import Channel, Direction, State
from services.activities.domain.search import ActivityFilter
from services.activities.persistence.search import (
    LOOKED_AT_MOST,
    Place,
    fetch_shown,
    search_activities,
)
from shared.chassis.http.paging import (
    BadCursor,
    Cursor,
    Limit,
    Page,
    read_cursor,
    write_cursor,
)
from shared.chassis.http.shapes import Number, storable
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.api import Language, NamedValue
from shared.projection.shapes import NamedContact, NamedCustomer

Numbers = Annotated[list[Number], Field(max_length=100)] | None
Fragment = Annotated[
    Annotated[str, Field(min_length=1, max_length=100), AfterValidator(storable)] | None,
    Query(
        description="part of subject or memo, whatever its case; looked for among "
        f"{LOOKED_AT_MOST:,} activities a page, so a page may be short, or empty, before the last"
    ),
]


class NamedSeller(BaseModel):
    """Somebody of the staff."""

    seller: str
    name: str


class ActivityRow(BaseModel):
    """An activity in a list: who was in contact with whom, what it was about, when."""

    model_config = ConfigDict(from_attributes=True)

    activity_id: UUID
    version: int
    customer: NamedCustomer = Field(description="the one that it was recorded for")
    contacts: list[NamedContact]
    opportunity_id: UUID | None
    follows: UUID | None
    category: NamedValue
    kind: NamedValue
    type: NamedValue
    attributes: list[NamedValue]
    seller: NamedSeller | None
    participants: list[NamedSeller]
    state: State
    starts_at: datetime
    ends_at: datetime | None
    due_at: datetime | None
    channel: Channel | None
    direction: Direction | None
    subject: str
    excerpt: str = Field(description="the beginning of the memo, 200 characters at most")
    counts_to_target: bool
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


def search_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the route of the search."""
    router = APIRouter(prefix="/v1/activities", tags=["activities"])

    @router.get("")
    async def search(
        customer_id: Annotated[
            UUID | None, Query(description="with those that were merged into it")
        ] = None,
        contact_id: Annotated[
            UUID | None, Query(description="with those that were merged into it")
        ] = None,
        opportunity_id: UUID | None = None,
        seller: Annotated[SellerKey | None, Query(description="whom it is assigned to")] = None,
        participant: Annotated[SellerKey | None, Query(description="who took part")] = None,
        category: Annotated[Numbers, Query(description="one of these")] = None,
        kind: Annotated[Numbers, Query(description="one of these")] = None,
        type: Annotated[Numbers, Query(description="one of these")] = None,
        attribute: Annotated[Numbers, Query(description="all of these")] = None,
        state: State | None = None,
        since: Annotated[Moment | None, Query(description="began at or after")] = None,
        until: Annotated[Moment | None, Query(description="began before")] = None,
        text: Fragment = None,
        deleted: Annotated[
            bool, Query(description="deleted ones only, the one deleted last first")
        ] = False,
        language: Language = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[ActivityRow]:
        """List activities, the newest first; everything given must hold."""
        wanted = ActivityFilter(
            customer_id=customer_id,
            contact_id=contact_id,
            opportunity_id=opportunity_id,
            seller=seller,
            participant=participant,
            category=tuple(category or ()),
            kind=tuple(kind or ()),
            type=tuple(type or ()),
            attribute=tuple(attribute or ()),
            state=state,
            since=since,
            until=until,
            text=text,
            deleted=deleted,
        )
        async with units.engine.connect() as connection:
            ids, end = await search_activities(
                connection, wanted, after=_place(cursor), limit=limit
            )
            rows = await fetch_shown(connection, ids, language=language) if ids else []
        return Page(
            items=[ActivityRow.model_validate(row) for row in rows],
            next=None if end is None else write_cursor(end[0].isoformat(), str(end[1])),
        )

    return router


def _place(cursor: str | None) -> Place | None:
    key = read_cursor(cursor, str, str)
    if key is None:
        return None
    try:
        at, last = datetime.fromisoformat(str(key[0])), UUID(str(key[1]))
    except ValueError:
        raise BadCursor("The cursor belongs to another list.") from None
    if at.tzinfo is None:
        raise BadCursor("The cursor belongs to another list.")
    return at, last
