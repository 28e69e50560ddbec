"""Decide since when relationships last, for the customers whose documents or rule changed."""

from collections.abc import Mapping
from uuid import UUID

from services.customers.domain.events import RelationshipStarted
from services.customers.domain.relationship import CountedDocument, Relationship, relationship_from
from services.customers.domain.settings import StartRule
from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence.customers import set_relationships
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
