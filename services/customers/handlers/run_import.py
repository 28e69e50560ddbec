"""Rehearse and run imports, chunk by chunk: a chunk is planned, applied and moved past, or not.

Whoever is killed goes on from the position, and nothing is done twice. A rehearsal plans in the
same way, changes nothing and locks nobody.
"""

import asyncio
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from services.customers.domain.attribute_values import Attribute, value_type_of
from services.customers.domain.business_ids import normal_business_id
from services.customers.domain.classification import Held
from services.customers.domain.events import OperationCompleted
from services.customers.domain.import_cells import Rules, missing_titles
from services.customers.domain.import_fields import Column
from services.customers.domain.import_plan import Plan, plan_rows
from services.customers.domain.import_states import Present
from services.customers.domain.lists import (
    CHOICES_OF,
    COMPULSORY,
    CONTACT_ATTRIBUTE,
    CUSTOMER_STATUS,
    END_REASON,
    HEADCOUNT_CLASS,
    Band,
)
from services.customers.handlers.apply_import import (
    apply_plan,
    named_by,
    read_present,
    remember,
)
from services.customers.handlers.customer_lists import CUSTOMER_LISTS
from services.customers.handlers.save_customer import Here
from services.customers.persistence import imports, operations
from services.customers.persistence.customers import KeyTakenMeanwhile
from services.customers.persistence.register import fetch_settings
from shared.chassis.errors import Kind, Refusal
from shared.chassis.ids import new_id
from shared.chassis.jobs import Job, Step
from shared.chassis.unit_of_work import UnitOfWork
from shared.history.store import belong_to
from shared.lists.save import SaveListValue, create_value
from shared.lists.store import default_values

CHUNK = 2000
PLANNING, RUNNING = "planning", "running"


class ImportNotFound(Refusal):
    """There is no such import."""

    kind = Kind.NOT_FOUND
    slug = "import_not_found"
    remedy = "List the imports: GET /v1/imports. Their rows go after the retention."


class RowsRefused(Refusal):
    """All or nothing was asked for, and some rows cannot be imported."""

    slug = "rows_refused"
    remedy = "Mend the rows (GET /v1/imports/{id}/rows?fate=refused), or allow a part."


def import_step(here: Here, *, runs: bool) -> Callable[[Job, UnitOfWork], Any]:
    """Return the step of a rehearsal, or of a run."""

    async def step(job: Job, uow: UnitOfWork) -> Step:
        import_id = UUID(job.request["import_id"])
        found = await imports.find_import(uow.connection, import_id, lock=True)
        if found is None or found.mapping is None:
            raise ImportNotFound(f"There is no import {import_id} any more.")
        whole = runs and found.mapping["all_or_nothing"]
        position = job.position or {
            "phase": RUNNING if runs and not whole else PLANNING,
            "line": 0,
            "done": 0,
            "counts": {},
            "customers": 0,
        }
        day = date.fromisoformat(job.request["day"])
        return await _step(job, found, position, uow, here, day=day, runs=runs)

    return step


async def _step(
    job: Job,
    found: Row[Any],
    position: dict[str, Any],
    uow: UnitOfWork,
    here: Here,
    *,
    day: date,
    runs: bool,
) -> Step:
    applies = position["phase"] == RUNNING
    total = found.rows * (2 if runs and found.mapping["all_or_nothing"] else 1)
    if position["line"] == 0:
        await imports.clear_fates(uow.connection, found.import_id)
        if applies:
            request = {"import": str(found.import_id), "name": found.name}
            await operations.insert_operation(
                uow.connection, job.job_id, request, customers=0, deleted=0, now=uow.now
            )
    rows = await imports.next_rows(
        uow.connection, found.import_id, after=position["line"], limit=CHUNK
    )
    if rows:
        plan = await _do(job, found, rows, uow, here, day=day, applies=applies)
        await imports.insert_fates(uow.connection, found.import_id, plan.fates)
        counts = Counter(position["counts"]) + Counter(one.fate for one in plan.fates)
        await imports.set_counts(uow.connection, found.import_id, counts)
        position = {
            **position,
            "line": rows[-1][0],
            "done": position["done"] + len(rows),
            "counts": counts,
            "customers": position["customers"] + (len(plan.customers) if applies else 0),
        }
        if applies:
            await imports.raise_operation(uow.connection, job.job_id, customers=len(plan.customers))
    if len(rows) == CHUNK:
        return Step(position, position["done"], total)
    if not applies and runs:
        refused = position["counts"].get("refused", 0)
        if refused:
            raise RowsRefused(f"{refused} of {found.rows} rows are refused.")
        fresh = {"phase": RUNNING, "line": 0, "counts": {}, "customers": 0}
        return Step({**fresh, "done": position["done"]}, position["done"], total)
    result = {"import_id": str(found.import_id), "counts": dict(position["counts"])}
    if applies:
        uow.record(OperationCompleted(job.job_id, position["customers"], 0))
        result["operation_id"] = str(job.job_id)
    return Step(position, position["done"], total, result)


