"""Record an ERP's projects; whoever was picked for one against a rule is recorded as well.

The ERP asks before it creates (VF-12). What comes all the same is never dropped: it is kept, and
told, with the rule that it breaks (VF-A6). A later change of flag or status breaks no rule
afterwards (VF-A5).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.customers.domain.eligibility import Eligibility, Purpose, Status, eligibility
from services.customers.domain.events import RuleViolated
from services.customers.domain.projects import ProjectState, contradiction, is_newer, picks
from services.customers.handlers.named_customers import of_known_customers
from services.customers.handlers.read_history import statuses_of
from services.customers.handlers.tell_records import tell_projects
from services.customers.persistence.documents import lock_customers
from services.customers.persistence.projects import (
    insert_projects,
    keep_violations,
    lock_projects,
    update_projects,
)
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts import erp

Told = tuple[Message[erp.ProjectSaved], ProjectState]


def on_project_saved(
    countries: Collection[str],
) -> Callable[[Batch[Any], UnitOfWork], Any]:
    """Return the handler for projects; `countries` are those whose business ids are known."""

    async def handle(batch: Batch[erp.ProjectSaved], uow: UnitOfWork) -> None:
        known = await of_known_customers(batch, uow, countries)
        told = [(message, _state(message, customer_id)) for message, customer_id in known]
        if told:
            await _record(batch, told, uow)

    return handle


async def _record(batch: Batch[Any], told: Sequence[Told], uow: UnitOfWork) -> None:
    # Locked before the projects are looked at, so that nobody's status changes while it is judged.
    customers = await lock_customers(
        uow.connection, {state.customer_id for _, state in told}, resolved=True
    )
    statuses = await statuses_of(customers.values(), uow.connection)
    known = await lock_projects(uow.connection, {state.key for _, state in told})
    verdicts = {one: eligibility(status, Purpose.PROJECT) for one, status in statuses.items()}
    newest, picked = _fold(batch, told, known, verdicts)
    fresh = [state for key, state in newest.items() if key not in known]
    changed = [state for key, state in newest.items() if key in known and state != known[key]]
    if fresh:
        await insert_projects(uow.connection, fresh)
    if changed:
        await update_projects(uow.connection, changed)
    if fresh or changed:
        await tell_projects([*fresh, *changed], uow)
    violations = _violations(picked, statuses)
    if violations:
        await keep_violations(uow.connection, violations, now=uow.now)
        uow.record_all(violations)


def _fold(
    batch: Batch[Any],
    told: Sequence[Told],
    known: dict[tuple[str, str], ProjectState],
    verdicts: Mapping[UUID, Eligibility],
) -> tuple[dict[tuple[str, str], ProjectState], list[Told]]:
    """Return the states that hold now and what picked a customer; set contradictions aside."""
    states = dict(known)
    picked: list[Told] = []
    for message, state in told:
        current = states.get(state.key)
        refused = None if current is None else contradiction(state, current)
        if refused is not None:
            batch.park(message, reason=refused.reason, detail=refused.detail)
        elif current is None or is_newer(state, current):
            if current is None or picks(state, current):
                verdict = verdicts[state.customer_id]
                state = replace(state, violated_rule=None if verdict.allowed else verdict.rule)
                picked.append((message, state))
            else:
                state = replace(state, violated_rule=current.violated_rule)
            states[state.key] = state
    return states, picked


def _violations(
    picked: Sequence[Told], statuses: Mapping[UUID, Status | None]
) -> list[RuleViolated]:
    return [
        RuleViolated(
            customer_id=state.customer_id,
            purpose=Purpose.PROJECT,
            rule=state.violated_rule,
            status=statuses[state.customer_id],
            project_source=state.source,
            project_ref=state.project_ref,
            event_id=message.message_id,
            said_at=state.said_at,
        )
        for message, state in picked
        if state.violated_rule is not None
    ]


def _state(message: Message[erp.ProjectSaved], customer_id: UUID) -> ProjectState:
    data = message.data
    return ProjectState(
        source=message.source,
        project_ref=data.project_ref,
        version=data.version or 0,
        said_at=message.time or message.received_at,
        customer_id=customer_id,
        name=data.name,
        active=data.active,
    )
