"""Rehearse, run and undo imports, chunk by chunk.

A row records something, or changes what its key named before; it is taken whole or refused whole.
Empty cells leave what is there. Whoever is killed goes on from the position.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from shared.chassis.errors import InvalidField, Refusal
from shared.chassis.jobs import Job, Step, Stepwise, Work
from shared.chassis.unit_of_work import UnitOfWork
from shared.imports.cells import Named, Titles, check_signs, titles_of
from shared.imports.fields import REF
from shared.imports.imports import Imports, Line, Planner
from shared.imports.store import RowFate
from shared.lists.store import all_values

CHUNK = 500
CREATED, CHANGED, UNCHANGED, REFUSED = "created", "changed", "unchanged", "refused"


def import_kinds(imports: Imports) -> Mapping[str, Work]:
    """Return the jobs of imports, by kind. Those that record go one after another."""
    return {
        imports.rehearsal: Stepwise(_import_step(imports, runs=False)),
        imports.run: Stepwise(_import_step(imports, runs=True), imports.lane),
        imports.undo: Stepwise(_undo_step(imports), imports.lane),
    }


def _import_step(imports: Imports, *, runs: bool) -> Callable[[Job, UnitOfWork], Awaitable[Step]]:
    store = imports.store

    async def step(job: Job, uow: UnitOfWork) -> Step:
        found = await _locked(imports, job, uow)
        position = job.position or {"line": 0, "done": 0, "counts": {}}
        if position["line"] == 0:
            await store.clear_fates(uow.connection, found.import_id)
        rows = await store.next_rows(
            uow.connection, found.import_id, after=position["line"], limit=CHUNK
        )
        fates = await _fates(imports, found, rows, uow, runs=runs) if rows else []
        counts = Counter(position["counts"]) + Counter(one.fate for one in fates)
        await store.set_counts(uow.connection, found.import_id, counts)
        done = position["done"] + len(rows)
        if len(rows) == CHUNK:
            position = {"line": rows[-1].line, "done": done, "counts": counts}
            return Step(position, done, found.rows)
        result = {"import_id": str(found.import_id), "counts": dict(counts)}
        return Step(position, done, found.rows, result)

    return step


def _undo_step(imports: Imports) -> Callable[[Job, UnitOfWork], Awaitable[Step]]:
    records = imports.records

    async def step(job: Job, uow: UnitOfWork) -> Step:
        found = await _locked(imports, job, uow)
        position = job.position or {"line": 0, "deleted": 0, "kept": 0}
        rows = await imports.store.rows_by_fate(
            uow.connection, found.import_id, fate=CREATED, after=position["line"], limit=CHUNK
        )
        present = await records.fetch(uow.connection, [row.record_id for row in rows], lock=True)
        # What somebody has changed since is no longer the import's.
        gone = [row for row in present.values() if row.version == 1 and row.deleted_at is None]
        if gone:
            await records.delete(gone, uow)
        deleted = position["deleted"] + len(gone)
        kept = position["kept"] + len(rows) - len(gone)
        done = deleted + kept
        if len(rows) == CHUNK:
            position = {"line": rows[-1].line, "deleted": deleted, "kept": kept}
            return Step(position, done, found.counts.get(CREATED))
        result = {"import_id": str(found.import_id), "deleted": deleted, "kept": kept}
        return Step(position, done, done, result)

    return step


async def _locked(imports: Imports, job: Job, uow: UnitOfWork) -> Row[Any]:
    return await imports.found(uow.connection, UUID(job.request["import_id"]), lock=True)


async def _fates(
    imports: Imports, found: Row[Any], rows: Sequence[Row[Any]], uow: UnitOfWork, *, runs: bool
) -> list[RowFate]:
    records = imports.records
    lines = _read(imports, found, rows, await _titles(uow))
    await _refuse_repeated(imports, found.import_id, lines, uow)
    refs = {one.ref for one in lines if one.ref and not one.problems}
    known = await records.known(uow.connection, found.source, sorted(refs))
    present = await records.fetch(uow.connection, known.values())
    for line in lines:
        if line.ref in known:
            line.present = present[known[line.ref]]
    await records.look_up(lines, uow)
    for line in lines:
        if not line.problems:
            _ask(imports, line, found.source)
    commands = [one.command for one in lines if one.command is not None]
    # What is named is kept before records are locked, in the order in which all do.
    plan = await records.planner(commands, uow)
    if runs:
        locked = await records.fetch(uow.connection, known.values(), lock=True)
        if any(locked[one].version != row.version for one, row in present.items()):
            # Changed since the look; from now on they stay, so this happens once.
            return await _fates(imports, found, rows, uow, runs=runs)
    created, changed, fates = _planned(imports, lines, plan)
    if runs and created:
        await records.store(created, uow)
    if runs and changed:
        await records.change(changed, present, uow)
    fates = _by_header(imports, fates, found.mapping)
    await imports.store.set_fates(uow.connection, found.import_id, fates)
    return fates


async def _titles(uow: UnitOfWork) -> Titles:
    return titles_of(
        Named(row.list, row.number, (row.title, *row.titles.values()))
        for row in await all_values(uow.connection)
        if row.archived_at is None
    )


def _read(
    imports: Imports, found: Row[Any], rows: Sequence[Row[Any]], titles: Titles
) -> list[Line]:
    zone = ZoneInfo(found.time_zone)
    places = [(list(found.columns).index(header), field) for header, field in found.mapping.items()]
    lines = []
    for row in rows:
        line = Line(row.line)
        for place, field in places:
            if cell := row.cells[place]:
                try:
                    check_signs(field, cell)
                    line.cells[field] = imports.records.read_cell(field, cell, zone, titles)
                except InvalidField as error:
                    line.refuse(field, error.fields[0].reason, error.remedy)
        if REF not in line.cells:
            line.refuse(REF, "is empty", "Give each row a key of its own.")
        lines.append(line)
    return lines


async def _refuse_repeated(
    imports: Imports, import_id: UUID, lines: Sequence[Line], uow: UnitOfWork
) -> None:
    """Refuse rows whose key an earlier row of the file has."""
    refs = {one.ref for one in lines if one.ref is not None}
    seen = await imports.store.earlier_lines(
        uow.connection, import_id, sorted(refs), before=lines[0].line
    )
    for line in lines:
        if line.ref is None:
            continue
        first = seen.setdefault(line.ref, line.line)
        if first != line.line:
            line.refuse(REF, f"stands in line {first} too", "Give each row a key of its own.")


def _ask(imports: Imports, line: Line, source: str) -> None:
    """Say what a row asks for: a new record, or another state of the one that its key names."""
    present, record = line.present, imports.fields.record
    if present is not None and present.deleted_at is not None:
        record_id = getattr(present, f"{record}_id")
        line.refuse(
            REF,
            f"{record} {record_id} is deleted",
            f"Restore it first: POST /v1/{imports.fields.many}/{record_id}/restore.",
        )
        return
    command = imports.records.command(line, source)
    if not line.problems:
        line.command = command


def _planned(
    imports: Imports, lines: Sequence[Line], plan: Planner
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[RowFate]]:
    """Return the rows of new and of changed records, and the fate of every line."""
    created: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    fates: list[RowFate] = []
    for line in lines:
        row, fate = None, REFUSED
        if line.command is not None:
            try:
                if line.present is None:
                    row, fate = plan.new(line.command), CREATED
                    created.append(row)
                else:
                    row = plan.changed(line.command, line.present)
                    fate = UNCHANGED if imports.records.is_as(line.present, row) else CHANGED
                    if fate == CHANGED:
                        changed.append(row)
            except Refusal as refusal:
                _refuse(line, refusal)
        record_id = None if row is None else row[f"{imports.fields.record}_id"]
        fates.append(RowFate(line.line, fate, line.ref, record_id, tuple(line.problems)))
    return created, changed, fates


def _refuse(line: Line, refusal: Refusal) -> None:
    if refusal.fields:
        for one in refusal.fields:
            line.refuse(one.field, one.reason, one.remedy)
    else:
        line.refuse(str(refusal.facts.get("field", "row")), refusal.detail, refusal.remedy)


def _by_header(
    imports: Imports, fates: Sequence[RowFate], mapping: Mapping[str, str]
) -> list[RowFate]:
    """Let problems name the columns of the file instead of fields."""
    headers = {field: header for header, field in mapping.items()}
    called = imports.fields.called
    return [
        replace(
            one,
            problems=tuple(
                (headers.get(called.get(field, field), field), reason, remedy)
                for field, reason, remedy in one.problems
            ),
        )
        for one in fates
    ]
