"""Show what was done with a customer or a contact, and what became of it (LE-01, LE-02)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.persistence.timeline import (
    After,
    Narrow,
    contact_timeline,
    customer_timeline,
)
from shared.chassis.errors import Kind, Refusal
from shared.projection.store import find_contacts, find_customers

_IN_A_MOMENT = "Check the id; what was created just now is known in a moment, so try again."


class CustomerNotKnown(Refusal):
    """Nothing was heard of such a customer."""

    kind = Kind.NOT_FOUND
    slug = "customer_not_found"
    remedy = _IN_A_MOMENT


class ContactNotKnown(Refusal):
    """Nothing was heard of such a contact."""

    kind = Kind.NOT_FOUND
    slug = "contact_not_found"
    remedy = _IN_A_MOMENT


async def read_customer_timeline(
    customer_id: UUID, narrow: Narrow, connection: AsyncConnection, *, after: After, limit: int
) -> Sequence[Row[Any]]:
    """Return entries of a customer, a deleted one too; raise `CustomerNotKnown` of an unknown."""
    if not await find_customers(connection, [customer_id]):
        raise CustomerNotKnown(f"No customer {customer_id} is known here.")
    return await customer_timeline(connection, customer_id, narrow, after=after, limit=limit)


async def read_contact_timeline(
    contact_id: UUID, narrow: Narrow, connection: AsyncConnection, *, after: After, limit: int
) -> Sequence[Row[Any]]:
    """Return entries of a contact, a deleted one too; raise `ContactNotKnown` of an unknown."""
    if not await find_contacts(connection, [contact_id]):
        raise ContactNotKnown(f"No contact {contact_id} is known here.")
    return await contact_timeline(connection, contact_id, narrow, after=after, limit=limit)
