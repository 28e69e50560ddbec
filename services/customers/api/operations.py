"""Routes of operations on many customers: rehearse, do as a job, list, undo."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.customers.api.search import FilterInput, filter_of
from services.customers.api.shapes import AttributeValuesInput, BoundedDay, ClassificationsInput
from services.customers.handlers.change_many import (
    Change,
    EverybodyMeant,
    OperationTooLarge,
    Plan,
    Rehearsed,
    carry_out,
    check_plan,
    plan_change,
    plan_move,
    rehearse_change,
    rehearse_move,
)
from services.customers.handlers.save_customer import Here
from services.customers.handlers.undo_operation import (
    OperationNotFound,
    OperationUndone,
    UndoDisturbed,
    Undone,
    check_undo,
    undo_operation,
)
from services.customers.persistence import operations as store
from shared.chassis.http.description import PREFERS
from shared.chassis.http.jobs import JobOutput, begins_job, write_job
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.shapes import Input, Number
from shared.chassis.http.writes import Answer, write
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import Job, Progress, Whole, Work
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.lists.save import ValueNotFound

MOVE, CHANGE, UNDO = "customer-move", "customer-change", "operation-undo"
LANE = "customers"
"""What changes many customers is done one after another: none waits for another's locks."""

DryRun = Annotated[bool, Query(description="only tell what would change, now")]


class MoveInput(Input):
    """Move ALL customers of one value of a list to another, deleted ones too."""

    list: Annotated[str, Field(max_length=40, examples=["customer_type"])]
    from_number: Number = Field(examples=[2])
    to_number: Number = Field(examples=[1])
    ended_on: BoundedDay | None = Field(default=None, description="when moved to an ended status")


class ChangeInput(Input):
    """Change every customer that a search finds. Ended ones are hidden as in a search."""

    filter: FilterInput = Field(examples=[{"fragment": "virtanen"}])
    everybody: bool = Field(default=False, description="needed where the filter restricts nothing")
    put: ClassificationsInput = Field(default_factory=dict, examples=[{"customer_type": [1]}])
    add: ClassificationsInput = Field(default_factory=dict, examples=[{"category": [1]}])
    remove: ClassificationsInput = Field(default_factory=dict, examples=[{"category": [2]}])
    put_values: AttributeValuesInput = Field(default_factory=dict, examples=[{}])
    ended_on: BoundedDay | None = Field(default=None, description="when put to an ended status")


class DoneOutput(BaseModel):
    """What changed; without an operation_id there was nothing to change."""

    operation_id: UUID | None
    dry_run: Literal[False] = False
    customers: int
    deleted: int = Field(description="deleted customers that were changed too")
    unchanged: int
    first: list[UUID] = Field(description="the first of the live ones")


class RehearsalOutput(BaseModel):
    """What would change. Nothing was changed."""

    operation_id: None = None
    dry_run: Literal[True] = True
    customers: int
    deleted: int = Field(description="deleted customers that would be changed too")
    unchanged: int
    first: list[UUID] = Field(description="the first of the live ones")
    hidden_ended: int = Field(
        description="matches in ended statuses, which lists hide: a move takes them along, a "
        "change leaves them out unless `filter.ended` shows them"
    )
    hidden_deleted: int = Field(
        description="deleted matches: a move takes them along, a change leaves them out"
    )


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


def _rehearsal(rehearsed: Rehearsed) -> Answer:
    would = rehearsed.would
    return Answer(
        RehearsalOutput(
            customers=would.customers,
            deleted=would.deleted,
            unchanged=would.unchanged,
            first=list(would.first),
            hidden_ended=rehearsed.ended,
            hidden_deleted=rehearsed.deleted,
        )
    )


async def _plan(body: MoveInput | ChangeInput, unit: UnitOfWork) -> Plan:
    if isinstance(body, MoveInput):
        return await plan_move(body.list, body.from_number, body.to_number, unit)
    change = Change(body.put, body.add, body.remove, body.put_values)
    return await plan_change(filter_of(body.filter), change, unit, everybody=body.everybody)


