"""What a record's history shows of its customer and contacts: names for what its columns hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.history.read import FieldChange, Naming
from shared.projection.store import find_contacts, find_customers


@dataclass(frozen=True, slots=True)
class CustomerName:
    """A customer by what people know it as now."""

    customer_id: UUID
    number: str
    name: str


@dataclass(frozen=True, slots=True)
class ContactName:
    """A contact by what people know him as now; the name of one who was erased is empty."""

    contact_id: UUID
    name: str


async def customer_and_contacts(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> Naming:
    """Return how `customer_id` and `contacts` of a record are shown in these changes of it."""
    customers = await find_customers(connection, _ids(rows, "customer_id"))
    contacts = await find_contacts(connection, _ids(rows, "contacts"))

    def naming(field: str, before: Any, after: Any) -> FieldChange | None:
        if field == "customer_id":
            return FieldChange(
                "customer", _customer(before, customers), _customer(after, customers)
            )
        if field == "contacts":
            return FieldChange(field, _contacts(before, contacts), _contacts(after, contacts))
        return None

    return naming


def _ids(rows: Sequence[Row[Any]], field: str) -> set[UUID]:
    held = [side[field] for row in rows for side in (row.before, row.after) if field in side]
    return {UUID(one) for value in held for one in (value if isinstance(value, list) else [value])}


def _customer(held: str, customers: Mapping[UUID, Row[Any]]) -> CustomerName:
    row = customers[UUID(held)]
    return CustomerName(row.customer_id, row.number, row.name)


def _contacts(held: Sequence[str], contacts: Mapping[UUID, Row[Any]]) -> list[ContactName]:
    rows = [contacts[UUID(one)] for one in held]
    return [ContactName(row.contact_id, row.name) for row in rows]
