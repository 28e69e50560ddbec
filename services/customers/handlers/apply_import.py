"""Read what the rows of an import are about, and let it stand as a plan decides."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.customers.domain.attribute_values import Value
from services.customers.domain.classification import Held
from services.customers.domain.contact_data import Place
from services.customers.domain.events import RelationshipEnded, RelationshipStarted
from services.customers.domain.import_fields import Column
from services.customers.domain.import_plan import Plan
from services.customers.domain.import_states import (
    CONTACT_FIELDS,
    CUSTOMER_FIELDS,
    ContactState,
    CustomerState,
    Present,
)
from services.customers.domain.lists import CUSTOMER_KIND
from services.customers.domain.relationship import MANUAL, Relationship
from services.customers.handlers.save_customer import keys_of
from services.customers.handlers.store_contacts import Contacts, store_contacts
from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence import customers as store
from services.customers.persistence import imports
from services.customers.persistence.customers import KeyTakenMeanwhile
from services.customers.persistence.rows import customer_given
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.store import values_of

Rows = Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Named:
    """The keys that some rows name."""

    refs: Collection[str]
    numbers: Collection[str]
    business_ids: Collection[str]
    contacts: Collection[str]


def named_by(rows: Rows, columns: Sequence[Column], business_id: Any) -> Named:
    """Return the keys in the cells of these rows; `business_id` brings one into its normal form."""

    def cells(to: str) -> set[str]:
        places = [column.place for column in columns if column.to == to]
        return {row[place] for place in places for _, row in rows if row[place]}

    return Named(
        refs=cells("customer.ref"),
        numbers=cells("customer.number"),
        business_ids={business_id(one) for one in cells("customer.business_id")},
        contacts=cells("contact.ref"),
    )


async def read_present(
    named: Named, source: str, uow: UnitOfWork, *, planned: UUID | None
) -> Present:
    """Return what is there, locked for change; with `planned`, as that rehearsal lets it stand."""
    owners = await imports.find_owners(
        uow.connection,
        source,
        refs=named.refs,
        numbers=named.numbers,
        business_ids=named.business_ids,
    )
    rows = await imports.customers_as_they_are(
        uow.connection, set(owners.values()), lock=planned is None
    )
    customers = {row.customer_id: _customer(row) for row in rows}
    contacts = {
        row.ref: _contact(row)
        for row in await imports.contacts_as_they_are(
            uow.connection, source, named.contacts, lock=planned is None
        )
    }
    if planned is None:
        # What was owned at the look may not be owned any more under the lock.
        owners = {
            (kind, value): owner
            for (kind, value), owner in owners.items()
            if kind == "ref" or customers[owner].fields[kind] == value
        }
        return Present(customers, owners, contacts)
    return await _overlaid(Present(customers, owners, contacts), named, planned, uow)


async def _overlaid(present: Present, named: Named, import_id: UUID, uow: UnitOfWork) -> Present:
    keys = [
        f"{kind}:{value}"
        for kind, values in (
            ("ref", named.refs),
            ("number", named.numbers),
            ("business_id", named.business_ids),
        )
        for value in values
    ]
    found = await imports.find_planned(uow.connection, import_id, "owner", keys)
    for key, owner in found.items():
        kind, _, value = key.partition(":")
        present.owners[kind, value] = UUID(owner)
    ids = {str(one) for one in present.owners.values()}
    states = await imports.find_planned(uow.connection, import_id, "customer", ids)
    present.customers |= {UUID(key): _read_customer(UUID(key), one) for key, one in states.items()}
    states = await imports.find_planned(uow.connection, import_id, "contact", named.contacts)
    present.contacts |= {key: _read_contact(key, one) for key, one in states.items()}
    return present


async def remember(plan: Plan, import_id: UUID, uow: UnitOfWork) -> None:
    """Let later rows of a rehearsal find what these would do."""
    states: dict[tuple[str, str], Any] = {}
    for customer_id, customer in plan.customers.items():
        states["customer", str(customer_id)] = {
            "fields": dict(customer.fields),
            "keys": sorted(customer.keys),
            "values": dict(customer.values),
            "ended_on": _iso(customer.ended_on),
            "started_on": _iso(customer.started_on),
            "by_hand": customer.started_by_hand,
        }
        for ref in customer.refs:
            states["owner", f"ref:{ref}"] = str(customer_id)
        for kind in ("number", "business_id"):
            if customer.fields[kind]:
                states["owner", f"{kind}:{customer.fields[kind]}"] = str(customer_id)
    for ref, contact in plan.contacts.items():
        states["contact", ref] = {
            "contact_id": str(contact.contact_id),
            "fields": dict(contact.fields),
            "attributes": sorted(contact.attributes),
            "places": {str(one): role for one, role in contact.places.items()},
            "keys": sorted(contact.keys),
            "values": dict(contact.values),
            "deleted": contact.deleted,
        }
    if states:
        await imports.save_planned(uow.connection, import_id, states)


async def apply_plan(
    plan: Plan,
    before: Present,
    source: str,
    uow: UnitOfWork,
    *,
    settings: Mapping[str, int | None],
    values: Mapping[int, Held],
) -> None:
    """Store what a plan decides of locked records, and tell of each once.

    `values` are those that a new customer may hold, by key.
    """
    if plan.customers:
        await _apply_customers(plan.customers, before.customers, source, uow, values)
    if plan.contacts:
        await _apply_contacts(plan.contacts, before.contacts, source, uow, settings, values)


async def _apply_customers(
    states: Mapping[UUID, CustomerState],
    before: Mapping[UUID, CustomerState],
    source: str,
    uow: UnitOfWork,
    values: Mapping[int, Held],
) -> None:
    fresh = [one for key, one in states.items() if key not in before]
    known = [one for key, one in states.items() if key in before]
    rows = {key: _row(one) for key, one in states.items()}
    if fresh:
        await _number(fresh, rows, uow)
        await store.insert_customers(
            uow.connection, [rows[one.customer_id] for one in fresh], now=uow.now
        )
    if known:
        await store.update_customers(
            uow.connection, [rows[one.customer_id] for one in known], now=uow.now
        )
    classified = {
        one.customer_id: (one.keys, one.ended_on, one.values)
        for one in known
        if _classification(one) != _classification(before[one.customer_id])
    }
    if classified:
        await store.set_classifications(uow.connection, classified, now=uow.now)
    starts = {
        key: Relationship(start, MANUAL)
        for key, one in states.items()
        if (start := _new_start(one, before.get(key))) is not None
    }
    if starts:
        await store.set_relationships(uow.connection, starts, now=uow.now)
    references = [(source, ref, key) for key, one in states.items() for ref in one.refs]
    if references and await store.insert_references(uow.connection, references) < len(references):
        raise KeyTakenMeanwhile("a reference was given to another customer")
    for key, one in states.items():
        uow.release(keys_of(rows[key], tuple((source, ref) for ref in one.refs)))
    as_given = [one for one in fresh if one.customer_id not in starts]
    uow.record_all(
        customer_given(
            {**rows[one.customer_id], "classified": _numbers(one.keys, values)}, now=uow.now
        )
        for one in as_given
    )
    others = states.keys() - {one.customer_id for one in as_given}
    told = await tell_customers(sorted(others), uow) if others else {}
    for key, one in states.items():
        version = told[key].version if key in told else 1
        if one.ends_now and one.ended_on is not None:
            uow.record(RelationshipEnded(key, version, one.ended_on, None))
        if key in starts:
            held = before.get(key)
            previously = held.started_on if held else None
            uow.record(RelationshipStarted(key, version, starts[key], previously))


def _row(state: CustomerState) -> dict[str, Any]:
    held = {"keys": state.keys, "attribute_values": state.values, "ended_on": state.ended_on}
    return {"customer_id": state.customer_id, **held, **state.fields}


def _classification(state: CustomerState) -> tuple[Any, ...]:
    return state.keys, state.ended_on, state.values


def _new_start(state: CustomerState, before: CustomerState | None) -> date | None:
    same = before and before.started_by_hand and before.started_on == state.started_on
    return state.started_on if state.started_by_hand and not same else None


def _numbers(keys: Collection[int], values: Mapping[int, Held]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for value in sorted((values[key] for key in keys), key=lambda one: one.number):
        numbers[value.list_name].append(value.number)
    return numbers


async def _number(
    fresh: Sequence[CustomerState], rows: Mapping[UUID, dict[str, Any]], uow: UnitOfWork
) -> None:
    """Give new customers without a number one of the series of their kind (LS-09)."""
    waiting = [one for one in fresh if not rows[one.customer_id]["number"]]
    if not waiting:
        return
    values = await values_of(uow.connection, {key for one in waiting for key in one.keys})
    prefixes = {
        key: row.facts["prefix"] or ""
        for key, row in values.items()
        if row.list == CUSTOMER_KIND and row.facts.get("prefix")
    }
    series: dict[str, list[UUID]] = defaultdict(list)
    for one in waiting:
        prefix = next((prefixes[key] for key in sorted(one.keys) if key in prefixes), "")
        series[prefix].append(one.customer_id)
    besides = {str(rows[one.customer_id]["number"]) for one in fresh}
    for prefix, ids in sorted(series.items()):
        numbers = await store.next_numbers(uow.connection, len(ids), prefix=prefix, besides=besides)
        for customer_id, number in zip(ids, numbers, strict=True):
            rows[customer_id]["number"] = number


async def _apply_contacts(
    states: Mapping[str, ContactState],
    before: Mapping[str, ContactState],
    source: str,
    uow: UnitOfWork,
    settings: Mapping[str, int | None],
    values: Mapping[int, Held],
) -> None:
    rows = {ref: {"contact_id": one.contact_id, **one.fields} for ref, one in states.items()}
    fresh = [ref for ref in states if ref not in before]
    await store_contacts(
        Contacts(
            fresh=[
                {
                    **rows[ref],
                    "keys": states[ref].keys,
                    "classified": _numbers(states[ref].keys, values),
                    "attribute_values": states[ref].values,
                }
                for ref in fresh
            ],
            known=[rows[ref] for ref in states if ref in before],
            references=[(source, ref, states[ref].contact_id) for ref in fresh],
            places=[
                (one.contact_id, Place(customer_id, role))
                for ref, one in states.items()
                for customer_id, role in one.places.items()
                if ref not in before or before[ref].places.get(customer_id, "") != role
            ],
            attributes={
                one.contact_id: (
                    set(before[ref].attributes) if ref in before else set(),
                    set(one.attributes),
                )
                for ref, one in states.items()
            },
            held={
                one.contact_id: (one.keys, one.values)
                for ref, one in states.items()
                if ref in before
                and (one.keys, one.values) != (before[ref].keys, before[ref].values)
            },
        ),
        uow,
        settings=settings,
    )


def _customer(row: Any) -> CustomerState:
    return CustomerState(
        row.customer_id,
        {name: getattr(row, name) for name in CUSTOMER_FIELDS},
        frozenset(row.classifications),
        values=_values(row.attribute_values),
        ended_on=row.ended_on,
        started_on=row.started_on,
        started_by_hand=row.start_source == MANUAL,
        deleted=row.deleted_at is not None,
    )


def _contact(row: Any) -> ContactState:
    return ContactState(
        row.contact_id,
        row.ref,
        {name: getattr(row, name) for name in CONTACT_FIELDS},
        frozenset(row.attributes),
        {UUID(one): role for one, role in (row.places or {}).items()},
        keys=frozenset(row.classifications),
        values=_values(row.attribute_values),
        deleted=row.deleted_at is not None,
    )


def _read_customer(customer_id: UUID, state: Mapping[str, Any]) -> CustomerState:
    return CustomerState(
        customer_id,
        state["fields"],
        frozenset(state["keys"]),
        values=_values(state["values"]),
        ended_on=_day(state["ended_on"]),
        started_on=_day(state["started_on"]),
        started_by_hand=state["by_hand"],
    )


def _read_contact(ref: str, state: Mapping[str, Any]) -> ContactState:
    return ContactState(
        UUID(state["contact_id"]),
        ref,
        state["fields"],
        frozenset(state["attributes"]),
        {UUID(one): role for one, role in state["places"].items()},
        keys=frozenset(state["keys"]),
        values=_values(state["values"]),
        deleted=state["deleted"],
    )


def _values(kept: Mapping[str, Value]) -> dict[int, Value]:
    return {int(number): value for number, value in kept.items()}


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