def operation_kinds() -> Mapping[str, Work]:
    """Return the jobs that change many customers, by kind."""

    async def change(job: Job, unit: UnitOfWork, progress: Progress) -> Mapping[str, Any]:
        model = MoveInput if job.kind == MOVE else ChangeInput
        body = model.model_validate(job.request["body"])
        done = await carry_out(
            job.job_id,
            await _plan(body, unit),
            _kept(body),
            unit,
            day=date.fromisoformat(job.request["day"]),
            report=progress.report,
        )
        return DoneOutput(**asdict(done)).model_dump(mode="json")

    async def undo(job: Job, unit: UnitOfWork, progress: Progress) -> Mapping[str, Any]:
        undone = await undo_operation(
            job.job_id, UUID(job.request["operation_id"]), unit, report=progress.report
        )
        return undone_output(undone).model_dump(mode="json")

    return {MOVE: Whole(change, LANE), CHANGE: Whole(change, LANE), UNDO: Whole(undo, LANE)}


async def ask_undo(operation_id: UUID, unit: UnitOfWork, jobs: JobRunner) -> Job:
    """Have an operation undone; refuse one that is not there or was undone."""
    await check_undo(operation_id, unit)
    return await jobs.ask(UNDO, {"operation_id": str(operation_id)}, unit)


def _kept(body: MoveInput | ChangeInput) -> dict[str, Any]:
    if isinstance(body, MoveInput):
        return {"move": body.list, "from": body.from_number, "to": body.to_number}
    return body.model_dump(mode="json", exclude_defaults=True)


def operations_router(units: UnitOfWorkFactory, here: Here, jobs: JobRunner) -> APIRouter:
    """Return the routes of operations on many customers."""
    router = APIRouter(prefix="/v1", tags=["operations"])

    async def begin(
        request: Request, kind: str, body: MoveInput | ChangeInput, *, dry_run: bool
    ) -> Response:
        def day(unit: UnitOfWork) -> date:
            return body.ended_on or unit.now.astimezone(here.zone).date()

        async def rehearse(unit: UnitOfWork) -> Answer:
            plan = await _plan(body, unit)
            if isinstance(body, MoveInput):
                return _rehearsal(await rehearse_move(plan, unit, day=day(unit)))
            wanted = filter_of(body.filter)
            return _rehearsal(await rehearse_change(plan, wanted, unit, day=day(unit)))

        async def ask(unit: UnitOfWork) -> Job:
            await check_plan(await _plan(body, unit), unit, day=day(unit))
            asked = {"body": body.model_dump(mode="json"), "day": day(unit).isoformat()}
            return await jobs.ask(kind, asked, unit)

        if dry_run:
            return await write(request, units, rehearse)
        return await write_job(request, units, jobs, ask)

    @router.post(
        "/customer-moves",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(DoneOutput | RehearsalOutput, ValueNotFound, OperationTooLarge),
        openapi_extra=PREFERS,
    )
    async def move(request: Request, body: MoveInput, dry_run: DryRun = False) -> Response:
        """Move all customers of one value to another (TS-19); rehearse it first with dry_run."""
        return await begin(request, MOVE, body, dry_run=dry_run)

    @router.post(
        "/customer-changes",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(DoneOutput | RehearsalOutput, OperationTooLarge, EverybodyMeant),
        openapi_extra=PREFERS,
    )
    async def change(request: Request, body: ChangeInput, dry_run: DryRun = False) -> Response:
        """Put, add or remove values for every match of a search; rehearse it with dry_run."""
        return await begin(request, CHANGE, body, dry_run=dry_run)

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

    @router.post(
        "/operations/{operation_id}/undo",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(UndoneOutput, OperationUndone, UndoDisturbed),
        openapi_extra=PREFERS,
    )
    async def undo(request: Request, operation_id: UUID) -> Response:
        """Give back what nobody has changed since; the undoing can be undone as well."""

        async def ask(unit: UnitOfWork) -> Job:
            return await ask_undo(operation_id, unit, jobs)

        return await write_job(request, units, jobs, ask)

    return router
