"""What the history of customers and contacts shows of its own, and how long statuses lasted."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.attribute_values import Value
from services.customers.domain.eligibility import Eligibility, Purpose, Status, eligibility
from services.customers.domain.history import StatusChange, StatusPeriod, status_in, status_periods
from services.customers.domain.lists import (
    CONTACT_ATTRIBUTE,
    CUSTOMER_ATTRIBUTE,
    CUSTOMER_STATUS,
)
from services.customers.handlers.live import live_customer
from services.customers.persistence import history as store
from services.customers.persistence.customers import fetch_customers
from shared.history.read import FieldChange, Naming, ValueName, mentioned, named, references
from shared.history.store import named_keys
from shared.lists.store import values_of

MOST_CHANGES = 1000

RULE_VIOLATED = "rule_violated"

# Columns that hold attributes by number.
_NUMBERS = frozenset({"attributes", "attribute_values"})
_ATTRIBUTES = {"customer": CUSTOMER_ATTRIBUTE, "contact": CONTACT_ATTRIBUTE}
# How the database calls what of a record stands in rows of its own.
_PLACE, _REFERENCE = "place:", "reference:"


@dataclass(frozen=True, slots=True)
class AttributeValue(ValueName):
    """An attribute by what people know it as, with the value that is held of it."""

    value: Value


async def own_fields(connection: AsyncConnection, record: str, rows: Sequence[Row[Any]]) -> Naming:
    """
    Return how places, references and attributes are shown.

    A `place` names its customer, a `reference` its source; null is where there was or is none.
    """
    numbers = await store.named_attributes(
        connection, _ATTRIBUTES.get(record, ""), mentioned(rows, _NUMBERS)
    )
    customers = await store.named_customers(connection, _places(rows))

    def naming(field: str, before: Any, after: Any) -> FieldChange | None:
        if field.startswith(_PLACE):
            customer = customers[UUID(field.removeprefix(_PLACE))]
            return FieldChange("place", _place(before, customer), _place(after, customer))
        if field.startswith(_REFERENCE):
            source, ref = json.loads(field.removeprefix(_REFERENCE))
            held = {"source": source, "ref": ref}
            return FieldChange("reference", before and held, after and held)
        if field in _NUMBERS:
            return FieldChange(field, _attributes(before, numbers), _attributes(after, numbers))
        return None

    return naming


def _places(rows: Sequence[Row[Any]]) -> set[UUID]:
    return {
        UUID(field.removeprefix(_PLACE))
        for row in rows
        for field in row.after
        if field.startswith(_PLACE)
    }


def _place(held: dict[str, Any] | None, customer: Row[Any]) -> dict[str, Any] | None:
    if held is None:
        return None
    shown = {"customer_id": customer.customer_id, "number": customer.number, "name": customer.name}
    return {**shown, **held}


def _attributes(held: Any, names: Mapping[int, Row[Any]]) -> Any:
    if not isinstance(held, dict):
        return named(held, names)
    rows = [names[one] for one in references(held) if one in names]
    found = [AttributeValue(row.list, row.number, row.title, held[str(row.number)]) for row in rows]
    return sorted(found, key=lambda one: (one.list, one.number))


async def read_status_times(
    connection: AsyncConnection, customer_id: UUID
) -> list[tuple[ValueName, StatusPeriod]]:
    """Return the statuses of a live customer with the time in each, the newest first.

    They are found in its thousand newest changes; what began before those has no known beginning.
    """
    customer = live_customer(await fetch_customers(connection, [customer_id]), customer_id)
    rows = await store.classification_changes(connection, customer_id, limit=MOST_CHANGES)
    keys = {key for row in rows for key in (*row.before, *row.after)}
    names = await named_keys(connection, keys | set(customer.classifications))
    statuses = {key for key, row in names.items() if row.list == CUSTOMER_STATUS}
    periods = status_periods(
        [
            StatusChange(row.at, status_in(row.before, statuses), status_in(row.after, statuses))
            for row in reversed(rows)
        ],
        present=status_in(customer.classifications, statuses),
        since=None if len(rows) == MOST_CHANGES else customer.created_at,
    )
    return [(named(one.status, names), one) for one in reversed(periods)]


async def check_eligibility(
    customer_id: UUID, purpose: Purpose, connection: AsyncConnection
) -> tuple[Status | None, Eligibility]:
    """Return the status of a live customer, and whether it may be picked for the purpose."""
    customer = live_customer(await fetch_customers(connection, [customer_id]), customer_id)
    status = (await statuses_of([customer], connection))[customer_id]
    return status, eligibility(status, purpose)


async def statuses_of(
    customers: Collection[Row[Any]], connection: AsyncConnection
) -> dict[UUID, Status | None]:
    """Return the present status of each of these customers."""
    held = await values_of(connection, {key for row in customers for key in row.classifications})
    statuses = {
        key: Status(row.number, row.title, row.facts)
        for key, row in held.items()
        if row.list == CUSTOMER_STATUS
    }
    found = {row.customer_id: status_in(row.classifications, statuses) for row in customers}
    return {one: None if key is None else statuses[key] for one, key in found.items()}
