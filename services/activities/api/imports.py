"""Routes of imports of activities: send a file, map its columns, rehearse, run, undo."""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.import_fields import HEADERS
from services.activities.handlers.keep_imports import (
    MAX_FILE,
    REHEARSAL,
    RUN,
    UNDO,
    ImportBusy,
    ImportNotMapped,
    ImportNotRun,
    Upload,
    ask_import,
    drop_import,
    found_import,
    map_columns,
    take_file,
)
from services.activities.handlers.run_import import import_step, undo_step
from services.activities.persistence import imports as store
from shared.chassis.errors import InvalidField, Kind, Refusal
from shared.chassis.http.description import PREFERS, may_refuse
from shared.chassis.http.invalid import InvalidRequest
from shared.chassis.http.jobs import JobOutput, begins_job, job_output, write_job
from shared.chassis.http.limits import BodyTooLarge
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of, read_cursor
from shared.chassis.http.shapes import Input, storable
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import Job, Stepwise, Work, find_jobs
from shared.chassis.sheets import FileTooLarge, FileUnreadable
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

PATH = "/v1/activity-imports"
LANE = "activity-imports"
MOST_UPLOADS = 2
IMPORT_BODIES = {PATH: MAX_FILE}

Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(storable),
]
Fate = Literal["created", "changed", "unchanged", "refused"]


class TooManyActivityFiles(Refusal):
    """Other files are being read; each takes memory and time."""

    kind = Kind.UNAVAILABLE
    slug = "too_many_uploads"
    remedy = "Try again after the time in Retry-After."


class ActivityColumn(Input):
    """What one column means; columns that are not named mean nothing."""

    column: Annotated[str, Field(max_length=200, description="the header", examples=["ref"])]
    to: Annotated[str, Field(max_length=40, examples=["ref"])] = Field(
        description=f"one of: {', '.join(HEADERS)}"
    )


class ActivityMappingInput(Input):
    """What the columns of a file mean; each row needs its own key, a customer and a category."""

    columns: Annotated[list[ActivityColumn], Field(min_length=1, max_length=200)] = Field(
        examples=[
            [
                {"column": "ref", "to": "ref"},
                {"column": "customer", "to": "customer"},
                {"column": "category", "to": "category"},
            ]
        ]
    )


class ActivityImportOutput(BaseModel):
    """A file as it was understood, and how far its import is."""

    import_id: UUID
    version: int
    source: str
    name: str
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    time_zone: str = Field(description="of times that name none")
    columns: list[str]
    rows: int
    mapping: list[ActivityColumn] = Field(
        description="what the columns mean; what the headers propose until somebody says it"
    )
    counts: dict[Fate, int] = Field(description="rows by fate, of the last rehearsal or run")
    rehearsal: JobOutput | None
    run: JobOutput | None
    undo: JobOutput | None
    created_at: datetime


class ActivityRowProblem(BaseModel):
    """Why a row is refused, and what to do about it."""

    column: str
    reason: str
    remedy: str


class ActivityRowOutput(BaseModel):
    """A row and what became of it, or would."""

    line: int
    fate: Fate
    cells: list[str]
    problems: list[ActivityRowProblem]
    activity_id: UUID | None


class ActivitiesImported(BaseModel):
    """What became of the rows, or would."""

    import_id: UUID
    counts: dict[Fate, int] = Field(description="rows by fate")


class ActivitiesTakenBack(BaseModel):
    """How many of the activities that an import recorded were deleted again."""

    import_id: UUID
    deleted: int
    kept: int = Field(description="changed or deleted since by somebody")


class RemovedActivityImport(BaseModel):
    """Which import was removed."""

    removed: UUID


def import_kinds(zone: ZoneInfo) -> Mapping[str, Work]:
    """Return the jobs of imports, by kind. Those that record go one after another."""
    return {
        REHEARSAL: Stepwise(import_step(zone, runs=False)),
        RUN: Stepwise(import_step(zone, runs=True), LANE),
        UNDO: Stepwise(undo_step, LANE),
    }


async def _outputs(rows: Sequence[Any], connection: AsyncConnection) -> list[ActivityImportOutput]:
    ids = {
        job_id
        for row in rows
        for job_id in (row.rehearsal_job, row.run_job, row.undo_job)
        if job_id is not None
    }
    jobs = await find_jobs(connection, ids)

    def shown(job_id: UUID | None) -> JobOutput | None:
        job = None if job_id is None else jobs.get(job_id)
        return None if job is None else job_output(job)

    return [
        ActivityImportOutput(
            **{
                name: getattr(row, name)
                for name in ActivityImportOutput.model_fields
                if name not in ("mapping", "rehearsal", "run", "undo")
            },
            mapping=[ActivityColumn(column=one, to=to) for one, to in row.mapping.items()],
            rehearsal=shown(row.rehearsal_job),
            run=shown(row.run_job),
            undo=shown(row.undo_job),
        )
        for row in rows
    ]


