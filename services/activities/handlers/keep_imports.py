"""Take in files of activities, map their columns, have them rehearsed, run and undone."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.import_fields import NEEDED, checked_mapping, proposed
from services.activities.persistence import imports as store
from shared.chassis.errors import InvalidField, Kind, Refusal, StaleVersion
from shared.chassis.ids import new_id
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import Job, find_jobs
from shared.chassis.sheets import Sheet, read_csv
from shared.chassis.unit_of_work import UnitOfWork
from shared.chassis.workbooks import OLD_OFFICE, ZIP, read_workbook

MAX_FILE = 50 * 1_048_576
BATCH = 5000
REHEARSAL, RUN, UNDO = (
    "activity-import-rehearsal",
    "activity-import-run",
    "activity-import-undo",
)
_COLUMN_OF = {REHEARSAL: "rehearsal_job", RUN: "run_job", UNDO: "undo_job"}


class ImportNotFound(Refusal):
    """There is no such import of activities."""

    kind = Kind.NOT_FOUND
    slug = "activity_import_not_found"
    remedy = "List them: GET /v1/activity-imports. Their rows go after the retention."


class ImportNotMapped(Refusal):
    """The headers do not tell which columns are the row's key, the customer and the category."""

    kind = Kind.CONFLICT
    slug = "activity_import_not_mapped"
    remedy = "Say what the columns mean: PUT /v1/activity-imports/{id}/mapping."


class ImportBusy(Refusal):
    """The import is being worked on, or has been run."""

    kind = Kind.CONFLICT
    slug = "activity_import_busy"
    remedy = "Wait for the job or cancel it. What has been run is not run again: send a new file."


class ImportNotRun(Refusal):
    """Nothing was recorded that could be undone."""

    kind = Kind.CONFLICT
    slug = "activity_import_not_run"
    remedy = "There is nothing to undo."


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody has sent, and what he says of it."""

    path: Path
    source: str
    name: str
    zone: ZoneInfo
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


async def take_file(upload: Upload, uow: UnitOfWork) -> UUID:
    """Read the file, keep its rows and return the import, mapped as its headers propose."""
    sheet = await asyncio.to_thread(_read, upload)
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
            "time_zone": upload.zone.key,
            "columns": list(sheet.columns),
            "mapping": proposed(sheet.columns),
        },
        now=uow.now,
    )
    count = 0
    while batch := await asyncio.to_thread(_next, sheet.rows):
        await store.copy_rows(uow.connection, import_id, batch)
        count += len(batch)
    if count == 0:
        raise InvalidField("file", "has a header and no rows", "Send a file with rows.")
    await store.set_rows(uow.connection, import_id, count)
    return import_id


def _read(upload: Upload) -> Sheet:
    with upload.path.open("rb") as file:
        head = file.read(8)
    if head.startswith(ZIP) or head == OLD_OFFICE:
        return read_workbook(upload.path, sheet=upload.sheet)
    return read_csv(upload.path, encoding=upload.encoding, delimiter=upload.delimiter)


def _next(rows: Iterator[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    return list(islice(rows, BATCH))


async def found_import(
    connection: AsyncConnection, import_id: UUID, *, lock: bool = False
) -> Row[Any]:
    """Return an import, locked if asked; refuse one that is not there."""
    row = await store.find_import(connection, import_id, lock=lock)
    if row is None:
        raise ImportNotFound(f"There is no import {import_id}.")
    return row


async def map_columns(
    import_id: UUID, meanings: Sequence[tuple[str, str]], uow: UnitOfWork, *, expected: int
) -> None:
    """Say what columns mean: (header, field); the others mean nothing."""
    row = await found_import(uow.connection, import_id, lock=True)
    if row.version != expected:
        raise StaleVersion(f"The import is at version {row.version}, not {expected}.")
    await _refuse_busy(row, uow)
    await store.set_mapping(
        uow.connection, import_id, checked_mapping(row.columns, meanings), now=uow.now
    )


async def ask_import(import_id: UUID, kind: str, uow: UnitOfWork, jobs: JobRunner) -> Job:
    """Have an import rehearsed, run or undone."""
    row = await found_import(uow.connection, import_id, lock=True)
    await _refuse_busy(row, uow, undoing=kind == UNDO)
    if kind == UNDO and row.run_job is None:
        raise ImportNotRun(f"Import {import_id} has not been run.")
    missing = set(NEEDED) - set(row.mapping.values())
    if missing:
        raise ImportNotMapped(f"No column is the {' or the '.join(sorted(missing))}.")
    job = await jobs.ask(kind, {"import_id": str(import_id)}, uow)
    await store.set_jobs(uow.connection, import_id, {_COLUMN_OF[kind]: job.job_id})
    return job


async def drop_import(import_id: UUID, uow: UnitOfWork) -> None:
    """Remove an import and its rows; what it has recorded stays, and cannot be undone as one."""
    row = await found_import(uow.connection, import_id, lock=True)
    await _refuse_busy(row, uow, undoing=True)
    await store.delete_import(uow.connection, import_id)


async def _refuse_busy(row: Row[Any], uow: UnitOfWork, *, undoing: bool = False) -> None:
    ids = {one for one in (row.rehearsal_job, row.run_job, row.undo_job) if one is not None}
    jobs = await find_jobs(uow.connection, ids)
    for job in jobs.values():
        if not job.has_ended:
            raise ImportBusy(f"Job {job.job_id} is {job.state}.")
    if row.run_job is not None and not undoing:
        raise ImportBusy(f"It was run by job {row.run_job}.")
