"""What imports do with rows of opportunities: how they are read, planned, stored, taken back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.import_cells import StageNamed, minor_units, read_cell
from services.pipeline.domain.lists import PIPELINE
from services.pipeline.domain.opportunity import Line as Part
from services.pipeline.domain.opportunity import Rules
from services.pipeline.handlers.plan_opportunity import Planner, SaveOpportunity, planner
from services.pipeline.handlers.process import Process, process_of
from services.pipeline.handlers.save_opportunity import store_opportunities
from services.pipeline.handlers.tell_opportunities import tell_changes, tell_opportunities
from services.pipeline.persistence import opportunities as store
from services.pipeline.persistence.stages import keep_values
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork
from shared.imports.cells import Titles
from shared.imports.customers import name_customers
from shared.imports.fields import CUSTOMER
from shared.imports.imports import Line

_ALIKE = (
    "name",
    "memo",
    "expected_close",
    "pipeline",
    "stage",
    "probability",
    "sellers",
    "type",
    "source",
    "rejection",
    "closed_on",
)


class ImportedOpportunities:
    """Opportunities out of files (`Records`), by the rules of an installation."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def read_cell(self, column: str, cell: str, zone: ZoneInfo, titles: Titles) -> Any:
        """Return what a cell says; raise `InvalidField` where it cannot mean anything."""
        return read_cell(column, cell, zone, titles)

    async def look_up(self, lines: Sequence[Line], uow: UnitOfWork) -> None:
        """Let customers be named by id, projects with their source, stages by number."""
        await name_customers(lines, uow)
        await _name_projects(lines, uow)
        process = process_of(await keep_values(uow.connection, ()))
        for line in lines:
            named = line.cells.get("stage")
            if isinstance(named, StageNamed):
                try:
                    line.cells["stage"] = named.among(_stages_of(line, process))
                except InvalidField as error:
                    line.refuse("stage", error.fields[0].reason, error.remedy)

    async def known(
        self, connection: AsyncConnection, source: str, refs: Collection[str]
    ) -> dict[str, UUID]:
        """Return the opportunities that have these keys of a source, deleted ones too."""
        return await store.known_references(connection, source, refs)

    async def fetch(
        self, connection: AsyncConnection, ids: Collection[UUID], *, lock: bool = False
    ) -> dict[UUID, Row[Any]]:
        """Return opportunities by id, deleted ones too; locked in one order if asked."""
        return await store.fetch_opportunities(connection, ids, lock=lock)

    def command(self, line: Line, source: str) -> SaveOpportunity | None:
        """Return what a row asks for; refuse, in its line, what cannot be said so."""
        cells, present = line.cells, line.present
        money = self._money(line)
        if present is None:
            for field in _missing(cells):
                line.refuse(field, "is empty, and there is no such opportunity yet", "Fill it in.")
        if line.problems:
            return None
        if present is not None:
            stands = _as_it_stands(present)
        else:
            stands = SaveOpportunity(
                name=cells["name"],
                expected_close=cells.get("expected_close") or cells["closed_on"],
                ref=(source, line.ref or ""),
            )
        told = {field: cells[field] for field in _ALIKE if field in cells}
        if CUSTOMER in cells or "project" in cells:
            # A project brings its customer where none is said.
            told["customer_id"] = cells.get(CUSTOMER)
        if "project" in cells:
            told["project"] = cells["project"]
        return replace(stands, **told, **money)

    def _money(self, line: Line) -> dict[str, Any]:
        """Return value and currency as far as a row says them."""
        cells = line.cells
        held = self._rules.currency if line.present is None else line.present.currency
        told = {one for one in (_written(cells), cells.get("currency")) if one is not None}
        if len(told) > 1:
            line.refuse("currency", f"the value is in {_written(cells)}", "Name one of the two.")
            return {}
        currency = next(iter(told), held)
        if "value" not in cells:
            if line.present is not None and currency != held:
                line.refuse(
                    "value", f"is empty though {held} becomes {currency}", f"Give it in {currency}."
                )
            return {"currency": currency}
        try:
            return {"value": minor_units(cells["value"], currency), "currency": currency}
        except InvalidField as error:
            line.refuse("value", error.fields[0].reason, error.remedy)
            return {}

    async def planner(self, commands: Sequence[SaveOpportunity], uow: UnitOfWork) -> Planner:
        """Return who plans these commands; what they name is kept until the commit."""
        return await planner(commands, uow, self._rules)

    def is_as(self, present: Row[Any], row: Mapping[str, Any]) -> bool:
        """Tell whether an opportunity says already what a row of it would."""
        # Of the lines it is made of, files say nothing.
        return all(getattr(present, name) == row[name] for name in row if name != "lines")

    async def store(self, rows: Sequence[Mapping[str, Any]], uow: UnitOfWork) -> None:
        """Store new opportunities and tell of them."""
        await store_opportunities(rows, uow)

    async def change(
        self,
        rows: Sequence[Mapping[str, Any]],
        present: Mapping[UUID, Row[Any]],
        uow: UnitOfWork,
    ) -> None:
        """Store changed opportunities and tell of them."""
        await store.update_opportunities(uow.connection, rows, now=uow.now)
        ids = [row["opportunity_id"] for row in rows]
        await tell_changes(ids, {one: present[one] for one in ids}, uow)

    async def delete(self, rows: Sequence[Row[Any]], uow: UnitOfWork) -> None:
        """Delete opportunities and tell of it."""
        ids = [row.opportunity_id for row in rows]
        await store.set_deleted(uow.connection, ids, deleted=True, now=uow.now)
        await tell_opportunities(ids, uow)


