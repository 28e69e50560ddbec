"""Narrow where a category may be ticked: refused while it is in use there, or forced (TS-A10)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from services.customers.domain.lists import CUSTOMER
from services.customers.handlers.complete_operation import complete_operation
from services.customers.handlers.tell_records import tell_contacts, tell_customers
from shared.chassis.chunks import chunks
from shared.chassis.errors import Kind, Refusal
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork
from shared.history.store import belong_to
from shared.lists.definition import ListDefinition
from shared.lists.holders import Holder, take_from_holders, usage

CHUNK = 2000


class ScopeInUse(Refusal):
    """Records that the new scope leaves out hold the value."""

    kind = Kind.CONFLICT
    slug = "scope_in_use"
    remedy = "Take it away from them first, or send the change with ?force=true, which does."


async def narrow_scope(
    definition: ListDefinition,
    row: Row[Any],
    holders: Sequence[Holder],
    scope: object,
    uow: UnitOfWork,
    *,
    force: bool,
) -> None:
    """Refuse a scope that leaves out who holds the value; forced, take it away as one operation."""
    left_out = [one for one in holders if scope not in ("both", one.table)]
    counts: dict[str, int] = {}
    blockers: list[str] = []
    for holder in left_out:
        used = await usage(uow.connection, row, holder)
        counts |= {holder.plural: used.live, f"deleted_{holder.plural}": used.deleted}
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
        changed = await take_from_holders(uow.connection, holder, row, now=uow.now)
        tell = tell_customers if holder.table == CUSTOMER else tell_contacts
        for ids in chunks([one for one, _ in changed], CHUNK):
            await tell(ids, uow)
        if holder.table == CUSTOMER:
            deleted = sum(is_deleted for _, is_deleted in changed)
            live = len(changed) - deleted
    request = {"narrow": definition.name, "number": row.number, "scope": scope, **counts}
    await complete_operation(operation_id, request, uow, customers=live, deleted=deleted)
