"""Whom the documents and projects of an ERP name; while nobody is known by it, they wait."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from services.customers.domain.business_ids import normal_business_id
from services.customers.persistence.documents import Reference, resolve_customers
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts import erp


async def of_known_customers(
    batch: Batch[Any], uow: UnitOfWork, countries: Collection[str]
) -> list[tuple[Message[Any], UUID]]:
    """Return the messages whose customer is known, each with it; the others wait."""
    references = {message.seq: _reference(message, countries) for message in batch}
    customers = await resolve_customers(uow.connection, set(references.values()))
    known: list[tuple[Message[Any], UUID]] = []
    for message in batch:
        customer_id = customers[references[message.seq]]
        if customer_id is None:
            batch.wait(message, waiting_key(references[message.seq]))
        else:
            known.append((message, customer_id))
    return known


def waiting_key(named: Reference) -> str:
    """Return what a document or project waits for while its customer is unknown."""
    return f"customer {named[0]} {named[1]} {named[2]}"


def _reference(
    message: Message[erp.DocumentIdentity | erp.ProjectSaved], countries: Collection[str]
) -> Reference:
    """Return how a document or project names its customer; an ERP's own keys are its own."""
    named = message.data.customer
    if named.erp_ref is not None:
        return "erp_ref", message.source, named.erp_ref
    if named.customer_number is not None:
        return "customer_number", "", named.customer_number
    return "business_id", "", normal_business_id(named.business_id or "", countries)
