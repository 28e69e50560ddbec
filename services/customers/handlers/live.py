"""Find records that are there for everybody: known, and not deleted."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.customers.handlers.change_bans import ContactNotFound, CustomerNotFound
from services.customers.persistence.contacts import fetch_contacts, lock_contacts
from services.customers.persistence.documents import lock_customers
from shared.chassis.errors import Refusal, check_version
from shared.chassis.unit_of_work import UnitOfWork

Rows = Mapping[UUID, Row[Any]]


def live_customer(rows: Rows, customer_id: UUID) -> Row[Any]:
    """Return the row of a customer; refuse an unknown one, and a deleted one with the way back."""
    row = rows.get(customer_id)
    if row is None:
        raise CustomerNotFound(f"There is no customer {customer_id}.")
    if row.deleted_at is not None:
        _refuse_merged("customer", customer_id, row, CustomerNotFound)
        raise CustomerNotFound(
            f"Customer {customer_id} is deleted.",
            remedy=f"Restore it: POST /v1/deleted-customers/{customer_id}/restore.",
        )
    return row


def live_contact(rows: Rows, contact_id: UUID) -> Row[Any]:
    """Return the row of a contact; refuse an unknown one, and a deleted one with the way back."""
    row = rows.get(contact_id)
    if row is None:
        raise ContactNotFound(f"There is no contact {contact_id}.")
    if row.deleted_at is not None:
        _refuse_merged("contact", contact_id, row, ContactNotFound)
        raise ContactNotFound(
            f"Contact {contact_id} is deleted.",
            remedy=f"Restore it: POST /v1/deleted-contacts/{contact_id}/restore.",
        )
    return row


def _refuse_merged(kind: str, record_id: UUID, row: Row[Any], refusal: type[Refusal]) -> None:
    if row.merged_into is None:
        return
    # A row that is locked names the next one, a row that is read the end of the chain.
    heir = getattr(row, "survivor", None) or row.merged_into
    raise refusal(
        f"{kind.capitalize()} {record_id} was merged into {heir}.",
        remedy=f"Use that one: GET /v1/{kind}s/{heir}.",
        facts={"merged_into": str(heir)},
    )


async def locked_customer(customer_id: UUID, expected: int, uow: UnitOfWork) -> Row[Any]:
    """Lock a customer and return its row; refuse one that is not live and a stale version."""
    row = live_customer(await lock_customers(uow.connection, [customer_id]), customer_id)
    check_version("customer", row.version, expected)
    return row


async def locked_contact(contact_id: UUID, expected: int, uow: UnitOfWork) -> Row[Any]:
    """Lock a live contact and return its row with its customers; refuse a stale version."""
    await lock_contacts(uow.connection, [contact_id])
    row = live_contact(await fetch_contacts(uow.connection, [contact_id]), contact_id)
    check_version("contact", row.version, expected)
    return row
