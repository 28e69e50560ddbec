"""What the imports of a service are of, and what the service does with their rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.errors import Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork
from shared.imports.cells import Titles
from shared.imports.fields import REF, ImportFields
from shared.imports.store import ImportStore


@dataclass(slots=True)
class Line:
    """A row on its way: what its cells say, what it asks for, why it is refused."""

    line: int
    cells: dict[str, Any] = field(default_factory=dict)
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    command: Any = None
    """What is to be planned; None if there is nothing to."""

    present: Row[Any] | None = None
    """The record that its key names, if there is one."""

    @property
    def ref(self) -> str | None:
        """Return the key of the row."""
        return self.cells.get(REF)

    def refuse(self, column: str, reason: str, remedy: str) -> None:
        """Note why the row is refused."""
        self.problems.append((column, reason, remedy))


class Planner(Protocol):
    """Makes rows of commands; raises the refusal that names the field."""

    def new(self, command: Any) -> dict[str, Any]:
        """Return the row of a new record."""

    def changed(self, command: Any, present: Row[Any]) -> dict[str, Any]:
        """Return the row of a changed record."""


class Records(Protocol):
    """What a service does with rows of files. Many cost a constant number of statements."""

    def read_cell(self, column: str, cell: str, zone: ZoneInfo, titles: Titles) -> Any:
        """Return what a cell says; raise `InvalidField` where it cannot mean anything."""

    async def look_up(self, lines: Sequence[Line], uow: UnitOfWork) -> None:
        """Replace what cells name by what is known here; refuse, in its line, what is not."""

    async def known(
        self, connection: AsyncConnection, source: str, refs: Collection[str]
    ) -> dict[str, UUID]:
        """Return the records that have these keys of a source, deleted ones too."""

    async def fetch(
        self, connection: AsyncConnection, ids: Collection[UUID], *, lock: bool = False
    ) -> dict[UUID, Row[Any]]:
        """Return records by id, deleted ones too; locked in one order if asked."""

    def command(self, line: Line, source: str) -> Any:
        """Return what a row asks for; if that cannot be said, refuse it in its line."""

    async def planner(self, commands: Sequence[Any], uow: UnitOfWork) -> Planner:
        """Return who plans these commands; what they name is kept until the commit."""

    def is_as(self, present: Row[Any], row: Mapping[str, Any]) -> bool:
        """Tell whether a record says already what a row of it would."""

    async def store(self, rows: Sequence[Mapping[str, Any]], uow: UnitOfWork) -> None:
        """Store new records and tell of them."""

    async def change(
        self,
        rows: Sequence[Mapping[str, Any]],
        present: Mapping[UUID, Row[Any]],
        uow: UnitOfWork,
    ) -> None:
        """Store changed records, which stood as `present` says, and tell of them."""

    async def delete(self, rows: Sequence[Row[Any]], uow: UnitOfWork) -> None:
        """Delete these live records and tell of it."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """Why an import cannot go on, each with a slug of the service's own."""

    not_found: type[Refusal]
    not_mapped: type[Refusal]
    busy: type[Refusal]
    not_run: type[Refusal]
    too_many: type[Refusal]


class Imports:
    """The imports of one service: their fields, statements, refusals, and its records."""

    def __init__(self, fields: ImportFields, records: Records) -> None:
        self.fields = fields
        self.records = records
        self.store = ImportStore(fields.record)
        self.path = f"/v1/{fields.record}-imports"
        self.lane = f"{fields.record}-imports"
        self.rehearsal = f"{fields.record}-import-rehearsal"
        self.run = f"{fields.record}-import-run"
        self.undo = f"{fields.record}-import-undo"
        self.refusals = _refusals(fields, self.path)

    async def found(
        self, connection: AsyncConnection, import_id: UUID, *, lock: bool = False
    ) -> Row[Any]:
        """Return an import, locked if asked; refuse one that is not there."""
        row = await self.store.find_import(connection, import_id, lock=lock)
        if row is None:
            raise self.refusals.not_found(f"There is no import {import_id}.")
        return row


def _refusals(fields: ImportFields, path: str) -> Refusals:
    slug = f"{fields.record}_import"

    def refusal(kind: Kind, name: str, about: str, remedy: str) -> type[Refusal]:
        title = "".join(part.title() for part in name.split("_"))
        return type(
            title, (Refusal,), {"__doc__": about, "kind": kind, "slug": name, "remedy": remedy}
        )

    return Refusals(
        not_found=refusal(
            Kind.NOT_FOUND,
            f"{slug}_not_found",
            f"There is no such import of {fields.many}.",
            f"List them: GET {path}. Their rows go after the retention.",
        ),
        not_mapped=refusal(
            Kind.CONFLICT,
            f"{slug}_not_mapped",
            f"The headers do not tell which columns each row needs: {', '.join(fields.needed)}.",
            f"Say what the columns mean: PUT {path}/{{id}}/mapping.",
        ),
        busy=refusal(
            Kind.CONFLICT,
            f"{slug}_busy",
            "The import is being worked on, or has been run.",
            "Wait for the job or cancel it. What has been run is not run again: send a new file.",
        ),
        not_run=refusal(
            Kind.CONFLICT,
            f"{slug}_not_run",
            "Nothing was recorded that could be undone.",
            "There is nothing to undo.",
        ),
        too_many=refusal(
            Kind.UNAVAILABLE,
            "too_many_uploads",
            "Other files are being read; each takes memory and time.",
            "Try again after the time in Retry-After.",
        ),
    )