async def _name_projects(lines: Sequence[Line], uow: UnitOfWork) -> None:
    """Let projects be named with their source: that of the opportunity, else the only one."""
    refs = {ref for line in lines if (ref := line.cells.get("project")) is not None}
    sources = await store.projects_called(uow.connection, sorted(refs))
    for line in lines:
        ref = line.cells.get("project")
        if ref is None:
            continue
        of = sources.get(ref, [])
        if line.present is not None and line.present.project_source in of:
            of = [line.present.project_source]
        if len(of) == 1:
            line.cells["project"] = (of[0], ref)
        elif of:
            line.refuse("project", f"{', '.join(of)[:300]} have such", "Put it there by hand.")
        else:
            line.refuse(
                "project",
                f"no project {ref[:60]!r} is known here",
                "Correct it; a project told just now is known in a moment, so try again.",
            )


def _stages_of(line: Line, process: Process) -> frozenset[int]:
    """Return the numbers of the stages of the pipeline in which a row is to stand."""
    told = process.values.get((PIPELINE, line.cells.get("pipeline", 0)))
    if told is not None:
        key = told.key
    else:
        key = process.pipeline(None, None if line.present is None else line.present.pipeline)
    return frozenset(stage.number for stage in process.of(key))


def _missing(cells: Mapping[str, Any]) -> list[str]:
    missing = [] if CUSTOMER in cells or "project" in cells else [CUSTOMER]
    if "name" not in cells:
        missing.append("name")
    if "expected_close" not in cells and "closed_on" not in cells:
        missing.append("expected_close")
    return missing


def _written(cells: Mapping[str, Any]) -> str | None:
    """Return the currency that is written with the value."""
    amount = cells.get("value")
    return None if amount is None else amount.currency


def _as_it_stands(present: Row[Any]) -> SaveOpportunity:
    return SaveOpportunity(
        name=present.name,
        expected_close=present.expected_close,
        customer_id=present.customer_id,
        project=(present.project_source, present.project_ref) if present.project_ref else None,
        memo=present.memo,
        value=present.value,
        currency=present.currency,
        lines=tuple(
            Part(one["title"], Decimal(one["quantity"]), one["unit_price"]) for one in present.lines
        ),
        type=present.type_number,
        source=present.origin_number,
        contacts=tuple(present.contacts),
        sellers=tuple(zip(present.sellers, present.weights, strict=True)),
    )