async def _do(
    job: Job,
    found: Row[Any],
    rows: Sequence[tuple[int, list[str]]],
    uow: UnitOfWork,
    here: Here,
    *,
    day: date,
    applies: bool,
) -> Plan:
    columns = [Column(**one) for one in found.mapping["columns"]]
    # In the order in which all lock: settings, values of lists, customers, contacts.
    settings = await fetch_settings(uow.connection, lock=applies)
    rules = await _rules(found.mapping, columns, uow, here, settings=settings, day=day)
    missing = missing_titles([cells for _, cells in rows], rules)
    if applies:
        await belong_to(uow.connection, job.job_id)
        for name, title in missing:
            await create_value(CUSTOMER_LISTS, name, SaveListValue(title=title), uow)
        if missing:
            rules = await _rules(found.mapping, columns, uow, here, settings=settings, day=day)
    else:
        rules = _with_unborn(rules, missing)
    named = named_by(rows, columns, lambda one: normal_business_id(one, here.countries))
    planned = None if applies else found.import_id
    present = await read_present(named, found.source, uow, planned=planned)
    before = Present(dict(present.customers), dict(present.owners), dict(present.contacts))
    # Reading telephone numbers takes time: others go on meanwhile.
    plan = await asyncio.to_thread(plan_rows, rows, present, rules)
    if applies:
        try:
            values = {one.key: one for some in rules.values.values() for one in some}
            await apply_plan(plan, before, found.source, uow, settings=settings, values=values)
        except IntegrityError as error:
            raise KeyTakenMeanwhile("a key was given to somebody else just now") from error
    else:
        await remember(plan, found.import_id, uow)
    return plan


def _with_unborn(rules: Rules, missing: Sequence[tuple[str, str]]) -> Rules:
    """Return rules with the values that a run would create, to rehearse with."""
    values = {name: [*some] for name, some in rules.values.items()}
    titles = {**rules.titles}
    for name, title in missing:
        # No value has such a key, and in all chunks it is the same for a title.
        key = -1 - zlib.crc32(f"{name}\n{title.casefold()}".encode())
        values[name].append(Held(key, name, 0, title, None, {}, archived=False))
        titles[key] = {title.casefold()}
    return replace(rules, values=values, titles=titles)


async def _rules(
    mapping: Mapping[str, Any],
    columns: Sequence[Column],
    uow: UnitOfWork,
    here: Here,
    *,
    settings: Mapping[str, int | None],
    day: date,
) -> Rules:
    names = {name for column in columns if (name := column.list_name) is not None}
    names |= {CUSTOMER_STATUS, END_REASON, HEADCOUNT_CLASS, CONTACT_ATTRIBUTE, *COMPULSORY}
    names |= {CHOICES_OF[name] for name in names & CHOICES_OF.keys()}
    rows = await imports.keep_lists(uow.connection, names)
    values: dict[str, list[Held]] = {name: [] for name in names}
    for row in rows:
        is_archived = row.archived_at is not None
        values[row.list].append(
            Held(row.key, row.list, row.number, row.title, row.parent, row.facts, is_archived)
        )

    def headcount_class(count: int) -> int | None:
        bands = [
            Band(one.key, one.title, one.facts["min"], one.facts["max"])  # type: ignore[arg-type]
            for one in values[HEADCOUNT_CLASS]
            if not one.archived
        ]
        return next((band.key for band in bands if band.holds(count)), None)

    return Rules(
        columns=columns,
        match=mapping["match"],
        values=values,
        titles={
            row.key: {one.casefold() for one in (row.title, *row.titles.values())} for row in rows
        },
        settings=settings,
        attributes={name: _attributes(values, name) for name in CHOICES_OF if name in names},
        default_keys=[
            row.key for row in (await default_values(uow.connection, COMPULSORY)).values()
        ],
        ended_statuses={
            row.key for row in rows if row.list == CUSTOMER_STATUS and row.facts["ended"]
        },
        end_reasons={row.key for row in rows if row.list == END_REASON},
        region=here.region,
        countries=here.countries,
        day=day,
        headcount_class=headcount_class,
        new_id=new_id,
    )


def _attributes(values: Mapping[str, Sequence[Held]], name: str) -> dict[int, Attribute]:
    choices: dict[int | None, set[int]] = defaultdict(set)
    for one in values[CHOICES_OF[name]]:
        choices[one.parent].add(one.key)
    return {
        one.number: Attribute(
            one.key,
            one.number,
            one.title,
            value_type_of(one.facts),
            one.archived,
            frozenset(choices[one.key]),
        )
        for one in values[name]
    }
