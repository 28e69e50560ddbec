"""Take in files of customers and contacts, map their columns, have them rehearsed and run."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.import_fields import MATCHES, Column, checked_columns
from services.customers.handlers.run_import import ImportNotFound
from services.customers.persistence import imports as store
from shared.chassis.errors import InvalidField, Kind, Refusal, check_version
from shared.chassis.ids import new_id
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import Job, find_job
from shared.chassis.unit_of_work import UnitOfWork
from shared.imports.uploads import Upload, keep_rows, read_upload

REHEARSAL, RUN = "import-rehearsal", "import-run"


class ImportNotMapped(Refusal):
    """Nobody has said yet what the columns mean."""

    kind = Kind.CONFLICT
    slug = "import_not_mapped"
    remedy = "Put the mapping first: PUT /v1/imports/{id}/mapping."


class ImportBusy(Refusal):
    """The import is being rehearsed or run, or has been run."""

    kind = Kind.CONFLICT
    slug = "import_busy"
    remedy = "Wait for the job or cancel it. What has been run is not run again: send a new file."


async def take_file(upload: Upload, uow: UnitOfWork) -> UUID:
    """Read the file, keep its rows and return the import; a file that cannot be read is refused."""
    sheet = await asyncio.to_thread(read_upload, upload)
    import_id = new_id()
    await store.insert_import(
        uow.connection,
        {
            "import_id": import_id,
            "source": upload.source,
            "name": upload.name,
            "encoding": sheet.encoding,
            "delimiter": sheet.delimiter,
            "sheet": sheet.name,
            "sheets": list(sheet.names),
            "columns": list(sheet.columns),
        },
        now=uow.now,
    )
    count = await keep_rows(sheet, partial(store.copy_rows, uow.connection, import_id))
    await store.set_rows(uow.connection, import_id, count)
    return import_id


async def existing_import(
    connection: AsyncConnection, import_id: UUID, *, lock: bool = False
) -> Row[Any]:
    """Return an import, locked if asked; refuse one that is not there."""
    row = await store.find_import(connection, import_id, lock=lock)
    if row is None:
        raise ImportNotFound(f"There is no import {import_id}.")
    return row


async def found_import(
    import_id: UUID, uow: UnitOfWork, *, expected: int | None = None
) -> Row[Any]:
    """Return an import, locked; refuse one that is not there, or not at the expected version."""
    row = await existing_import(uow.connection, import_id, lock=True)
    check_version("import", row.version, expected)
    return row


async def map_columns(
    import_id: UUID,
    meanings: Sequence[tuple[str, str, bool]],
    match: Sequence[str],
    uow: UnitOfWork,
    *,
    all_or_nothing: bool,
    expected: int,
) -> None:
    """Say what columns mean: (header, field, whether missing values are created)."""
    row = await found_import(import_id, uow, expected=expected)
    await _refuse_busy(row, uow)
    unknown = [one for one in match if one not in MATCHES]
    if unknown or not match:
        raise InvalidField("match", "names no key", f"Name some of {', '.join(MATCHES)}.")
    columns = []
    for header, to, create_missing in meanings:
        if header not in row.columns:
            raise InvalidField(
                f"columns.{header}"[:200],
                "the file has no such column",
                f"It has: {', '.join(row.columns)[:500]}.",
            )
        columns.append(Column(row.columns.index(header), header, to, create_missing))
    checked_columns(columns, match)
    mapping = {
        "columns": [asdict(one) for one in columns],
        "match": list(match),
        "all_or_nothing": all_or_nothing,
    }
    await store.set_mapping(uow.connection, import_id, mapping, now=uow.now)


async def ask_import(
    import_id: UUID, kind: str, uow: UnitOfWork, jobs: JobRunner, *, day: date
) -> Job:
    """Have an import rehearsed or run."""
    row = await found_import(import_id, uow)
    if row.mapping is None:
        raise ImportNotMapped("Nobody has said what its columns mean.")
    await _refuse_busy(row, uow)
    job = await jobs.ask(kind, {"import_id": str(import_id), "day": day.isoformat()}, uow)
    await store.set_job(
        uow.connection,
        import_id,
        rehearsal=job.job_id if kind == REHEARSAL else None,
        run=job.job_id if kind == RUN else None,
    )
    return job


async def _refuse_busy(row: Row[Any], uow: UnitOfWork) -> None:
    await _refuse_working(row, uow)
    run = None if row.run_job is None else await find_job(uow.connection, row.run_job)
    if row.run_job is not None and (run is None or run.result is not None):
        raise ImportBusy(f"It was run by job {row.run_job}.")


async def _refuse_working(row: Row[Any], uow: UnitOfWork) -> None:
    for job_id in (row.rehearsal_job, row.run_job):
        job = None if job_id is None else await find_job(uow.connection, job_id)
        if job is not None and not job.has_ended:
            raise ImportBusy(f"Job {job_id} is {job.state}.")


async def drop_import(import_id: UUID, uow: UnitOfWork) -> None:
    """Remove an import and its rows; what it has done stays, and can be undone as an operation."""
    await _refuse_working(await found_import(import_id, uow), uow)
    await store.delete_import(uow.connection, import_id)
