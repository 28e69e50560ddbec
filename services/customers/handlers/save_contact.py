"""Create and change a contact by hand."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.customers.domain.bans import bans_of
from services.customers.domain.contact_data import PostalAddress, checked_email, checked_phone
from services.customers.domain.lists import CATEGORY
from services.customers.handlers.change_bans import (
    change_attributes,
    tell_contact_bans,
)
from services.customers.handlers.live import Rows, live_customer, locked_contact
from services.customers.handlers.tell_records import tell_contacts
from services.customers.persistence import contacts as store
from services.customers.persistence.customers import keep_customers
from services.customers.persistence.lists import find_values
from services.customers.persistence.register import fetch_settings, known_attributes
from shared.chassis.errors import InvalidField
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SaveContact:
    """What a person says about a contact. What is left out (None) stays as it is."""

    first_name: str = ""
    last_name: str = ""
    email: str | None = None
    mobile: str | None = None
    phone: str | None = None
    address: PostalAddress = field(default_factory=PostalAddress)
    language: str | None = None
    customers: tuple[tuple[UUID, str | None], ...] = ()
    attributes: frozenset[int] | None = None
    categories: frozenset[int] | None = None


async def create_contact(command: SaveContact, uow: UnitOfWork, *, region: str) -> UUID:
    """Create a contact at its customers; return its id."""
    categories = await _categories(command, uow)
    settings = await _checked(command, uow)
    _refuse_deleted(await _named_customers(command, uow), command, present=())
    contact_id = new_id()
    await store.insert_contacts(uow.connection, [_row(contact_id, command, region)], now=uow.now)
    await store.place_contacts(
        uow.connection, [(contact_id, customer, role) for customer, role in command.customers]
    )
    await _categorise(contact_id, categories, (), uow)
    if command.attributes:
        await change_attributes(
            {contact_id: (set(), set(command.attributes))}, uow, settings=settings
        )
    else:
        await tell_contacts([contact_id], uow)
    return contact_id


async def change_contact(
    contact_id: UUID, command: SaveContact, uow: UnitOfWork, *, expected: int, region: str
) -> None:
    """Replace a contact's fields if it is still at the expected version; its bans follow it."""
    categories = await _categories(command, uow)
    settings = await _checked(command, uow)
    named = await _named_customers(command, uow)
    row = await locked_contact(contact_id, expected, uow)
    _refuse_deleted(named, command, present=row.customer_ids or ())
    attributes = set(row.attributes)
    changed = await store.update_contacts(
        uow.connection, [_row(contact_id, command, region)], now=uow.now
    )
    await store.replace_places(uow.connection, contact_id, dict(command.customers))
    await _categorise(contact_id, categories, row.classifications, uow)
    held = bans_of(attributes, settings)
    after = attributes if command.attributes is None else set(command.attributes)
    if after != attributes:
        await change_attributes({contact_id: (attributes, after)}, uow, settings=settings)
    else:
        if not changed:
            # Places alone changed: the contact is another one to its listeners all the same.
            await store.set_attributes(uow.connection, {contact_id: after}, now=uow.now)
        await tell_contacts([contact_id], uow)
    still = bans_of(after, settings)
    if changed and still == held and held != bans_of((), settings):
        await tell_contact_bans({contact_id: held}, uow)


async def _checked(command: SaveContact, uow: UnitOfWork) -> dict[str, int | None]:
    twice = [
        str(one) for one, count in Counter(c for c, _ in command.customers).items() if count > 1
    ]
    if twice:
        raise InvalidField("customers", f"{twice[0]} is named twice", "Name each customer once.")
    unknown = (command.attributes or frozenset()) - await known_attributes(uow.connection)
    if unknown:
        raise InvalidField(
            "attributes",
            f"there is no contact attribute {min(unknown)}",
            "Create the attribute first: POST /v1/contact-attributes.",
        )
    return await fetch_settings(uow.connection, lock=True)


async def _categories(command: SaveContact, uow: UnitOfWork) -> list[Row[Any]] | None:
    """Return the categories named, kept from deletion; refuse those that contacts cannot have."""
    if command.categories is None:
        return None
    wanted = [(CATEGORY, number) for number in sorted(command.categories)]
    rows = await find_values(uow.connection, wanted)
    for pair in wanted:
        if pair not in rows:
            raise InvalidField(
                "categories", f"there is no category {pair[1]}", "List them: GET /v1/categories."
            )
        if rows[pair].facts["scope"] == "customer":
            raise InvalidField(
                "categories",
                f"{rows[pair].title!r} is for customers only (TS-04)",
                "Choose another category.",
            )
    return list(rows.values())


async def _categorise(
    contact_id: UUID,
    categories: list[Row[Any]] | None,
    present: Collection[int],
    uow: UnitOfWork,
) -> None:
    if categories is None:
        return
    for row in categories:
        if row.archived_at is not None and row.key not in present:
            raise InvalidField(
                "categories", f"{row.title!r} is archived", "Choose a live category."
            )
    await store.set_classifications(
        uow.connection, contact_id, [row.key for row in categories], now=uow.now
    )


async def _named_customers(command: SaveContact, uow: UnitOfWork) -> Rows:
    """Return the customers named, kept from being merged; they are locked before contacts are."""
    return await keep_customers(uow.connection, [one for one, _ in command.customers])


def _refuse_deleted(named: Rows, command: SaveContact, *, present: Collection[UUID]) -> None:
    """Refuse places at customers that are not live, but for those the contact has already."""
    for customer_id, _ in command.customers:
        if customer_id not in present:
            live_customer(named, customer_id)


def _row(contact_id: UUID, command: SaveContact, region: str) -> dict[str, object]:
    return {
        "contact_id": contact_id,
        "first_name": command.first_name,
        "last_name": command.last_name,
        "email": checked_email("email", command.email),
        "mobile": checked_phone("mobile", command.mobile, region=region),
        "phone": checked_phone("phone", command.phone, region=region),
        "street": command.address.street,
        "postal_code": command.address.postal_code,
        "city": command.address.city,
        "country": command.address.country,
        "language": command.language,
    }
