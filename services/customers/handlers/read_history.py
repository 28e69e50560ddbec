"""Show who changed what of a record, when, from what and to what, and how long statuses lasted."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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
from services.customers.persistence.lists import values_of

MOST_CHANGES = 1000

# Columns that hold values of lists, and what they are called outside.
_KEYS = {"classifications", "members", "parent"}
_NUMBERS = {"attributes", "attribute_values"}
_ATTRIBUTES = {"customer": CUSTOMER_ATTRIBUTE, "contact": CONTACT_ATTRIBUTE}
_CALLED = {"position": "order"}
# How the database calls what of a record stands in rows of its own, and what it was created by.
_PLACE, _REFERENCE, _CREATED = "place:", "reference:", "created"
_VIOLATED = "rule_violated"


@dataclass(frozen=True, slots=True)
class ValueName:
    """A value of a list by what people know it as; of a removed one, what it was last."""

    list: str
    number: int
    title: str


@dataclass(frozen=True, slots=True)
class AttributeValue(ValueName):
    """An attribute by what people know it as, with the value that is held of it."""

    value: Value


@dataclass(frozen=True, slots=True)
class FieldChange:
    """
    One field before and after; values of lists and attributes are `ValueName`s. A `place` names
    its customer, a `reference` its source; null is where there was or is none.
    """

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of a record, perhaps of many at once (`operation_id`).

    `actor` is None where it is not known or Suhde itself acted.
    """

    at: datetime
    actor: str | None
    what: str
    changes: tuple[FieldChange, ...] = ()
    operation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Names:
    """What people know values of lists, attributes and customers as."""

    keys: Mapping[int, Row[Any]]
    numbers: Mapping[int, Row[Any]]
    customers: Mapping[UUID, Row[Any]]


async def read_history(
    connection: AsyncConnection,
    record: str,
    record_id: UUID,
    created_at: datetime,
    *,
    before: int | None,
    limit: int,
) -> tuple[list[Entry], int | None]:
    """Return a page of changes, the newest first and the creation last, and where to go on."""
    rows = await store.changes_of(connection, record, record_id, before=before, limit=limit)
    names = _Names(
        keys=await store.named_keys(connection, _mentioned(rows, _KEYS)),
        numbers=await store.named_attributes(
            connection, _ATTRIBUTES.get(record, ""), _mentioned(rows, _NUMBERS)
        ),
        customers=await store.named_customers(connection, _places(rows)),
    )
    entries = [_entry(row, names) for row in rows]
    if rows and _CREATED in rows[-1].after:
        # Kept only of what an operation created, and then it is the first that there is.
        return entries, None
    if len(rows) == limit:
        return entries, rows[-1].history_id
    return [*entries, Entry(created_at, None, "created")], None


def _places(rows: Sequence[Row[Any]]) -> set[UUID]:
    return {
        UUID(field.removeprefix(_PLACE))
        for row in rows
        for field in row.after
        if field.startswith(_PLACE)
    }


def _mentioned(rows: Any, fields: set[str]) -> set[int]:
    return {
        reference
        for row in rows
        for side in (row.before, row.after)
        for field in fields & side.keys()
        for reference in _references(side[field])
    }


def _references(held: Any) -> list[int]:
    if isinstance(held, dict):
        return [int(number) for number in held]
    return held if isinstance(held, list) else [] if held is None else [held]


def _entry(row: Row[Any], names: _Names) -> Entry:
    changes = [
        _change(field, before, row.after[field], names) for field, before in row.before.items()
    ]
    what = "created" if _CREATED in row.after else "changed"
    if "deleted_at" in row.before:
        what = "restored" if row.after["deleted_at"] is None else "deleted"
    if _VIOLATED in row.after:
        what = _VIOLATED
    by_field = tuple(sorted(changes, key=lambda one: one.field))
    return Entry(row.at, row.actor, what, by_field, row.operation_id)


def _change(field: str, before: Any, after: Any, names: _Names) -> FieldChange:
    if field.startswith(_PLACE):
        customer = names.customers[UUID(field.removeprefix(_PLACE))]
        return FieldChange("place", _place(before, customer), _place(after, customer))
    if field.startswith(_REFERENCE):
        source, ref = json.loads(field.removeprefix(_REFERENCE))
        held = {"source": source, "ref": ref}
        return FieldChange("reference", before and held, after and held)
    if field in _KEYS:
        return FieldChange(field, _named(before, names.keys), _named(after, names.keys))
    if field in _NUMBERS:
        return FieldChange(field, _named(before, names.numbers), _named(after, names.numbers))
    return FieldChange(_CALLED.get(field, field), before, after)


def _place(held: dict[str, Any] | None, customer: Row[Any]) -> dict[str, Any] | None:
    if held is None:
        return None
    named = {"customer_id": customer.customer_id, "number": customer.number, "name": customer.name}
    return {**named, **held}


def _named(held: Any, names: Mapping[int, Row[Any]]) -> Any:
    rows = [names[one] for one in _references(held) if one in names]
    found: list[ValueName] = [ValueName(row.list, row.number, row.title) for row in rows]
    if isinstance(held, dict):
        found = [
            AttributeValue(row.list, row.number, row.title, held[str(row.number)]) for row in rows
        ]
    if isinstance(held, list | dict):
        return sorted(found, key=lambda one: (one.list, one.number))
    return found[0] if found else None


async def read_status_times(
    connection: AsyncConnection, customer_id: UUID
) -> list[tuple[ValueName, StatusPeriod]]:
    """Return the statuses of a live customer with the time in each, the newest first.

    They are found in its thousand newest changes; what began before those has no known beginning.
    """
    customer = live_customer(await fetch_customers(connection, [customer_id]), customer_id)
    rows = await store.classification_changes(connection, customer_id, limit=MOST_CHANGES)
    keys = {key for row in rows for key in (*row.before, *row.after)}
    names = await store.named_keys(connection, keys | set(customer.classifications))
    statuses = {key for key, row in names.items() if row.list == CUSTOMER_STATUS}
    periods = status_periods(
        [
            StatusChange(row.at, status_in(row.before, statuses), status_in(row.after, statuses))
            for row in reversed(rows)
        ],
        present=status_in(customer.classifications, statuses),
        since=None if len(rows) == MOST_CHANGES else customer.created_at,
    )
    return [(_named(one.status, names), one) for one in reversed(periods)]


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
