"""Create and change a customer by hand."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from services.customers.domain.business_ids import checked_business_id
from services.customers.domain.contact_data import PostalAddress, checked_email, checked_phone
from services.customers.domain.lists import CUSTOMER_KIND, HEADCOUNT_CLASS
from services.customers.domain.relationship import MANUAL, Relationship
from services.customers.domain.settings import start_rule
from services.customers.handlers.classify_customers import (
    Values,
    Wanted,
    classify_customers,
    headcount_class,
    keep_values,
    naming,
)
from services.customers.handlers.live import locked_customer
from services.customers.handlers.named_customers import waiting_key
from services.customers.handlers.start_relationships import (
    changed_starts,
    start_relationships,
)
from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence import customers as store
from services.customers.persistence.documents import first_documents
from services.customers.persistence.register import fetch_settings
from services.customers.persistence.rows import relationship_of
from shared.chassis.errors import Kind, Refusal
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.store import default_values, find_values


class CustomerKeyTaken(Refusal):
    """Another customer has this number, business id or reference."""

    kind = Kind.CONFLICT
    slug = "customer_key_taken"
    remedy = "Change the customer that has it, or leave the field out."


@dataclass(frozen=True, slots=True)
class SaveCustomer:
    """What a person says about a customer."""

    name: str
    number: str | None = None
    business_id: str | None = None
    email: str | None = None
    phone: str | None = None
    headcount: int | None = None
    references: tuple[tuple[str, str], ...] = ()
    # Lists left out stay as they are.
    classifications: Wanted = field(default_factory=dict)
    attribute_values: Values = field(default_factory=dict)
    ended_on: date | None = None
    address: PostalAddress = field(default_factory=PostalAddress)


@dataclass(frozen=True, slots=True)
class Here:
    """Where this installation is: its time zone, where bare phone numbers are, whose business ids
    are recognised.
    """

    zone: ZoneInfo
    region: str
    countries: Collection[str]


@dataclass(frozen=True, slots=True)
class SetRelationshipStart:
    """A start date set by hand, which no document changes; None goes back to the documents."""

    started_on: date | None = field(default=None)


async def create_customer(command: SaveCustomer, uow: UnitOfWork, here: Here) -> UUID:
    """Create a customer; documents that wait for it go on. Returns its id."""
    number = command.number or await next_number(command.classifications, uow)
    customer_id = new_id()
    row = _row(customer_id, command, here) | {"number": number}
    await _refuse_taken(uow, None, number=number, business_id=row["business_id"])
    with _told_if_taken_meanwhile():
        await store.insert_customers(uow.connection, [row], now=uow.now)
    await _add_references(customer_id, command.references, uow)
    uow.release(keys_of(row, command.references))
    await _classify_and_tell(customer_id, command, uow, here)
    return customer_id


async def change_customer(
    customer_id: UUID, command: SaveCustomer, uow: UnitOfWork, here: Here, *, expected: int
) -> None:
    """Replace a customer's fields if it is still at the expected version."""
    await keep_values([await _wanted(command, uow), naming(command.attribute_values)], uow)
    present = await locked_customer(customer_id, expected, uow)
    row = _row(customer_id, command, here, known_id=present.business_id)
    await _refuse_taken(uow, customer_id, number=None, business_id=row["business_id"])
    with _told_if_taken_meanwhile():
        await store.update_customers(uow.connection, [row], now=uow.now)
    known = (await store.fetch_references(uow.connection, [customer_id])).get(customer_id, [])
    added = tuple(pair for pair in command.references if pair not in known)
    await _add_references(customer_id, added, uow)
    uow.release(keys_of(row, added))
    await _classify_and_tell(customer_id, command, uow, here)


async def next_number(wanted: Wanted, uow: UnitOfWork) -> str:
    """Return a number from the series of the customer's kind, else of the default one (LS-09)."""
    stated = [(CUSTOMER_KIND, number) for number in wanted.get(CUSTOMER_KIND, ())]
    kinds = (await find_values(uow.connection, stated)).values()
    prefix = next((str(kind.facts["prefix"] or "") for kind in kinds), None)
    if prefix is None:
        prefix = await default_prefix(uow)
    (number,) = await store.next_numbers(uow.connection, 1, prefix=prefix)
    return number


async def default_prefix(uow: UnitOfWork) -> str:
    """Return what numbers begin with of customers whose kind nobody has said."""
    defaults = await default_values(uow.connection, [CUSTOMER_KIND])
    return next((str(kind.facts.get("prefix") or "") for kind in defaults.values()), "")


