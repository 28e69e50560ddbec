"""Decide since when relationships last, for the customers whose documents or rule changed."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.customers.domain.events import RelationshipStarted
from services.customers.domain.relationship import CountedDocument, Relationship, relationship_from
from services.customers.domain.settings import StartRule
from services.customers.persistence.customers import fetch_customers, set_relationships
from services.customers.persistence.rows import customer_told
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


async def tell_customers(
    customer_ids: Collection[UUID], uow: UnitOfWork
) -> Mapping[UUID, Row[Any]]:
    """Record the whole state of these customers for the public, and return their rows."""
    rows = await fetch_customers(uow.connection, customer_ids)
    uow.record_all(customer_told(rows[customer_id]) for customer_id in customer_ids)
    return rows
