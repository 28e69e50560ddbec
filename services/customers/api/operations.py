"""Routes of operations on many customers: rehearse, do, list, undo."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.customers.api.search import FilterInput, filter_of
from services.customers.api.shapes import (
    BoundedDay,
    ClassificationsInput,
    Input,
    Number,
)
from services.customers.domain.lists import LISTS
from services.customers.handlers.change_many import (
    Change,
    Done,
    change_matches,
    move_customers,
)
from services.customers.handlers.save_customer import Here
from services.customers.handlers.undo_operation import (
    OperationNotFound,
    Undone,
    undo_operation,
)
from services.customers.persistence import operations as store
from shared.chassis.errors import InvalidField
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

DryRun = Annotated[bool, Query(description="only tell what would change")]


class MoveInput(Input):
    """Move ALL customers of one value of a list to another, deleted ones too."""

    list: Annotated[str, Field(max_length=40, examples=["industry"])]
    from_number: Number
    to_number: Number
    ended_on: BoundedDay | None = Field(default=None, description="when moved to an ended status")


class ChangeInput(Input):
    """Change every customer that a search finds. Ended ones are hidden as in a search."""

    filter: FilterInput
    put: ClassificationsInput = Field(default_factory=dict)
    add: ClassificationsInput = Field(default_factory=dict)
    remove: ClassificationsInput = Field(default_factory=dict)
    ended_on: BoundedDay | None = Field(default=None, description="when put to an ended status")


class DoneOutput(BaseModel):
    """What changed, or would change; without an operation_id nothing was changed."""

    operation_id: UUID | None
    dry_run: bool
    customers: int
    deleted: int = Field(description="deleted customers that were changed too")
    unchanged: int
    first: list[UUID] = Field(description="the first of the live ones")


class OperationOutput(BaseModel):
    """An operation, what was asked for, and what undid it."""

    operation_id: UUID
    at: datetime
    request: dict[str, Any]
    customers: int
    deleted: int
    undoes: UUID | None
    undone_by: UUID | None


class LeftOutput(BaseModel):
    """A record that is left as it is in these fields, and why: `changed_since`, `gone`, `taken`."""

    record: Literal["customer", "contact"]
    record_id: UUID
    fields: dict[str, str] = Field(examples=[{"classifications": "changed_since"}])
    choices: list[dict[str, str | None]] = Field(
        default_factory=list,
        description="of a customer that cannot come back under its keys: what restores it, as the "
        "body of POST /v1/deleted-customers/{id}/restore",
    )


class UndoneOutput(BaseModel):
    """What was taken back. What was changed since, or cannot be given back, stays as it is."""

    operation_id: UUID
    reverted: int = Field(description="customers and contacts that have back what they had")
    deleted: int = Field(description="those that the operation had created")
    changed_since: int = Field(description="those that stay as they are in some field")
    first_changed_since: list[LeftOutput]
    bans_kept: int = Field(description="those that keep a ban which the operation set")


def undone_output(undone: Undone) -> UndoneOutput:
    """Return the answer for what was undone."""
    return UndoneOutput(
        operation_id=undone.operation_id,
        reverted=undone.reverted,
        deleted=undone.deleted,
        changed_since=undone.changed_since,
        first_changed_since=[
            LeftOutput(
                record=one.record,
                record_id=one.record_id,
                fields=dict(one.fields),
                choices=list(one.choices),
            )
            for one in undone.first_changed_since
        ],
        bans_kept=undone.bans_kept,
    )


def _output(done: Done, *, dry_run: bool) -> DoneOutput:
    return DoneOutput(
        operation_id=done.operation_id,
        dry_run=dry_run,
        customers=done.customers,
        deleted=done.deleted,
        unchanged=done.unchanged,
        first=list(done.first),
    )


def operations_router(units: UnitOfWorkFactory, here: Here) -> APIRouter:
    """Return the routes of operations on many customers."""
    router = APIRouter(prefix="/v1", tags=["operations"])

    @router.post("/customer-moves", response_model=DoneOutput)
    async def move(request: Request, body: MoveInput, dry_run: DryRun = False) -> Response:
        """Move all customers of one value to another (TS-19); rehearse it first with dry_run."""
        if body.list not in LISTS or not LISTS[body.list].held_by_customers:
            raise InvalidField(
                "list", f"{body.list!r} is held by no customer", "List them: GET /v1/lists."
            )

        async def work(unit: UnitOfWork) -> Answer:
            done = await move_customers(
                body.list,
                body.from_number,
                body.to_number,
                unit,
                day=body.ended_on or unit.now.astimezone(here.zone).date(),
                rehearse=dry_run,
            )
            return Answer(_output(done, dry_run=dry_run))

        return await write(request, units, work)

    @router.post("/customer-changes", response_model=DoneOutput)
    async def change(request: Request, body: ChangeInput, dry_run: DryRun = False) -> Response:
        """Put, add or remove values for every match of a search; rehearse it with dry_run."""

        async def work(unit: UnitOfWork) -> Answer:
            done = await change_matches(
                filter_of(body.filter),
                Change(put=body.put, add=body.add, remove=body.remove),
                body.model_dump(mode="json", exclude_defaults=True),
                unit,
                day=body.ended_on or unit.now.astimezone(here.zone).date(),
                rehearse=dry_run,
            )
            return Answer(_output(done, dry_run=dry_run))

        return await write(request, units, work)

    @router.get("/operations")
    async def operations(cursor: Cursor = None, limit: Limit = 50) -> Page[OperationOutput]:
        """List operations, the newest first."""
        async with units.engine.connect() as connection:
            rows = await store.list_operations(
                connection, before=cursor_id(cursor), limit=limit + 1
            )
        items = [OperationOutput(**row._mapping) for row in rows]
        return page_of(items, limit, lambda one: (str(one.operation_id),))

    @router.get("/operations/{operation_id}")
    async def operation(operation_id: UUID) -> OperationOutput:
        """Fetch an operation."""
        async with units.engine.connect() as connection:
            row = await store.find_operation(connection, operation_id)
        if row is None:
            raise OperationNotFound(f"There is no operation {operation_id}.")
        return OperationOutput(**row._mapping)

    @router.post("/operations/{operation_id}/undo", response_model=UndoneOutput)
    async def undo(request: Request, operation_id: UUID) -> Response:
        """Give back what nobody has changed since; the undoing can be undone as well."""

        async def work(unit: UnitOfWork) -> Answer:
            return Answer(undone_output(await undo_operation(operation_id, unit)))

        return await write(request, units, work)

    return router
