"""Routes of imports: send a file, map its columns, rehearse, run, see every row's fate, undo."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.api.operations import LANE, UndoneOutput, ask_undo
from services.customers.domain.import_fields import HEADERS, is_field, proposed
from services.customers.domain.lists import LISTS
from services.customers.handlers.keep_imports import (
    REHEARSAL,
    RUN,
    ImportBusy,
    ImportNotMapped,
    ask_import,
    drop_import,
    existing_import,
    found_import,
    map_columns,
    take_file,
)
from services.customers.handlers.run_import import ImportNotFound, RowsRefused, import_step
from services.customers.handlers.save_customer import Here
from services.customers.handlers.undo_operation import OperationUndone, UndoDisturbed
from services.customers.persistence import imports as store
from shared.chassis.errors import Kind, Refusal
from shared.chassis.http.description import PREFERS, may_refuse, streams
from shared.chassis.http.invalid import InvalidRequest
from shared.chassis.http.jobs import JobOutput, begins_job, job_output, write_job
from shared.chassis.http.limits import BodyTooLarge
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of, read_cursor
from shared.chassis.http.shapes import Input, Required
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import Job, State, Stepwise, Work, find_jobs
from shared.chassis.sheets import FileTooLarge, FileUnreadable
from shared.chassis.spreadsheet import CSV, csv_lines
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.imports.uploads import MAX_FILE, Upload, Uploads, delimiter_of

PATH = "/v1/imports"
FIRST_ROWS = 5
EXPORTED_AT_ONCE = 5000

Fate = Literal["created", "changed", "unchanged", "refused"]


class TooManyUploads(Refusal):
    """Other files are being read; each takes memory and time."""

    kind = Kind.UNAVAILABLE
    slug = "too_many_uploads"
    remedy = "Try again after the time in Retry-After."


class ColumnInput(Input):
    """What one column means; columns that are not named mean nothing."""

    column: Annotated[str, Field(max_length=200)] = Field(
        description="the header", examples=["customer ref"]
    )
    to: Annotated[str, Field(max_length=100)] = Field(examples=["customer.ref"])
    create_missing: bool = Field(default=False, description="add titles that the list lacks")


class MappingInput(Input):
    """What the columns of an import mean, and by what existing customers are found."""

    columns: Annotated[list[ColumnInput], Field(min_length=1, max_length=200)] = Field(
        examples=[
            [
                {"column": "customer ref", "to": "customer.ref"},
                {"column": "name", "to": "customer.name"},
            ]
        ]
    )
    match: Annotated[list[Literal["ref", "number", "business_id"]], Field(max_length=3)] = Field(
        default_factory=lambda: ["ref"],  # type: ignore[arg-type]
        description="the first of these keys that finds a customer decides",
    )
    all_or_nothing: bool = Field(default=False, description="run only if no row would be refused")


class ImportOutput(BaseModel):
    """A file as it was understood, and how far its import is."""

    import_id: UUID
    version: int
    source: str
    name: str
    state: (
        Literal["uploaded", "mapped", "rehearsed", "waiting", "running", "done", "failed"]
        | (Literal["cancelled"])
    )
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    sheets: list[str]
    columns: list[str]
    rows: int
    proposed: list[ColumnInput] = Field(description="what the headers seem to mean")
    mapping: MappingInput | None
    counts: dict[Fate, int] = Field(description="rows by fate, of the last rehearsal or run")
    job: JobOutput | None = Field(description="the last rehearsal or run")
    operation_id: UUID | None = Field(description="what a run did; undo it by this")
    first_rows: list[list[str]] = Field(description="of the file; empty in lists")
    created_at: datetime


class ProblemOutput(BaseModel):
    """Why a row is refused, and what to do about it."""

    column: str
    reason: str
    remedy: str


class RowOutput(BaseModel):
    """A row and its fate; `changes` are [before, after] by field."""

    line: int
    fate: Fate
    cells: list[str]
    changes: dict[str, list[Any]]
    problems: list[ProblemOutput]
    customer_id: UUID | None
    contact_id: UUID | None


class FieldOutput(BaseModel):
    """A field that a column can mean, and headers that propose it."""

    field: str
    headers: list[str]


class ImportedOutput(BaseModel):
    """What became of the rows, or would; a run is the operation of the job."""

    import_id: UUID
    counts: dict[Fate, int] = Field(description="rows by fate")
    operation_id: UUID | None = None


class RemovedImport(BaseModel):
    """Which import was removed."""

    removed: UUID


def import_kinds(here: Here) -> Mapping[str, Work]:
    """Return the jobs of imports, by kind. A rehearsal needs no turn: it locks nobody."""
    return {
        REHEARSAL: Stepwise(import_step(here, runs=False)),
        RUN: Stepwise(import_step(here, runs=True), LANE),
    }


async def _whole(row: Any, connection: AsyncConnection) -> ImportOutput:
    first = await store.next_rows(connection, row.import_id, after=0, limit=FIRST_ROWS)
    (shown,) = await _outputs([row], connection)
    return shown.model_copy(update={"first_rows": [cells for _, cells in first]})


async def _outputs(rows: Sequence[Any], connection: AsyncConnection) -> list[ImportOutput]:
    """Return imports as lists show them: without the first rows of their files."""
    ids = {row.import_id: row.run_job or row.rehearsal_job for row in rows}
    jobs = await find_jobs(connection, {one for one in ids.values() if one is not None})
    return [_output(row, jobs.get(ids[row.import_id])) for row in rows]


def _output(row: Any, job: Job | None) -> ImportOutput:
    mapping = row.mapping
    return ImportOutput(
        import_id=row.import_id,
        version=row.version,
        source=row.source,
        name=row.name,
        state=_state(row, job),
        encoding=row.encoding,
        delimiter=row.delimiter,
        sheet=row.sheet,
        sheets=row.sheets,
        columns=row.columns,
        rows=row.rows,
        proposed=[ColumnInput(column=one, to=to) for one, to in proposed(row.columns).items()],
        mapping=None
        if mapping is None
        else MappingInput(
            columns=[
                ColumnInput(
                    column=one["header"], to=one["to"], create_missing=one["create_missing"]
                )
                for one in mapping["columns"]
            ],
            match=mapping["match"],
            all_or_nothing=mapping["all_or_nothing"],
        ),
        counts=row.counts,
        job=None if job is None else job_output(job),
        operation_id=row.run_job,
        first_rows=[],
        created_at=row.created_at,
    )


def _state(row: Any, job: Job | None) -> Any:
    if job is None:
        return "uploaded" if row.mapping is None else "done" if row.run_job else "mapped"
    if job.state is State.DONE:
        return "done" if row.run_job else "rehearsed"
    return job.state.value


def imports_router(units: UnitOfWorkFactory, here: Here, jobs: JobRunner) -> APIRouter:
    """Return the routes of imports."""
    router = APIRouter(prefix="/v1", tags=["imports"])
    uploads = Uploads(TooManyUploads)

    @router.get("/import-fields")
    async def fields() -> list[FieldOutput]:
        """List what a column can mean; attributes and ticks of single values go by number."""
        known = {field: names.split("|") for field, names in HEADERS.items()}
        lists: dict[str, list[str]] = {
            name: [] for one in LISTS if is_field(name := f"customer.{one}")
        }
        patterns: dict[str, list[str]] = {
            "customer.<list>.<number>": [],
            "contact.attribute.<number>": [],
            "contact.category.<number>": [],
        }
        return [
            FieldOutput(field=field, headers=names)
            for field, names in {**lists, **known, **patterns}.items()
        ]

    @router.post(
        "/imports",
        status_code=201,
        response_model=ImportOutput,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {
                        "schema": {"type": "string"},
                        "example": "customer ref;name\n17850;Kauppa Oy\n",
                    }
                },
            }
        },
        responses=may_refuse(
            InvalidRequest, FileUnreadable, FileTooLarge, BodyTooLarge, TooManyUploads
        ),
    )
    async def send(
        request: Request,
        source: Annotated[
            Required, Query(description="whose keys the file's keys are", examples=["/crm/old"])
        ],
        name: Annotated[
            Required, Query(description="such as the file's name", examples=["customers.csv"])
        ],
        encoding: Annotated[str | None, Query(max_length=40)] = None,
        delimiter: Annotated[str | None, Query(max_length=5)] = None,
        sheet: Annotated[
            Required | None, Query(description="of a workbook; else the first")
        ] = None,
    ) -> Response:
        """Send a CSV or XLSX file as the body; nothing is changed before the import is run."""
        async with uploads.receive(request.stream()) as (path, digest):
            upload = Upload(path, source, name, encoding, delimiter_of(delimiter), sheet)

            async def work(unit: UnitOfWork) -> Answer:
                import_id = await take_file(upload, unit)
                row = await found_import(import_id, unit)
                return Answer(
                    await _whole(row, unit.connection),
                    status=201,
                    headers={"ETag": etag(row.version), "Location": f"{PATH}/{import_id}"},
                )

            return await write(request, units, work, body_digest=digest)

    @router.get("/imports")
    async def show_all(cursor: Cursor = None, limit: Limit = 50) -> Page[ImportOutput]:
        """List imports, the newest first."""
        async with units.engine.connect() as connection:
            rows = await store.list_imports(connection, before=cursor_id(cursor), limit=limit + 1)
            items = await _outputs(rows, connection)
        return page_of(items, limit, lambda one: (str(one.import_id),))

    @router.get("/imports/{import_id}")
    async def show(import_id: UUID, response: Response) -> ImportOutput:
        """Show an import: how it was understood, how far it is, rows by fate."""
        async with units.engine.connect() as connection:
            row = await existing_import(connection, import_id)
            response.headers["ETag"] = etag(row.version)
            return await _whole(row, connection)

    @router.put(
        "/imports/{import_id}/mapping",
        response_model=ImportOutput,
        responses=may_refuse(ImportBusy),
    )
    async def put_mapping(
        request: Request, import_id: UUID, body: MappingInput, expected: Expected
    ) -> Response:
        """Say what the columns mean, of the version in If-Match."""

        async def work(unit: UnitOfWork) -> Answer:
            await map_columns(
                import_id,
                [(one.column, one.to, one.create_missing) for one in body.columns],
                body.match,
                unit,
                all_or_nothing=body.all_or_nothing,
                expected=expected,
            )
            row = await found_import(import_id, unit)
            return Answer(await _whole(row, unit.connection), headers={"ETag": etag(row.version)})

        return await write(request, units, work)

    async def begin(request: Request, import_id: UUID, kind: str) -> Response:
        async def ask(unit: UnitOfWork) -> Job:
            day = unit.now.astimezone(here.zone).date()
            return await ask_import(import_id, kind, unit, jobs, day=day)

        return await write_job(request, units, jobs, ask)

    @router.post(
        "/imports/{import_id}/rehearsal",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(ImportedOutput, ImportNotMapped, ImportBusy),
        openapi_extra=PREFERS,
    )
    async def rehearse(request: Request, import_id: UUID) -> Response:
        """Find out what would become of every row; nothing is changed."""
        return await begin(request, import_id, REHEARSAL)

    @router.post(
        "/imports/{import_id}/run",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(ImportedOutput, ImportNotMapped, ImportBusy, RowsRefused),
        openapi_extra=PREFERS,
    )
    async def run(request: Request, import_id: UUID) -> Response:
        """Create and change customers and contacts; refused rows stop no others."""
        return await begin(request, import_id, RUN)

    @router.post(
        "/imports/{import_id}/undo",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(UndoneOutput, OperationUndone, UndoDisturbed),
        openapi_extra=PREFERS,
    )
    async def undo(request: Request, import_id: UUID) -> Response:
        """Take back what nobody has changed since; bans that it set stay."""

        async def ask(unit: UnitOfWork) -> Job:
            row = await found_import(import_id, unit)
            if row.run_job is None:
                raise ImportNotFound("It has not been run.", remedy="There is nothing to undo.")
            return await ask_undo(row.run_job, unit, jobs)

        return await write_job(request, units, jobs, ask)

    @router.delete(
        "/imports/{import_id}", response_model=RemovedImport, responses=may_refuse(ImportBusy)
    )
    async def remove(request: Request, import_id: UUID) -> Response:
        """Remove an import and its rows; what it has done stays."""

        async def work(unit: UnitOfWork) -> Answer:
            await drop_import(import_id, unit)
            return Answer(RemovedImport(removed=import_id))

        return await write(request, units, work)

    @router.get("/imports/{import_id}/rows")
    async def rows(
        import_id: UUID,
        fate: Fate | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[RowOutput]:
        """List rows with their fates in the last rehearsal or run."""
        key = read_cursor(cursor, int)
        after = 0 if key is None else int(key[0])
        async with units.engine.connect() as connection:
            await existing_import(connection, import_id)
            found = await store.list_fates(
                connection, import_id, fate=fate, after=min(after, 2**31 - 1), limit=limit + 1
            )
        items = [RowOutput.model_validate(row, from_attributes=True) for row in found]
        return page_of(items, limit, lambda one: (one.line,))

    @router.get(
        "/imports/{import_id}/rows.csv",
        response_class=StreamingResponse,
        responses=streams(CSV),
    )
    async def rows_csv(import_id: UUID, fate: Fate | None = None) -> StreamingResponse:
        """Stream rows as CSV with their problems, to mend and send again."""
        async with units.engine.connect() as connection:
            row = await existing_import(connection, import_id)
        return StreamingResponse(
            _csv(units, import_id, row.columns, fate),
            media_type=CSV,
            headers={"Content-Disposition": 'attachment; filename="rows.csv"'},
        )

    return router


async def _csv(
    units: UnitOfWorkFactory, import_id: UUID, columns: list[str], fate: str | None
) -> AsyncIterator[bytes]:
    own = [one for one in columns if one not in ("import fate", "import problem")]
    places = [columns.index(one) for one in own]
    yield csv_lines([[*own, "import fate", "import problem"]])
    after = 0
    while True:
        async with units.engine.connect() as connection:
            found = await store.list_fates(
                connection, import_id, fate=fate, after=after, limit=EXPORTED_AT_ONCE
            )
        yield csv_lines(
            [
                *(row.cells[place] for place in places),
                row.fate,
                "; ".join(
                    f"{one['column']}: {one['reason']}. {one['remedy']}" for one in row.problems
                ),
            ]
            for row in found
        )
        if len(found) < EXPORTED_AT_ONCE:
            return
        after = found[-1].line


LARGER_BODIES = {PATH: MAX_FILE}