def _row(
    customer_id: UUID, command: SaveCustomer, here: Here, *, known_id: str | None = None
) -> dict[str, Any]:
    # What an ERP has brought stays as it is until somebody changes it.
    business_id = command.business_id
    if business_id != known_id:
        business_id = checked_business_id("business_id", business_id, here.countries)
    return {
        "customer_id": customer_id,
        "number": None,
        "name": command.name,
        "business_id": business_id,
        "email": checked_email("email", command.email),
        "phone": checked_phone("phone", command.phone, region=here.region),
        "headcount": command.headcount,
        "street": command.address.street,
        "postal_code": command.address.postal_code,
        "city": command.address.city,
        "country": command.address.country,
    }


async def _classify_and_tell(
    customer_id: UUID, command: SaveCustomer, uow: UnitOfWork, here: Here
) -> None:
    wanted = await _wanted(command, uow)
    day = command.ended_on or uow.now.astimezone(here.zone).date()
    values = command.attribute_values
    changed = (
        await classify_customers([customer_id], wanted, uow, day=day, values=values)
        if wanted or values
        else []
    )
    if not changed:
        await tell_customers([customer_id], uow)


async def _wanted(command: SaveCustomer, uow: UnitOfWork) -> Wanted:
    wanted = dict(command.classifications)
    if command.headcount is not None and HEADCOUNT_CLASS not in wanted:
        wanted[HEADCOUNT_CLASS] = await headcount_class(command.headcount, uow)
    return wanted


async def set_relationship_start(
    customer_id: UUID, command: SetRelationshipStart, uow: UnitOfWork, *, expected: int
) -> None:
    """Set the start by hand (kept whatever documents come), or let the documents decide again."""
    row = await locked_customer(customer_id, expected, uow)
    present = {customer_id: relationship_of(row)}
    if command.started_on is not None:
        await start_relationships(
            {customer_id: Relationship(command.started_on, MANUAL)}, present, uow
        )
        return
    held = present[customer_id]
    rule = start_rule(await fetch_settings(uow.connection, lock=True))
    automatic = None if held is None or held.source == MANUAL else held
    firsts = await first_documents(uow.connection, [customer_id])
    starts = changed_starts(firsts, {customer_id: automatic}, rule) or {customer_id: automatic}
    if starts[customer_id] != held:
        await start_relationships(starts, present, uow)


def keys_of(row: dict[str, Any], references: tuple[tuple[str, str], ...]) -> list[str]:
    """Return everything that documents of this customer may be waiting for."""
    keys = [waiting_key(("erp_ref", source, ref)) for source, ref in references]
    if row["number"]:
        keys.append(waiting_key(("customer_number", "", row["number"])))
    if row["business_id"]:
        keys.append(waiting_key(("business_id", "", row["business_id"])))
    return keys


async def release_keys(rows: Mapping[UUID, Row[Any]], uow: UnitOfWork) -> None:
    """Let go on what waits for these customers under any key or reference that they have now."""
    references = await store.fetch_references(uow.connection, rows)
    for customer_id, row in rows.items():
        keys = {"number": row.number, "business_id": row.business_id}
        uow.release(keys_of(keys, tuple(references.get(customer_id, ()))))


async def _add_references(
    customer_id: UUID, references: tuple[tuple[str, str], ...], uow: UnitOfWork
) -> None:
    if not references:
        return
    added = await store.insert_references(
        uow.connection, [(source, ref, customer_id) for source, ref in references]
    )
    if added != len(references):
        raise CustomerKeyTaken("references: one of them belongs to another customer already.")


async def _refuse_taken(
    uow: UnitOfWork, customer_id: UUID | None, *, number: str | None, business_id: str | None
) -> None:
    result = await uow.connection.execute(
        text(
            """
            SELECT customer_id, number, business_id FROM customer
            WHERE (number = CAST(:number AS text) OR business_id = CAST(:business_id AS text))
              AND customer_id IS DISTINCT FROM CAST(:customer_id AS uuid)
              AND deleted_at IS NULL
            LIMIT 1
            """
        ),
        {"number": number, "business_id": business_id, "customer_id": customer_id},
    )
    other = result.one_or_none()
    if other is not None:
        name = "number" if other.number == number else "business_id"
        raise CustomerKeyTaken(
            f"{name}: customer {other.customer_id} has it already.",
            facts={"blockers": [str(other.customer_id)]},
        )


@contextmanager
def _told_if_taken_meanwhile() -> Iterator[None]:
    # Two at once may both have found a key free; the index lets one of them have it.
    try:
        yield
    except IntegrityError as error:
        raise CustomerKeyTaken(
            "Another customer was given the number or business id just now.",
            remedy="Send the request again: it goes through, or tells which field it is.",
        ) from error
