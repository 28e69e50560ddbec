"""Take in files, map their columns, have them rehearsed, run and undone."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from shared.chassis.errors import check_version
from shared.chassis.ids import new_id
from shared.chassis.job_runner import JobRunner
from shared.chassis.jobs import Job, find_jobs
from shared.chassis.unit_of_work import UnitOfWork
from shared.imports.imports import Imports
from shared.imports.uploads import Upload, keep_rows, read_upload


async def take_file(imports: Imports, upload: Upload, zone: ZoneInfo, uow: UnitOfWork) -> UUID:
    """Read the file, keep its rows and return the import, mapped as its headers propose."""
    store = imports.store
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
            "time_zone": zone.key,
            "columns": list(sheet.columns),
            "mapping": imports.fields.proposed(sheet.columns),
        },
        now=uow.now,
    )
    count = await keep_rows(sheet, partial(store.copy_rows, uow.connection, import_id))
    await store.set_rows(uow.connection, import_id, count)
    return import_id


async def map_columns(
    imports: Imports,
    import_id: UUID,
    meanings: Sequence[tuple[str, str]],
    uow: UnitOfWork,
    *,
    expected: int,
) -> None:
    """Say what columns mean: (header, field); the others mean nothing."""
    row = await imports.found(uow.connection, import_id, lock=True)
    check_version("import", row.version, expected)
    await _refuse_busy(imports, row, uow)
    mapping = imports.fields.checked(row.columns, meanings)
    await imports.store.set_mapping(uow.connection, import_id, mapping, now=uow.now)


async def ask_import(
    imports: Imports, import_id: UUID, kind: str, uow: UnitOfWork, jobs: JobRunner
) -> Job:
    """Have an import rehearsed, run or undone."""
    row = await imports.found(uow.connection, import_id, lock=True)
    undoing = kind == imports.undo
    await _refuse_busy(imports, row, uow, undoing=undoing)
    if undoing and row.run_job is None:
        raise imports.refusals.not_run(f"Import {import_id} has not been run.")
    missing = set(imports.fields.needed) - set(row.mapping.values())
    if missing:
        raise imports.refusals.not_mapped(f"No column is the {' or the '.join(sorted(missing))}.")
    job = await jobs.ask(kind, {"import_id": str(import_id)}, uow)
    column = {imports.rehearsal: "rehearsal_job", imports.run: "run_job", imports.undo: "undo_job"}
    await imports.store.set_jobs(uow.connection, import_id, {column[kind]: job.job_id})
    return job


async def drop_import(imports: Imports, import_id: UUID, uow: UnitOfWork) -> None:
    """Remove an import and its rows; what it has recorded stays, and cannot be undone as one."""
    row = await imports.found(uow.connection, import_id, lock=True)
    await _refuse_busy(imports, row, uow, undoing=True)
    await imports.store.delete_import(uow.connection, import_id)


async def _refuse_busy(
    imports: Imports, row: Row[Any], uow: UnitOfWork, *, undoing: bool = False
) -> None:
    ids = {one for one in (row.rehearsal_job, row.run_job, row.undo_job) if one is not None}
    jobs = await find_jobs(uow.connection, ids)
    for job in jobs.values():
        if not job.has_ended:
            raise imports.refusals.busy(f"Job {job.job_id} is {job.state}.")
    if row.run_job is not None and not undoing:
        raise imports.refusals.busy(f"It was run by job {row.run_job}.")