def imports_router(units: UnitOfWorkFactory, zone: ZoneInfo, jobs: JobRunner) -> APIRouter:
    """Return the routes below /v1/activity-imports."""
    router = APIRouter(prefix=PATH, tags=["activity-imports"])
    uploading = 0

    async def answer(import_id: UUID, unit: UnitOfWork, status: int = 200) -> Answer:
        row = await found_import(unit.connection, import_id)
        (body,) = await _outputs([row], unit.connection)
        headers = {"ETag": etag(row.version)}
        if status == 201:
            headers["Location"] = f"{PATH}/{import_id}"
        return Answer(body, status, headers)

    @router.post(
        "",
        status_code=201,
        response_model=ActivityImportOutput,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {
                        "schema": {"type": "string"},
                        "example": "ref;customer;category;date;memo\n7;1001;Lead;2026-01-31;Hi\n",
                    }
                },
            }
        },
        responses=may_refuse(
            InvalidRequest, FileUnreadable, FileTooLarge, BodyTooLarge, TooManyActivityFiles
        ),
    )
    async def send(
        request: Request,
        source: Annotated[
            Text, Query(description="whose keys the rows' keys are", examples=["/crm/old"])
        ],
        name: Annotated[Text, Query(description="such as the file's name", examples=["calls.csv"])],
        encoding: Annotated[str | None, Query(max_length=40)] = None,
        delimiter: Annotated[str | None, Query(max_length=5)] = None,
        sheet: Annotated[Text | None, Query(description="of a workbook; else the first")] = None,
        time_zone: Annotated[
            str | None,
            Query(max_length=60, description="of times that name none; ours if left out"),
        ] = None,
    ) -> Response:
        """Send a CSV or XLSX file as the body; nothing is recorded before the import is run."""
        nonlocal uploading
        if uploading >= MOST_UPLOADS:
            raise TooManyActivityFiles(f"{MOST_UPLOADS} files are being read.")
        uploading += 1
        descriptor, kept = tempfile.mkstemp(prefix="suhde-import-")
        try:
            digest = hashlib.sha256()
            with os.fdopen(descriptor, "wb") as file:
                async for part in request.stream():
                    digest.update(part)
                    file.write(part)
            upload = Upload(
                Path(kept),
                source,
                name,
                zone if time_zone is None else _known_zone(time_zone),
                encoding,
                {"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter) or None,
                sheet,
            )

            async def work(unit: UnitOfWork) -> Answer:
                return await answer(await take_file(upload, unit), unit, 201)

            return await write(request, units, work, body_digest=digest.digest())
        finally:
            uploading -= 1
            os.unlink(kept)

    @router.get("")
    async def show_all(cursor: Cursor = None, limit: Limit = 50) -> Page[ActivityImportOutput]:
        """List imports, the newest first."""
        async with units.engine.connect() as connection:
            rows = await store.list_imports(connection, before=cursor_id(cursor), limit=limit + 1)
            items = await _outputs(rows, connection)
        return page_of(items, limit, lambda one: (str(one.import_id),))

    @router.get("/{import_id}")
    async def show(import_id: UUID, response: Response) -> ActivityImportOutput:
        """Show an import: how it was understood, how far it is, rows by fate."""
        async with units.engine.connect() as connection:
            row = await found_import(connection, import_id)
            (body,) = await _outputs([row], connection)
        response.headers["ETag"] = etag(row.version)
        return body

    @router.put(
        "/{import_id}/mapping",
        response_model=ActivityImportOutput,
        responses=may_refuse(ImportBusy),
    )
    async def put_mapping(
        request: Request, import_id: UUID, body: ActivityMappingInput, expected: Expected
    ) -> Response:
        """Say what the columns mean (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            meanings = [(one.column, one.to) for one in body.columns]
            await map_columns(import_id, meanings, unit, expected=expected)
            return await answer(import_id, unit)

        return await write(request, units, work)

    async def begin(request: Request, import_id: UUID, kind: str) -> Response:
        async def ask(unit: UnitOfWork) -> Job:
            return await ask_import(import_id, kind, unit, jobs)

        return await write_job(request, units, jobs, ask)

    @router.post(
        "/{import_id}/rehearsal",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(ActivitiesImported, ImportNotMapped, ImportBusy),
        openapi_extra=PREFERS,
    )
    async def rehearse(request: Request, import_id: UUID) -> Response:
        """Find out what would become of every row; nothing is recorded."""
        return await begin(request, import_id, REHEARSAL)

    @router.post(
        "/{import_id}/run",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(ActivitiesImported, ImportNotMapped, ImportBusy),
        openapi_extra=PREFERS,
    )
    async def run(request: Request, import_id: UUID) -> Response:
        """Record activities, and change those that the rows' keys name; refused rows stop none."""
        return await begin(request, import_id, RUN)

    @router.post(
        "/{import_id}/undo",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(ActivitiesTakenBack, ImportNotRun, ImportBusy),
        openapi_extra=PREFERS,
    )
    async def undo(request: Request, import_id: UUID) -> Response:
        """Delete what the import recorded and nobody has changed since; what it changed stays."""
        return await begin(request, import_id, UNDO)

    @router.delete(
        "/{import_id}", response_model=RemovedActivityImport, responses=may_refuse(ImportBusy)
    )
    async def remove(request: Request, import_id: UUID) -> Response:
        """Remove an import and its rows; what it has recorded stays."""

        async def work(unit: UnitOfWork) -> Answer:
            await drop_import(import_id, unit)
            return Answer(RemovedActivityImport(removed=import_id))

        return await write(request, units, work)

    @router.get("/{import_id}/rows")
    async def rows(
        import_id: UUID, fate: Fate | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[ActivityRowOutput]:
        """List rows with their fates in the last rehearsal or run."""
        key = read_cursor(cursor, int)
        after = 0 if key is None else min(int(key[0]), 2**31 - 1)
        async with units.engine.connect() as connection:
            await found_import(connection, import_id)
            found = await store.rows_by_fate(
                connection, import_id, fate=fate, after=after, limit=limit + 1
            )
        items = [ActivityRowOutput.model_validate(row, from_attributes=True) for row in found]
        return page_of(items, limit, lambda one: (one.line,))

    return router


def _known_zone(name: str) -> ZoneInfo:
    if name not in available_timezones():
        raise InvalidField(
            "time_zone", f"{name[:60]!r} is no time zone", "Name one, such as Europe/Helsinki."
        )
    return ZoneInfo(name)
