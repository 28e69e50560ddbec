"""Rehearse, run and undo imports of activities, chunk by chunk.

A row records an activity, or changes the one that its key named before; it is taken whole or
refused whole. Empty cells leave what is there. Whoever is killed goes on from the position.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from services.activities.domain.activity import State
from services.activities.domain.import_cells import LIST_OF, Rules, begins_at, read_cell
from services.activities.domain.import_fields import CUSTOMER, REF
from services.activities.handlers.keep_imports import ImportNotFound
from services.activities.handlers.keep_tally import keep_tally
from services.activities.handlers.plan_activity import Planner, SaveActivity, planner
from services.activities.handlers.save_activity import store_activities
from services.activities.handlers.tell_activities import tell_activities
from services.activities.persistence import activities as store
from services.activities.persistence import imports
from services.activities.persistence.imports import RowFate
from shared.chassis.errors import InvalidField, Refusal
from shared.chassis.headers import folded
from shared.chassis.jobs import Job, Step
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.store import all_values

CHUNK = 500
CREATED, CHANGED, UNCHANGED, REFUSED = "created", "changed", "unchanged", "refused"
FATES = (CREATED, CHANGED, UNCHANGED, REFUSED)

Cells = dict[str, Any]


@dataclass(slots=True)
class _Line:
    """A row on its way: what its cells say, what it asks for, why it is refused."""

    line: int
    cells: Cells
    problems: list[tuple[str, str, str]]
    command: SaveActivity | None = None
    present: Row[Any] | None = None

    @property
    def ref(self) -> str | None:
        return self.cells.get(REF)

    def refuse(self, field: str, reason: str, remedy: str) -> None:
        self.problems.append((field, reason, remedy))


def import_step(zone: ZoneInfo, *, runs: bool) -> Callable[[Job, UnitOfWork], Awaitable[Step]]:
    """Return the step of a rehearsal, or of a run; days are days of the zone."""

    async def step(job: Job, uow: UnitOfWork) -> Step:
        found = await _locked(job, uow)
        position = job.position or {"line": 0, "done": 0, "counts": {}}
        if position["line"] == 0:
            await imports.clear_fates(uow.connection, found.import_id)
        rows = await imports.next_rows(
            uow.connection, found.import_id, after=position["line"], limit=CHUNK
        )
        fates = await _fates(found, rows, uow, zone, runs=runs) if rows else []
        counts = Counter(position["counts"]) + Counter(one.fate for one in fates)
        await imports.set_counts(uow.connection, found.import_id, counts)
        done = position["done"] + len(rows)
        if len(rows) == CHUNK:
            position = {"line": rows[-1].line, "done": done, "counts": counts}
            return Step(position, done, found.rows)
        result = {"import_id": str(found.import_id), "counts": dict(counts)}
        return Step(position, done, found.rows, result)

    return step


async def undo_step(job: Job, uow: UnitOfWork) -> Step:
    """Delete what the import has created and nobody has changed since; the rest is kept."""
    found = await _locked(job, uow)
    position = job.position or {"line": 0, "deleted": 0, "kept": 0}
    rows = await imports.rows_by_fate(
        uow.connection, found.import_id, fate=CREATED, after=position["line"], limit=CHUNK
    )
    present = await store.fetch_activities(
        uow.connection, [row.activity_id for row in rows], lock=True
    )
    gone = [row for row in present.values() if row.version == 1 and row.deleted_at is None]
    if gone:
        ids = [row.activity_id for row in gone]
        await store.set_deleted(uow.connection, ids, deleted=True, now=uow.now)
        await tell_activities(ids, uow)
        await keep_tally(gone, [], uow)
    deleted = position["deleted"] + len(gone)
    kept = position["kept"] + len(rows) - len(gone)
    done = deleted + kept
    if len(rows) == CHUNK:
        position = {"line": rows[-1].line, "deleted": deleted, "kept": kept}
        return Step(position, done, found.counts.get(CREATED))
    result = {"import_id": str(found.import_id), "deleted": deleted, "kept": kept}
    return Step(position, done, done, result)


async def _locked(job: Job, uow: UnitOfWork) -> Row[Any]:
    import_id = UUID(job.request["import_id"])
    found = await imports.find_import(uow.connection, import_id, lock=True)
    if found is None:
        raise ImportNotFound(f"There is no import {import_id} any more.")
    return found


async def _fates(
    found: Row[Any], rows: Sequence[Row[Any]], uow: UnitOfWork, zone: ZoneInfo, *, runs: bool
) -> list[RowFate]:
    lines = _read(found, rows, await _rules(ZoneInfo(found.time_zone), uow))
    await _refuse_repeated(found.import_id, lines, uow)
    await _name_customers(lines, uow)
    refs = {one.ref for one in lines if one.ref and not one.problems}
    known = await store.known_references(uow.connection, found.source, sorted(refs))
    present = await store.fetch_activities(uow.connection, known.values())
    for line in lines:
        if not line.problems and line.ref is not None:
            line.present = present.get(known.get(line.ref))  # type: ignore[arg-type]
            _ask(line, found.source)
    commands = [one.command for one in lines if one.command is not None]
    # What is named is kept before activities are locked, in the order in which all do.
    plan = await planner(commands, uow, zone)
    if runs:
        locked = await store.fetch_activities(uow.connection, known.values(), lock=True)
        if any(locked[one].version != row.version for one, row in present.items()):
            # Changed since the look; from now on they stay, so this happens once.
            return await _fates(found, rows, uow, zone, runs=runs)
    created, changed, fates = _planned(lines, plan)
    if runs:
        await _apply(created, changed, present, uow)
    fates = _by_header(fates, found.mapping)
    await imports.set_fates(uow.connection, found.import_id, fates)
    return fates


async def _rules(zone: ZoneInfo, uow: UnitOfWork) -> Rules:
    titles: dict[str, dict[str, set[int]]] = {name: {} for name in LIST_OF.values()}
    for row in await all_values(uow.connection):
        if row.list in titles and row.archived_at is None:
            for title in (row.title, *row.titles.values()):
                titles[row.list].setdefault(folded(title) or title, set()).add(row.number)
    return Rules(zone, titles)


def _read(found: Row[Any], rows: Sequence[Row[Any]], rules: Rules) -> list[_Line]:
    places = [(list(found.columns).index(header), field) for header, field in found.mapping.items()]
    lines = []
    for row in rows:
        line = _Line(row.line, {}, [])
        for place, field in places:
            if row.cells[place]:
                try:
                    line.cells[field] = read_cell(field, row.cells[place], rules)
                except InvalidField as error:
                    line.refuse(field, error.fields[0].reason, error.remedy)
        if REF not in line.cells:
            line.refuse(REF, "is empty", "Give each row a key of its own.")
        lines.append(line)
    return lines


async def _refuse_repeated(import_id: UUID, lines: Sequence[_Line], uow: UnitOfWork) -> None:
    """Refuse rows whose key an earlier row of the file has."""
    refs = {one.ref for one in lines if one.ref is not None}
    seen = await imports.earlier_lines(
        uow.connection, import_id, sorted(refs), before=lines[0].line
    )
    for line in lines:
        if line.ref is None:
            continue
        first = seen.setdefault(line.ref, line.line)
        if first != line.line:
            line.refuse(REF, f"stands in line {first} too", "Give each row a key of its own.")


async def _name_customers(lines: Sequence[_Line], uow: UnitOfWork) -> None:
    """Let customers who are named by number be named by id."""
    numbers = {one for line in lines if isinstance(one := line.cells.get(CUSTOMER), str)}
    ids = await imports.customers_by_number(uow.connection, sorted(numbers))
    for line in lines:
        named = line.cells.get(CUSTOMER)
        if isinstance(named, str):
            if named in ids:
                line.cells[CUSTOMER] = ids[named]
            else:
                line.refuse(
                    CUSTOMER,
                    f"no live customer has the number {named[:60]!r}",
                    "Correct it, or add the customer first; it is known here in a moment.",
                )


def _ask(line: _Line, source: str) -> None:
    """Say what a row asks for: a new activity, or another state of the one that its key names."""
    cells, present = line.cells, line.present
    if present is not None and present.deleted_at is not None:
        line.refuse(
            REF,
            f"activity {present.activity_id} is deleted",
            f"Restore it first: POST /v1/activities/{present.activity_id}/restore.",
        )
        return
    if present is None:
        missing = [field for field in (CUSTOMER, "category") if field not in cells]
        for field in missing:
            line.refuse(field, "is empty, and there is no such activity yet", "Fill it in.")
        if missing:
            return
        stands = SaveActivity(cells[CUSTOMER], cells["category"], source=source, ref=line.ref)
    else:
        stands = _as_it_stands(present)
    if "time" in cells and "starts_at" not in cells:
        line.refuse("starts_at", "is empty though there is a time of day", "Fill in the day.")
        return
    line.command = _told(stands, cells)


def _as_it_stands(present: Row[Any]) -> SaveActivity:
    return SaveActivity(
        customer_id=present.customer_id,
        category=present.category_number,
        subject=present.subject,
        memo=present.memo,
        result=present.result,
        contacts=tuple(present.contacts),
        opportunity_id=present.opportunity_id,
        attributes=frozenset(present.attribute_numbers),
        seller=present.seller,
        participants=tuple(present.participants),
        state=State(present.state),
        starts_at=present.starts_at,
        ends_at=present.ends_at,
        due_at=present.due_at,
        channel=present.channel,
        direction=present.direction,
    )


def _told(stands: SaveActivity, cells: Mapping[str, Any]) -> SaveActivity:
    """Return the command with what the cells say instead; an end moves with its beginning."""
    own = {
        "customer_id" if field == CUSTOMER else field: value
        for field, value in cells.items()
        if field not in (REF, "time", "starts_at")
    }
    if "starts_at" in cells:
        own["starts_at"] = begins_at(cells["starts_at"], cells.get("time"))
    if stands.ends_at is not None and stands.starts_at is not None and "ends_at" not in own:
        own.setdefault("duration", stands.ends_at - stands.starts_at)
        own["ends_at"] = None
    return replace(stands, **own)


def _planned(
    lines: Sequence[_Line], plan: Planner
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[RowFate]]:
    """Return the rows of new and of changed activities, and the fate of every line."""
    created: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    fates: list[RowFate] = []
    for line in lines:
        row, fate = None, REFUSED
        _refuse_erased(line, plan)
        if line.command is not None and not line.problems:
            try:
                if line.present is None:
                    row, fate = plan.new(line.command), CREATED
                    created.append(row)
                else:
                    row = plan.changed(line.command, line.present)
                    fate = UNCHANGED if _is_as(line.present, row) else CHANGED
                    if fate == CHANGED:
                        changed.append(row)
            except Refusal as refusal:
                _refuse(line, refusal)
        fates.append(
            RowFate(
                line.line,
                fate,
                line.ref,
                None if row is None else row["activity_id"],
                tuple(line.problems),
            )
        )
    return created, changed, fates


def _refuse_erased(line: _Line, plan: Planner) -> None:
    """Refuse to say anything of an erased person again: what was said was emptied for good."""
    contacts = () if line.command is None else line.command.contacts
    if any(found.erased for one in contacts if (found := plan.known.contacts.get(one))):
        line.refuse(
            REF, "a person who took part was erased", "Leave the row out; the activity stays."
        )


def _refuse(line: _Line, refusal: Refusal) -> None:
    if refusal.fields:
        for one in refusal.fields:
            line.refuse(one.field, one.reason, one.remedy)
    else:
        line.refuse(str(refusal.facts.get("field", "row")), refusal.detail, refusal.remedy)


def _is_as(present: Row[Any], row: Mapping[str, Any]) -> bool:
    """Tell whether an activity says already what a row of it would."""
    return all(_comparable(getattr(present, name)) == _comparable(row[name]) for name in row)


def _comparable(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


async def _apply(
    created: Sequence[Mapping[str, Any]],
    changed: Sequence[Mapping[str, Any]],
    present: Mapping[UUID, Row[Any]],
    uow: UnitOfWork,
) -> None:
    if created:
        await store_activities(created, uow)
    if changed:
        ids = [row["activity_id"] for row in changed]
        await store.update_activities(uow.connection, changed, now=uow.now)
        after = await tell_activities(ids, uow)
        await keep_tally([present[one] for one in ids], after.values(), uow)


_FIELD_OF = {"customer_id": CUSTOMER, "duration_minutes": "duration"}


def _by_header(fates: Sequence[RowFate], mapping: Mapping[str, str]) -> list[RowFate]:
    """Let problems name the columns of the file instead of fields."""
    headers = {field: header for header, field in mapping.items()}
    return [
        replace(
            one,
            problems=tuple(
                (headers.get(_FIELD_OF.get(field, field), field), reason, remedy)
                for field, reason, remedy in one.problems
            ),
        )
        for one in fates
    ]
