"""Plan an opportunity: what it names is looked up, and what cannot be is refused by field.

Many are planned with a constant number of statements; so are imports, which refuse row by row.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.pipeline.domain.lists import (
    OPPORTUNITY_SOURCE,
    OPPORTUNITY_TYPE,
    REJECTION_REASON,
)
from services.pipeline.domain.opportunity import (
    Line,
    Rules,
    checked_close,
    checked_sellers,
    checked_value,
)
from services.pipeline.domain.stages import Said, Stage, check_move, entered, missing
from services.pipeline.handlers.process import (
    Process,
    fields_of,
    process_of,
    standing_columns,
    standing_of,
)
from services.pipeline.persistence.opportunities import find_projects
from services.pipeline.persistence.stages import keep_values
from shared.chassis.clock import day_of
from shared.chassis.errors import InvalidField
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork
from shared.projection.merged import survivors
from shared.projection.store import find_contacts, find_customers


@dataclass(frozen=True, slots=True)
class SaveOpportunity:
    """What is said about an opportunity; values of lists go by number, sellers by their key.

    Customer or project is needed; a project (source and reference) brings its customer. Left out:
    pipeline and stage stay, or are the first; a probability by hand stays, or it is the stage's; a
    reason stays, or is the stage's; the currency stays, or is the house's.
    """

    name: str
    expected_close: date
    customer_id: UUID | None = None
    project: tuple[str, str] | None = None
    memo: str = ""
    value: int | None = None
    currency: str | None = None
    lines: tuple[Line, ...] = ()
    pipeline: int | None = None
    stage: int | None = None
    probability: int | None = None
    reset_probability: bool = False
    rejection: int | None = None
    closed_on: date | None = None
    type: int | None = None
    source: int | None = None
    contacts: tuple[UUID, ...] = ()
    sellers: tuple[tuple[str, int | None], ...] = ()
    ref: tuple[str, str] | None = None
    """The key that it has where it was imported from, with whose key that is."""


@dataclass(frozen=True, slots=True)
class Known:
    """What commands name, as it is known here; values are kept from deletion."""

    process: Process
    customers: Mapping[UUID, Row[Any]]
    contacts: Mapping[UUID, Row[Any]]
    projects: Mapping[tuple[str, str], Row[Any]]
    survivors: Mapping[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes rows of commands, at one moment and by the rules of one installation."""

    known: Known
    now: datetime
    rules: Rules

    def new(self, command: SaveOpportunity) -> dict[str, Any]:
        """Return the row of a new opportunity; raise the refusal that names the field."""
        source, ref = command.ref or (None, None)
        return {
            "opportunity_id": new_id(),
            **self._row(command, None),
            "source": source,
            "ref": ref,
        }

    def changed(self, command: SaveOpportunity, present: Row[Any]) -> dict[str, Any]:
        """Return the row of a changed opportunity; what it holds already may stay."""
        return {"opportunity_id": present.opportunity_id, **self._row(command, present)}

    def _row(self, command: SaveOpportunity, present: Row[Any] | None) -> dict[str, Any]:
        pipeline, stage = self._stage(command, present)
        process = self.known.process
        rejection, type_, origin = (
            None
            if number is None
            else process.value(field, name, number, getattr(present, column, None)).key
            for field, name, number, column in (
                ("rejection", REJECTION_REASON, command.rejection, "rejection"),
                ("type", OPPORTUNITY_TYPE, command.type, "type"),
                ("source", OPPORTUNITY_SOURCE, command.source, "origin"),
            )
        )
        standing = entered(
            stage,
            None if present is None else standing_of(present),
            Said(command.probability, command.reset_probability, rejection, command.closed_on),
            today=day_of(self.now, self.rules.zone),
            reason_required=self.rules.reason_required,
        )
        sellers = checked_sellers(command.sellers)
        row = {
            **self._subject(command, present),
            "name": command.name,
            "memo": command.memo,
            "value": checked_value(command.value, command.lines),
            "currency": command.currency or getattr(present, "currency", self.rules.currency),
            "lines": [{**asdict(line), "total": line.total} for line in command.lines],
            "expected_close": checked_close("expected_close", command.expected_close),
            "pipeline": pipeline,
            **standing_columns(standing),
            "type": type_,
            "origin": origin,
            "contacts": self._contacts(command, present),
            "sellers": [seller for seller, _ in sellers],
            "weights": [weight for _, weight in sellers],
        }
        check_asked(stage, row, present)
        return row

    def _stage(self, command: SaveOpportunity, present: Row[Any] | None) -> tuple[int, Stage]:
        process = self.known.process
        if present is None:
            pipeline = process.pipeline(command.pipeline, None)
            if command.stage is None:
                return pipeline, process.first(pipeline)
            return pipeline, process.stage(command.stage, pipeline, None)
        return chosen_stage(process, present, command.pipeline, command.stage)

    def _subject(self, command: SaveOpportunity, present: Row[Any] | None) -> dict[str, Any]:
        """Return customer, project and the rule that this breaks (TS-32, TS-33, TS-A5, VF-A6)."""
        source, ref = command.project or (None, None)
        if present is not None and command.customer_id in (None, present.customer_id):
            held = (present.project_source, present.project_ref)
            if held == (source, ref) and (command.customer_id or command.project):
                # As it was put there: whatever became of customer and project since.
                return _subject(present.customer_id, source, ref, present.rule_violated)
        customer_id, rule = command.customer_id, None
        if command.project is not None:
            project = self.known.projects.get(command.project)
            if project is None:
                raise InvalidField(
                    "project_ref",
                    f"no project {ref!r} of {source!r} is known here",
                    "Check both; a project told just now is known in a moment, so try again.",
                )
            rule = project.violated_rule
            if customer_id not in (None, project.customer_id):
                self._check_customer(customer_id, present)
                raise InvalidField(
                    "customer_id",
                    f"project {ref!r} is of customer {project.customer_id}",
                    f"Send {project.customer_id}, or leave it out.",
                )
            customer_id = project.customer_id
        if customer_id is None:
            raise InvalidField(
                "customer_id", "there is neither a customer nor a project", "Send one of the two."
            )
        self._check_customer(customer_id, present)
        return _subject(customer_id, source, ref, rule)

    def _check_customer(self, customer_id: UUID | None, present: Row[Any] | None) -> None:
        row = None if customer_id is None else self.known.customers.get(customer_id)
        if row is None:
            raise InvalidField(
                "customer_id",
                f"no customer {customer_id} is known here",
                "Check the id; a customer created just now is known in a moment, so try again.",
            )
        if present is not None and present.customer_id == customer_id:
            return
        if row.merged_into is not None:
            survivor = self.known.survivors[row.customer_id]
            raise InvalidField(
                "customer_id",
                f"customer {customer_id} was merged into {survivor}",
                f"Send {survivor}.",
            )
        if row.deleted:
            raise InvalidField(
                "customer_id", f"customer {customer_id} is deleted", "Restore it first."
            )

    def _contacts(self, command: SaveOpportunity, present: Row[Any] | None) -> list[UUID]:
        held: Collection[UUID] = () if present is None else present.contacts
        wanted = sorted(set(command.contacts))
        for one in wanted:
            row = self.known.contacts.get(one)
            if row is None:
                raise InvalidField(
                    "contacts",
                    f"no contact {one} is known here",
                    "Check the id; a contact created just now is known in a moment, so try again.",
                )
            if row.erased or (row.deleted and one not in held):
                raise InvalidField("contacts", f"contact {one} is deleted", "Leave it out.")
        return wanted


