"""Routes of sales targets and of the exceptions from them (LE-16)."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.engine import Row

from services.activities.api.shapes import EARLIEST, LATEST, SellerKey
from services.activities.domain.periods import Period
from services.activities.handlers.keep_exceptions import (
    Except,
    ExceptionExists,
    ExceptionNotFound,
    add_exception,
    remove_exception,
)
from services.activities.handlers.keep_targets import (
    NothingToCopy,
    SetTarget,
    TargetExists,
    TargetNotFound,
    change_target,
    copy_targets,
    delete_target,
    set_target,
)
from services.activities.persistence import targets as store
from services.activities.persistence.progress import Subject
from shared.chassis.clock import day_of
from shared.chassis.errors import InvalidField
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.shapes import Input, Name, Number
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

TARGETS, EXCEPTIONS = "/v1/targets", "/v1/target-exceptions"
MOST_WANTED = 1_000_000
MOST_COPIES = 500

BoundedDay = Annotated[date, Field(ge=EARLIEST, le=LATEST)]
Wanted = Annotated[int, Field(ge=0, le=MOST_WANTED, description="pieces; 0 ends it")]
OfSeller = Annotated[SellerKey | None, Query(description="of this seller", examples=["anna.k"])]
OfGroup = Annotated[UUID | None, Query(description="of this group, with all groups below it")]
OfPeriod = Annotated[Period | None, Query(description="only weeks, or only months")]


class TargetInput(Input):
    """How many pieces are wanted of a seller or a group, one of which is named.

    The target holds from the period of `first_day` on, until another of the same subject, category
    and kind of period begins.
    """

    seller: SellerKey | None = None
    group_id: Annotated[
        UUID | None, Field(description="instead of a seller: all groups below it, too")
    ] = None
    category: Annotated[Number, Field(description="number of a category that is a sales target")]
    period: Period = Field(description="ISO weeks, or calendar months")
    first_day: Annotated[BoundedDay, Field(description="any day of the first period")]
    wanted: Wanted


class WantedInput(Input):
    """How many pieces are wanted. Another subject, category or period is another target."""

    wanted: Wanted


class TargetOutput(BaseModel):
    """A target as it stands."""

    target_id: UUID
    version: int
    seller: str | None
    group_id: UUID | None
    category: int
    period: Period
    first_day: date = Field(description="the Monday of the ISO week, or the first of the month")
    last_day: date | None = Field(
        description="the day before another one begins; null while it is carried forward"
    )
    wanted: int
    created_at: datetime
    updated_at: datetime


class CopyInput(Input):
    """Give sellers all targets that another one, or a group, has in one period."""

    seller: SellerKey | None = None
    group_id: UUID | None = None
    period: Period
    day: Annotated[BoundedDay, Field(description="any day of the period to copy")]
    to: Annotated[list[SellerKey], Field(min_length=1, max_length=MOST_COPIES)] = Field(
        examples=[["ville.s"]]
    )
    first_day: Annotated[
        BoundedDay | None, Field(description="from which period on; that of `day` if left out")
    ] = None


class CopiedOutput(BaseModel):
    """The targets that were set by copying."""

    targets: list[UUID]


class ExceptionInput(Input):
    """In one period only a part is wanted: of a seller, of a group, or of everybody.

    The most specific one holds: the seller's, that of the nearest group that he is in when the
    period begins, everybody's.
    """

    seller: SellerKey | None = None
    group_id: UUID | None = None
    period: Period
    first_day: Annotated[BoundedDay, Field(description="any day of the period")]
    percent: Annotated[int, Field(ge=0, le=100, description="of what is wanted, rounded up")]
    reason: Annotated[Name, Field(examples=["Midsummer"])] = ""


class ExceptionOutput(BaseModel):
    """An exception as it stands; neither seller nor group: of everybody."""

    exception_id: UUID
    version: int
    seller: str | None
    group_id: UUID | None
    period: Period
    first_day: date
    percent: int
    reason: str
    created_at: datetime


def one_subject(seller: str | None, group_id: UUID | None) -> Subject:
    """Return who is named; refuse nobody, and two at once."""
    if (seller is None) == (group_id is None):
        raise InvalidField(
            "seller", "a seller or a group is to be named, not both", "Send one of the two."
        )
    return Subject(seller, group_id)


def at_most_one(seller: str | None, group_id: UUID | None) -> Subject | None:
    """Return who is named, or None; refuse two at once."""
    return None if seller is None and group_id is None else one_subject(seller, group_id)


def _target(row: Row[Any]) -> TargetOutput:
    own = {"category", "last_day"}
    return TargetOutput(
        **{name: getattr(row, name) for name in TargetOutput.model_fields if name not in own},
        category=row.category_number,
        last_day=None if row.replaced_on is None else row.replaced_on - timedelta(days=1),
    )


def targets_router(units: UnitOfWorkFactory, zone: ZoneInfo) -> APIRouter:
    """Return the routes below /v1/targets; today is that of the zone."""
    router = APIRouter(prefix=TARGETS, tags=["targets"])

    def today(unit: UnitOfWork) -> date:
        return day_of(unit.now, zone)

    async def answer(target_id: UUID, unit: UnitOfWork, status: int = 200) -> Answer:
        row = await store.find_target(unit.connection, target_id)
        assert row is not None
        headers = {"ETag": etag(row.version)}
        if status == 201:
            headers["Location"] = f"{TARGETS}/{target_id}"
        return Answer(_target(row), status, headers)

    @router.get("")
    async def show_all(
        seller: OfSeller = None,
        group_id: OfGroup = None,
        category: Annotated[Number | None, Query(description="number of a category")] = None,
        period: OfPeriod = None,
        day: Annotated[BoundedDay | None, Query(description="only what holds on it")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[TargetOutput]:
        """List targets, in the order in which they were set."""
        async with units.engine.connect() as connection:
            rows = await store.list_targets(
                connection,
                subject=at_most_one(seller, group_id),
                category=category,
                period=period,
                day=day,
                after=cursor_id(cursor),
                limit=limit + 1,
            )
        return page_of([_target(row) for row in rows], limit, lambda one: (str(one.target_id),))

    @router.post(
        "", status_code=201, response_model=TargetOutput, responses=may_refuse(TargetExists)
    )
    async def add(request: Request, body: TargetInput) -> Response:
        """Set a target from a period on; it is carried forward until another one begins."""

        async def work(unit: UnitOfWork) -> Answer:
            command = SetTarget(
                one_subject(body.seller, body.group_id),
                body.category,
                body.period,
                body.first_day,
                body.wanted,
            )
            return await answer(await set_target(command, unit, today=today(unit)), unit, 201)

        return await write(request, units, work)

    @router.post("/copies", response_model=CopiedOutput, responses=may_refuse(NothingToCopy))
    async def copy(request: Request, body: CopyInput) -> Response:
        """Give sellers the targets of one period of another, instead of what begins there."""

        async def work(unit: UnitOfWork) -> Answer:
            copied = await copy_targets(
                one_subject(body.seller, body.group_id),
                body.period,
                body.day,
                sorted(set(body.to)),
                unit,
                from_day=body.first_day or body.day,
                today=today(unit),
            )
            return Answer(CopiedOutput(targets=sorted(copied)))

        return await write(request, units, work)

    @router.get("/{target_id}")
    async def fetch(target_id: UUID, response: Response) -> TargetOutput:
        """Fetch a target."""
        async with units.engine.connect() as connection:
            row = await store.find_target(connection, target_id)
        if row is None:
            raise TargetNotFound(f"There is no target {target_id}.")
        response.headers["ETag"] = etag(row.version)
        return _target(row)

    @router.put("/{target_id}", response_model=TargetOutput)
    async def change(
        request: Request, target_id: UUID, body: WantedInput, expected: Expected
    ) -> Response:
        """Want another number of pieces (If-Match), in all periods in which the target holds."""

        async def work(unit: UnitOfWork) -> Answer:
            await change_target(target_id, body.wanted, unit, expected=expected, today=today(unit))
            return await answer(target_id, unit)

        return await write(request, units, work)

    @router.delete("/{target_id}", response_model=TargetOutput)
    async def delete(request: Request, target_id: UUID, expected: Expected) -> Response:
        """Take a target back (If-Match) as if it had never been set; to end one, want 0 instead."""

        async def work(unit: UnitOfWork) -> Answer:
            row = await delete_target(target_id, unit, expected=expected, today=today(unit))
            return Answer(_target(row))

        return await write(request, units, work)

    return router


def target_exceptions_router(units: UnitOfWorkFactory, zone: ZoneInfo) -> APIRouter:
    """Return the routes below /v1/target-exceptions; today is that of the zone."""
    router = APIRouter(prefix=EXCEPTIONS, tags=["target-exceptions"])

    @router.get("")
    async def show_all(
        period: OfPeriod = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[ExceptionOutput]:
        """List exceptions, in the order in which they were made."""
        async with units.engine.connect() as connection:
            rows = await store.list_exceptions(
                connection, period=period, after=cursor_id(cursor), limit=limit + 1
            )
        items = [ExceptionOutput(**row._mapping) for row in rows]
        return page_of(items, limit, lambda one: (str(one.exception_id),))

    @router.post(
        "", status_code=201, response_model=ExceptionOutput, responses=may_refuse(ExceptionExists)
    )
    async def add(request: Request, body: ExceptionInput) -> Response:
        """Want only a part in one period, such as a week of holidays."""

        async def work(unit: UnitOfWork) -> Answer:
            command = Except(
                at_most_one(body.seller, body.group_id) or Subject(),
                body.period,
                body.first_day,
                body.percent,
                body.reason,
            )
            exception_id = await add_exception(command, unit, today=day_of(unit.now, zone))
            row = await store.find_exception(unit.connection, exception_id)
            assert row is not None
            return Answer(
                ExceptionOutput(**row._mapping),
                201,
                {"ETag": etag(row.version), "Location": f"{EXCEPTIONS}/{exception_id}"},
            )

        return await write(request, units, work)

    @router.get("/{exception_id}")
    async def fetch(exception_id: UUID, response: Response) -> ExceptionOutput:
        """Fetch an exception."""
        async with units.engine.connect() as connection:
            row = await store.find_exception(connection, exception_id)
        if row is None:
            raise ExceptionNotFound(f"There is no exception {exception_id}.")
        response.headers["ETag"] = etag(row.version)
        return ExceptionOutput(**row._mapping)

    @router.delete("/{exception_id}", response_model=ExceptionOutput)
    async def delete(request: Request, exception_id: UUID, expected: Expected) -> Response:
        """Take an exception back (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            row = await remove_exception(
                exception_id, unit, expected=expected, today=day_of(unit.now, zone)
            )
            return Answer(ExceptionOutput(**row._mapping))

        return await write(request, units, work)

    return router
