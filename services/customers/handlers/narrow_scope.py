"""Narrow where a category may be ticked: refused while it is in use there, or forced (TS-A10)."""

from typing import Any

from sqlalchemy.engine import Row

from services.customers.domain.events import OperationCompleted
from services.customers.domain.lists import ListDefinition
from services.customers.handlers.tell_records import tell_contacts, tell_customers
from services.customers.persistence import holders as store
from services.customers.persistence.holders import CUSTOMERS
from services.customers.persistence.operations import belong_to, insert_operation
from shared.chassis.errors import Kind, Refusal
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork

CHUNK = 2000


class ScopeInUse(Refusal):
    """Records that the new scope leaves out hold the value."""

    kind = Kind.CONFLICT
    slug = "scope_in_use"
    remedy = "Take it away from them first, or send the change with ?force=true, which does."


async def narrow_scope(
    definition: ListDefinition, row: Row[Any], scope: object, uow: UnitOfWork, *, force: bool
) -> None:
    """Refuse a scope that leaves out who holds the value; forced, take it away as one operation."""
    left_out = [one for one in store.holders_of(definition) if scope not in ("both", one.table)]
    counts: dict[str, int] = {}
    blockers: list[str] = []
    for holder in left_out:
        used = await store.usage(uow.connection, row, holder)
        counts |= {f"{holder.table}s": used.live, f"deleted_{holder.table}s": used.deleted}
        blockers += [str(one) for one in used.first]
    if not any(counts.values()):
        return
    if not force:
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
        raise ScopeInUse(
            f"{row.title!r} is held by {told}.", facts={**counts, "blockers": blockers}
        )
    operation_id = new_id()
    await belong_to(uow.connection, operation_id)
    live = deleted = 0
    for holder in left_out:
        changed = await store.take_from_holders(uow.connection, holder, row, now=uow.now)
        tell = tell_customers if holder is CUSTOMERS else tell_contacts
        for begin in range(0, len(changed), CHUNK):
            await tell([one for one, _ in changed[begin : begin + CHUNK]], uow)
        if holder is CUSTOMERS:
            deleted = sum(is_deleted for _, is_deleted in changed)
            live = len(changed) - deleted
    await insert_operation(
        uow.connection,
        operation_id,
        {"narrow": definition.name, "number": row.number, "scope": scope, **counts},
        customers=live,
        deleted=deleted,
        now=uow.now,
    )
    uow.record(OperationCompleted(operation_id, live, deleted))
