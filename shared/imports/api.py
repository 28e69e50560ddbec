"""Routes of imports: send a file, map its columns, rehearse, run, undo."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.errors import InvalidField
from shared.chassis.http.description import PREFERS, may_refuse
from shared.chassis.http.invalid import InvalidRequest
from shared.chassis.http.jobs import JobOutput, begins_job, job_output, write_job
from shared.chassis.http.limits import BodyTooLarge
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of, read_cursor
from shared.chassis.http.shapes import Required
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import Job, find_jobs
from shared.chassis.sheets import FileTooLarge, FileUnreadable
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.imports.imports import Imports
from shared.imports.keep import ask_import, drop_import, map_columns, take_file
from shared.imports.shapes import Fate, Shapes, shapes_of
from shared.imports.uploads import Upload, Uploads, delimiter_of


async def _outputs(shapes: Shapes, rows: Sequence[Any], connection: AsyncConnection) -> list[Any]:
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
        shapes.output(
            **{
                name: getattr(row, name)
                for name in shapes.output.model_fields
                if name not in ("mapping", "rehearsal", "run", "undo")
            },
            mapping=[shapes.column(column=one, to=to) for one, to in row.mapping.items()],
            rehearsal=shown(row.rehearsal_job),
            run=shown(row.run_job),
            undo=shown(row.undo_job),
        )
        for row in rows
    ]


def imports_router(
    imports: Imports, units: UnitOfWorkFactory, zone: ZoneInfo, jobs: JobRunner
) -> APIRouter:
    """Return the routes of a service's imports, below `/v1/<record>-imports`."""
    fields, refusals, store = imports.fields, imports.refusals, imports.store
    shapes = shapes_of(fields)
    MappingInput: Any = shapes.mapping
    ImportOutput: Any = shapes.output
    RowOutput: Any = shapes.row
    router = APIRouter(prefix=imports.path, tags=[imports.lane])
    uploads = Uploads(refusals.too_many)

    async def answer(import_id: UUID, unit: UnitOfWork, status: int = 200) -> Answer:
        row = await imports.found(unit.connection, import_id)
        (body,) = await _outputs(shapes, [row], unit.connection)
        headers = {"ETag": etag(row.version)}
        if status == 201:
            headers["Location"] = f"{imports.path}/{import_id}"
        return Answer(body, status, headers)

    @router.post(
        "",
        status_code=201,
        response_model=ImportOutput,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {
                        "schema": {"type": "string"},
                        "example": fields.content,
                    }
                },
            }
        },
        responses=may_refuse(
            InvalidRequest, FileUnreadable, FileTooLarge, BodyTooLarge, refusals.too_many
        ),
    )
    async def send(
        request: Request,
        source: Annotated[
            Required, Query(description="whose keys the rows' keys are", examples=["/crm/old"])
        ],
        name: Annotated[
            Required, Query(description="such as the file's name", examples=[fields.file])
        ],
        encoding: Annotated[str | None, Query(max_length=40)] = None,
        delimiter: Annotated[str | None, Query(max_length=5)] = None,
        sheet: Annotated[
            Required | None, Query(description="of a workbook; else the first")
        ] = None,
        time_zone: Annotated[
            str | None,
            Query(max_length=60, description="of times that name none; ours if left out"),
        ] = None,
    ) -> Response:
        """Send a CSV or XLSX file as the body; nothing is recorded before the import is run."""
        async with uploads.receive(request.stream()) as (path, digest):
            upload = Upload(path, source, name, encoding, delimiter_of(delimiter), sheet)
            own_zone = zone if time_zone is None else _known_zone(time_zone)

            async def work(unit: UnitOfWork) -> Answer:
                return await answer(await take_file(imports, upload, own_zone, unit), unit, 201)

            return await write(request, units, work, body_digest=digest)

    @router.get("", response_model=Page[ImportOutput])
    async def show_all(cursor: Cursor = None, limit: Limit = 50) -> Any:
        """List imports, the newest first."""
        async with units.engine.connect() as connection:
            rows = await store.list_imports(connection, before=cursor_id(cursor), limit=limit + 1)
            items = await _outputs(shapes, rows, connection)
        return page_of(items, limit, lambda one: (str(one.import_id),))

    @router.get("/{import_id}", response_model=ImportOutput)
    async def show(import_id: UUID, response: Response) -> Any:
        """Show an import: how it was understood, how far it is, rows by fate."""
        async with units.engine.connect() as connection:
            row = await imports.found(connection, import_id)
            (body,) = await _outputs(shapes, [row], connection)
        response.headers["ETag"] = etag(row.version)
        return body

    @router.put(
        "/{import_id}/mapping",
        response_model=ImportOutput,
        responses=may_refuse(refusals.busy),
    )
    async def put_mapping(
        request: Request,
        import_id: UUID,
        body: MappingInput,
        expected: Expected,
    ) -> Response:
        """Say what the columns mean (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            meanings = [(one.column, one.to) for one in body.columns]
            await map_columns(imports, import_id, meanings, unit, expected=expected)
            return await answer(import_id, unit)

        return await write(request, units, work)

    async def begin(request: Request, import_id: UUID, kind: str) -> Response:
        async def ask(unit: UnitOfWork) -> Job:
            return await ask_import(imports, import_id, kind, unit, jobs)

        return await write_job(request, units, jobs, ask)

    runs = begins_job(shapes.imported, refusals.not_mapped, refusals.busy)

    @router.post(
        "/{import_id}/rehearsal",
        status_code=202,
        response_model=JobOutput,
        responses=runs,
        openapi_extra=PREFERS,
    )
    async def rehearse(request: Request, import_id: UUID) -> Response:
        """Find out what would become of every row; nothing is recorded."""
        return await begin(request, import_id, imports.rehearsal)

    @router.post(
        "/{import_id}/run",
        status_code=202,
        response_model=JobOutput,
        responses=runs,
        openapi_extra=PREFERS,
        description=f"Record {fields.many}, and change those that the rows' keys name; "
        "refused rows stop none.",
    )
    async def run(request: Request, import_id: UUID) -> Response:
        return await begin(request, import_id, imports.run)

    @router.post(
        "/{import_id}/undo",
        status_code=202,
        response_model=JobOutput,
        responses=begins_job(shapes.taken_back, refusals.not_run, refusals.busy),
        openapi_extra=PREFERS,
    )
    async def undo(request: Request, import_id: UUID) -> Response:
        """Delete what the import recorded and nobody has changed since; what it changed stays."""
        return await begin(request, import_id, imports.undo)

    @router.delete(
        "/{import_id}", response_model=shapes.removed, responses=may_refuse(refusals.busy)
    )
    async def remove(request: Request, import_id: UUID) -> Response:
        """Remove an import and its rows; what it has recorded stays."""

        async def work(unit: UnitOfWork) -> Answer:
            await drop_import(imports, import_id, unit)
            return Answer(shapes.removed(removed=import_id))

        return await write(request, units, work)

    @router.get("/{import_id}/rows", response_model=Page[RowOutput])
    async def rows(
        import_id: UUID, fate: Fate | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Any:
        """List rows with their fates in the last rehearsal or run."""
        key = read_cursor(cursor, int)
        after = 0 if key is None else min(int(key[0]), 2**31 - 1)
        async with units.engine.connect() as connection:
            await imports.found(connection, import_id)
            found = await store.rows_by_fate(
                connection, import_id, fate=fate, after=after, limit=limit + 1
            )
        key_name = f"{fields.record}_id"
        items = [RowOutput(**row._mapping, **{key_name: row.record_id}) for row in found]
        return page_of(items, limit, lambda one: (one.line,))

    return router


def _known_zone(name: str) -> ZoneInfo:
    if name not in available_timezones():
        raise InvalidField(
            "time_zone", f"{name[:60]!r} is no time zone", "Name one, such as Europe/Helsinki."
        )
    return ZoneInfo(name)
