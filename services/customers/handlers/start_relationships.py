"""Decide since when relationships last, for the customers whose documents or rule changed."""

from collections.abc import Collection, Iterator, Mapping
from uuid import UUID

from services.customers.domain.events import FirstDocumentKnown, RelationshipStarted
from services.customers.domain.relationship import CountedDocument, Relationship, relationship_from
from services.customers.domain.settings import StartRule, start_rule
from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence.customers import set_relationships
from services.customers.persistence.documents import first_documents, lock_customers, next_told
from services.customers.persistence.rows import relationship_of
from shared.chassis.unit_of_work import UnitOfWork


def changed_starts(
    firsts: Mapping[UUID, list[CountedDocument]],
    present: Mapping[UUID, Relationship | None],
    rule: StartRule,
) -> dict[UUID, Relationship | None]:
    """Return the customers whose start is to be another one, with the new start."""
    return {
        customer_id: start
        for customer_id, now_held in present.items()
        if (start := relationship_from(firsts.get(customer_id, []), rule=rule, present=now_held))
        != now_held
    }


async def follow_documents(
    customer_ids: Collection[UUID],
    firsts_before: Mapping[UUID, list[CountedDocument]],
    uow: UnitOfWork,
    *,
    settings: dict[str, int | None],
) -> None:
    """Let starts follow documents that went from locked customers to others, and tell firsts."""
    if not customer_ids:
        return
    rows = await lock_customers(uow.connection, customer_ids)
    present = {one: relationship_of(row) for one, row in rows.items() if row.deleted_at is None}
    firsts = await first_documents(uow.connection, present)
    before = {one: firsts_before[one] for one in firsts_before if one in present}
    await tell_first_documents(before, firsts, uow)
    starts = changed_starts(firsts, present, start_rule(settings))
    await start_relationships(starts, present, uow)


async def tell_first_documents(
    before: Mapping[UUID, list[CountedDocument]],
    after: Mapping[UUID, list[CountedDocument]],
    uow: UnitOfWork,
) -> None:
    """Record which first documents of locked customers are others than before, or are no more."""
    changed = [
        (customer_id, document, withdrawn)
        for customer_id in before.keys() | after.keys()
        for document, withdrawn in _changed_firsts(
            before.get(customer_id, []), after.get(customer_id, [])
        )
    ]
    if changed:
        version = await next_told(uow.connection)
        uow.record_all(
            FirstDocumentKnown(customer_id, document, version, withdrawn)
            for customer_id, document, withdrawn in changed
        )


def _changed_firsts(
    before: Collection[CountedDocument], after: Collection[CountedDocument]
) -> Iterator[tuple[CountedDocument, bool]]:
    """Yield first documents that are new, and those of whose kind there is none any more."""
    yield from ((one, False) for one in after if one not in before)
    kinds = {one.kind for one in after}
    yield from ((one, True) for one in before if one.kind not in kinds)


async def start_relationships(
    starts: Mapping[UUID, Relationship | None],
    present: Mapping[UUID, Relationship | None],
    uow: UnitOfWork,
) -> None:
    """Store changed starts and record what the public is to hear of them."""
    if not starts:
        return
    await set_relationships(uow.connection, starts, now=uow.now)
    rows = await tell_customers(starts, uow)
    for customer_id, start in starts.items():
        before = present[customer_id]
        if start is not None:
            uow.record(
                RelationshipStarted(
                    customer_id=customer_id,
                    version=rows[customer_id].version,
                    relationship=start,
                    previously=before.started_on if before else None,
                )
            )
