"""Routes of the search for opportunities, with the shapes of lists of them."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.pipeline.api.fields import CurrencyCode, Key, SellerKey
from services.pipeline.api.shapes import Day, Percent, SellerOutput
from services.pipeline.domain.lists import Outcome
from services.pipeline.domain.money import LARGEST
from services.pipeline.domain.opportunity import ProbabilitySource, Rules, StaleReason
from services.pipeline.domain.search import COUNTED_AT_MOST, OpportunityFilter, Sort
from services.pipeline.persistence.search import Place, fetch_shown, search_opportunities
from shared.chassis.clock import day_of
from shared.chassis.http.paging import BadCursor, Cursor, Limit, read_cursor, write_cursor
from shared.chassis.http.shapes import Number, storable
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.api import Language, NamedValue
from shared.projection.shapes import NamedContact, NamedCustomer

Numbers = Annotated[list[Number], Field(max_length=100)] | None
Fragment = Annotated[
    Annotated[str, Field(min_length=1, max_length=100), AfterValidator(storable)] | None,
    Query(description="part of the name, whatever its case"),
]
Sorted = Literal["expected_close", "value", "name", "created", "updated"]


class OpportunityRow(BaseModel):
    """An opportunity in a list or on the board; amounts in minor units."""

    model_config = ConfigDict(from_attributes=True)

    opportunity_id: UUID
    version: int
    customer: NamedCustomer = Field(description="the survivor of one that was merged")
    project_source: str | None
    project_ref: str | None
    rule_violated: str | None
    name: str
    value: int
    currency: str
    expected_close: date
    pipeline: NamedValue
    stage: NamedValue
    outcome: Outcome
    closed: bool
    closed_on: date | None
    entered_at: datetime
    probability: int
    probability_source: ProbabilitySource
    rejection: NamedValue | None
    type: NamedValue | None
    source: NamedValue | None
    contacts: list[NamedContact]
    sellers: list[SellerOutput]
    last_activity_at: datetime | None
    stale_reason: StaleReason | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class OpportunityPage(BaseModel):
    """One page of matches, and how many there are."""

    items: list[OpportunityRow]
    next: str | None = None
    total: int = Field(description=f"counted up to {COUNTED_AT_MOST}")
    total_is_exact: bool


def asked_for(
    text: Fragment = None,
    customer_id: Annotated[
        UUID | None, Query(description="with those that were merged into it")
    ] = None,
    contact_id: Annotated[
        UUID | None, Query(description="with those that were merged into it")
    ] = None,
    project_source: Key | None = None,
    project_ref: Key | None = None,
    pipeline: Annotated[Numbers, Query(description="one of these")] = None,
    stage: Annotated[Numbers, Query(description="one of these")] = None,
    outcome: Annotated[
        Annotated[list[Outcome], Field(max_length=4)] | None, Query(description="one of these")
    ] = None,
    closed: bool | None = None,
    type: Annotated[Numbers, Query(description="one of these")] = None,
    source: Annotated[Numbers, Query(description="where it came from; one of these")] = None,
    rejection: Annotated[Numbers, Query(description="one of these")] = None,
    seller: Annotated[SellerKey | None, Query(description="who has a share in it")] = None,
    group_id: Annotated[
        UUID | None,
        Query(
            description="somebody of the group, or below it, sells; who was there when it closed, "
            "is there today while it is open"
        ),
    ] = None,
    currency: CurrencyCode | None = None,
    value_from: Annotated[int | None, Query(ge=0, le=LARGEST, description="minor units")] = None,
    value_to: Annotated[int | None, Query(ge=0, le=LARGEST, description="minor units")] = None,
    probability_from: Percent | None = None,
    probability_to: Percent | None = None,
    expected_from: Annotated[Day | None, Query(description="expected to close then")] = None,
    expected_to: Annotated[Day | None, Query(description="or before, that day included")] = None,
    closed_from: Annotated[Day | None, Query(description="closed then, or later")] = None,
    closed_to: Annotated[Day | None, Query(description="closed before, that day included")] = None,
    stale: Annotated[bool | None, Query(description="whether it needs a look")] = None,
    deleted: Annotated[
        bool, Query(description="deleted ones only, the one deleted last first")
    ] = False,
) -> OpportunityFilter:
    """Return what is asked for."""
    return OpportunityFilter(
        text=text,
        customer_id=customer_id,
        contact_id=contact_id,
        project_source=project_source,
        project_ref=project_ref,
        pipeline=tuple(pipeline or ()),
        stage=tuple(stage or ()),
        outcome=tuple(outcome or ()),
        closed=closed,
        type=tuple(type or ()),
        source=tuple(source or ()),
        rejection=tuple(rejection or ()),
        seller=seller,
        group_id=group_id,
        currency=currency,
        value_from=value_from,
        value_to=value_to,
        probability_from=probability_from,
        probability_to=probability_to,
        expected_from=expected_from,
        expected_to=expected_to,
        closed_from=closed_from,
        closed_to=closed_to,
        stale=stale,
        deleted=deleted,
    )


def search_router(units: UnitOfWorkFactory, rules: Rules) -> APIRouter:
    """Return the route of the search."""
    router = APIRouter(prefix="/v1/opportunities", tags=["opportunities"])

    @router.get("")
    async def search(
        wanted: Annotated[OpportunityFilter, Depends(asked_for)],
        sort: Annotated[Sorted, Query(description="what they are sorted by")] = "expected_close",
        descending: bool = False,
        language: Language = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> OpportunityPage:
        """List opportunities; everything given must hold."""
        by = Sort.DELETED if wanted.deleted else Sort(sort)
        order = f"{by} {'down' if descending or wanted.deleted else 'up'}"
        async with units.engine.connect() as connection:
            places, total = await search_opportunities(
                connection,
                wanted,
                sort=by,
                descending=descending or wanted.deleted,
                after=_after(cursor, by, order),
                limit=limit,
                today=day_of(units.clock(), rules.zone),
            )
            ids = [one for _, one in places[:limit]]
            rows = await fetch_shown(connection, ids, language=language) if ids else []
        return OpportunityPage(
            items=[OpportunityRow.model_validate(row) for row in rows],
            next=_next(places[limit - 1], order) if len(places) > limit else None,
            total=min(total, COUNTED_AT_MOST),
            total_is_exact=total <= COUNTED_AT_MOST,
        )

    return router


_READ: dict[Sort, Callable[[str], Any]] = {
    Sort.EXPECTED_CLOSE: date.fromisoformat,
    Sort.VALUE: int,
    Sort.NAME: str,
    Sort.CREATED: UUID,
    Sort.UPDATED: datetime.fromisoformat,
    Sort.DELETED: datetime.fromisoformat,
}


def _next(place: Place, order: str) -> str:
    value, last = place
    return write_cursor(order, value if isinstance(value, str) else str(value), str(last))


def _after(cursor: str | None, sort: Sort, order: str) -> Place | None:
    key = read_cursor(cursor, str, str, str)
    if key is None:
        return None
    made_for, value, last = (str(part) for part in key)
    try:
        if made_for != order:
            raise ValueError(made_for)
        read = _READ[sort](value)
        if isinstance(read, datetime) and read.tzinfo is None:
            raise ValueError(value)
        if isinstance(read, int) and abs(read) >= 2**63:
            raise ValueError(value)
        return read, UUID(last)
    except ValueError:
        raise BadCursor("The cursor belongs to a search in another order.") from None


def place_on_board(cursor: str | None) -> tuple[Decimal, UUID] | None:
    """Return the place that the cursor of a stage names; refuse a foreign one."""
    key = read_cursor(cursor, str, str)
    if key is None:
        return None
    try:
        place, last = Decimal(str(key[0])), UUID(str(key[1]))
    except (ValueError, InvalidOperation):
        raise BadCursor("The cursor belongs to another list.") from None
    if not place.is_finite() or abs(place.adjusted()) > 100:
        raise BadCursor("The cursor belongs to another list.")
    return place, last