async def planner(commands: Iterable[SaveOpportunity], uow: UnitOfWork, rules: Rules) -> Planner:
    """Return who plans these commands: what they name is looked up, and kept until the commit."""
    commands = list(commands)
    connection = uow.connection
    rows = await keep_values(connection, sorted({one for c in commands for one in _values(c)}))
    projects = await find_projects(connection, {c.project for c in commands if c.project})
    named = {c.customer_id for c in commands if c.customer_id is not None}
    named |= {project.customer_id for project in projects.values()}
    customers = await find_customers(connection, named)
    merged = [row.customer_id for row in customers.values() if row.merged_into is not None]
    known = Known(
        process=process_of(rows),
        customers=customers,
        contacts=await find_contacts(connection, {one for c in commands for one in c.contacts}),
        projects=projects,
        survivors=await survivors(connection, merged) if merged else {},
    )
    return Planner(known, uow.now, rules)


def chosen_stage(
    process: Process, present: Row[Any], pipeline: int | None, stage: int | None
) -> tuple[int, Stage]:
    """Return pipeline and stage, as numbers chosen, of an opportunity; refuse a forbidden move.

    What is left out stays; in another pipeline it is the first stage.
    """
    key = process.pipeline(pipeline, present.pipeline)
    before = process.present(present.stage)
    if stage is not None:
        after = process.stage(stage, key, present.stage)
    elif key == present.pipeline:
        after = before
    else:
        after = process.first(key)
    check_move(before, after, across=pipeline is not None)
    return key, after


def check_asked(stage: Stage, row: Mapping[str, Any], present: Row[Any] | None) -> None:
    """Refuse an opportunity without a field that its stage asks for, unless it lacked it there."""
    had = None
    if present is not None and present.stage == stage.key:
        had = fields_of(present._asdict())
    if empty := missing(stage, fields_of(row), had):
        raise InvalidField(
            empty[0],
            f"{stage.title!r} ({stage.number}) asks for {', '.join(empty)}",
            "Say it, or choose another stage.",
        )


def _subject(
    customer_id: UUID, source: str | None, ref: str | None, rule: str | None
) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "project_source": source,
        "project_ref": ref,
        "rule_violated": rule,
    }


def _values(command: SaveOpportunity) -> Iterable[tuple[str, int]]:
    named = ((OPPORTUNITY_TYPE, command.type), (OPPORTUNITY_SOURCE, command.source))
    return [(name, number) for name, number in named if number is not None]
