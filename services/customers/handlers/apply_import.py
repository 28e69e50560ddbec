"""Read what the rows of an import are about, and let it stand as a plan decides."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.customers.domain.contact_data import Place
from services.customers.domain.events import RelationshipEnded, RelationshipStarted
from services.customers.domain.import_fields import Column
from services.customers.domain.import_plan import (
    CONTACT_FIELDS,
    CUSTOMER_FIELDS,
    ContactState,
    CustomerState,
    Plan,
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
from services.customers.persistence.lists import values_of
from shared.chassis.unit_of_work import UnitOfWork

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
) -> None:
    """Store what a plan decides of locked records, and tell of each once."""
    customers = await _apply_customers(plan.customers, before.customers, source, uow)
    if customers:
        rows = await tell_customers(list(customers), uow)
        for customer_id, state in customers.items():
            version = rows[customer_id].version
            if state.ends_now and state.ended_on is not None:
                uow.record(RelationshipEnded(customer_id, version, state.ended_on, None))
            held = before.customers.get(customer_id)
            if state.started_by_hand and not (held and _same_start(held, state)):
                assert state.started_on is not None
                start = Relationship(state.started_on, MANUAL)
                previously = held.started_on if held else None
                uow.record(RelationshipStarted(customer_id, version, start, previously))
    await _apply_contacts(plan.contacts, before.contacts, source, uow, settings)


def _same_start(held: CustomerState, state: CustomerState) -> bool:
    return held.started_by_hand and held.started_on == state.started_on


async def _apply_customers(
    states: Mapping[UUID, CustomerState],
    before: Mapping[UUID, CustomerState],
    source: str,
    uow: UnitOfWork,
) -> Mapping[UUID, CustomerState]:
    rows = {
        one.customer_id: {"customer_id": one.customer_id, "keys": one.keys, **one.fields}
        for one in states.values()
    }
    fresh = [one for one in states.values() if one.customer_id not in before]
    await _number(fresh, rows, uow)
    if fresh:
        await store.insert_customers(
            uow.connection, [rows[one.customer_id] for one in fresh], now=uow.now
        )
    known = [rows[one] for one in states if one in before]
    if known:
        await store.update_customers(uow.connection, known, now=uow.now)
    classified = {
        one.customer_id: (one.keys, one.ended_on, one.values)
        for one in states.values()
        if (one.keys, one.ended_on)
        != (
            (held.keys, held.ended_on)
            if (held := before.get(one.customer_id)) is not None
            # New ones are inserted with what they hold.
            else (one.keys, None)
        )
    }
    if classified:
        await store.set_classifications(uow.connection, classified, now=uow.now)
    starts = {
        one.customer_id: Relationship(one.started_on, MANUAL)
        for one in states.values()
        if one.started_by_hand
        and one.started_on is not None
        and not ((held := before.get(one.customer_id)) and _same_start(held, one))
    }
    if starts:
        await store.set_relationships(uow.connection, starts, now=uow.now)
    references = [(source, ref, one.customer_id) for one in states.values() for ref in one.refs]
    if references and await store.insert_references(uow.connection, references) < len(references):
        raise KeyTakenMeanwhile("a reference was given to another customer")
    for one in states.values():
        keys = tuple((source, ref) for ref in one.refs)
        uow.release(keys_of(rows[one.customer_id], keys))
    return states


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
) -> None:
    if not states:
        return
    rows = {ref: {"contact_id": one.contact_id, **one.fields} for ref, one in states.items()}
    fresh = [ref for ref in states if ref not in before]
    await store_contacts(
        Contacts(
            fresh=[rows[ref] for ref in fresh],
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
        ),
        uow,
        settings=settings,
    )


def _customer(row: Any) -> CustomerState:
    return CustomerState(
        row.customer_id,
        {name: getattr(row, name) for name in CUSTOMER_FIELDS},
        frozenset(row.classifications),
        values={int(number): value for number, value in row.attribute_values.items()},
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
        deleted=row.deleted_at is not None,
    )


def _read_customer(customer_id: UUID, state: Mapping[str, Any]) -> CustomerState:
    return CustomerState(
        customer_id,
        state["fields"],
        frozenset(state["keys"]),
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
        deleted=state["deleted"],
    )


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
