"""Create and change a contact by hand."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.customers.domain.attribute_values import (
    Asked,
    Holding,
    Names,
    Value,
    checked,
    settled,
)
from services.customers.domain.bans import bans_of
from services.customers.domain.contact_data import (
    Place,
    PostalAddress,
    checked_email,
    checked_phone,
)
from services.customers.domain.lists import CATEGORY, CONTACT_ATTRIBUTE, CONTACT_ATTRIBUTE_CHOICE
from services.customers.handlers.change_bans import change_attributes, tell_held_bans
from services.customers.handlers.live import Rows, live_customer, locked_contact
from services.customers.handlers.tell_records import tell_contacts
from services.customers.persistence import contacts as store
from services.customers.persistence.attributes import attributes_of, keep_attributes
from services.customers.persistence.customers import keep_customers
from services.customers.persistence.register import fetch_settings
from services.customers.persistence.rows import places_of
from shared.chassis.errors import InvalidField
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.store import find_values

NAMES = Names("attributes", "attribute_choices")
REMEDIES = {
    CATEGORY: "List them: GET /v1/categories.",
    CONTACT_ATTRIBUTE_CHOICE: "List them: GET /v1/contact-attribute-choices.",
}


@dataclass(frozen=True, slots=True)
class SaveContact:
    """What a person says about a contact. What is left out (None) stays as it is.

    Attributes go by number, and so do their values; a value of None takes both away.
    """

    first_name: str = ""
    last_name: str = ""
    email: str | None = None
    mobile: str | None = None
    phone: str | None = None
    address: PostalAddress = field(default_factory=PostalAddress)
    language: str | None = None
    customers: tuple[Place, ...] = ()
    attributes: frozenset[int] | None = None
    attribute_choices: frozenset[int] | None = None
    attribute_values: Mapping[int, Value | None] = field(default_factory=dict)
    categories: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a contact is to hold, kept from deletion: None where that stays as it is."""

    settings: dict[str, int | None]
    categories: list[Row[Any]] | None
    choices: list[Row[Any]] | None


async def create_contact(command: SaveContact, uow: UnitOfWork, *, region: str) -> UUID:
    """Create a contact at its customers; return its id."""
    wanted = await _kept(command, uow)
    _refuse_deleted(await _named_customers(command, uow), command, present=())
    contact_id = new_id()
    await store.insert_contacts(uow.connection, [_row(contact_id, command, region)], now=uow.now)
    await store.place_contacts(uow.connection, [(contact_id, place) for place in command.customers])
    after = await _hold(contact_id, command, wanted, frozenset(), (), {}, uow)
    if after:
        await change_attributes({contact_id: (set(), after)}, uow, settings=wanted.settings)
    else:
        await tell_contacts([contact_id], uow)
    return contact_id


async def change_contact(
    contact_id: UUID, command: SaveContact, uow: UnitOfWork, *, expected: int, region: str
) -> None:
    """Replace a contact's fields if it is still at the expected version; its bans follow it."""
    wanted = await _kept(command, uow)
    named = await _named_customers(command, uow)
    row = await locked_contact(contact_id, expected, uow)
    present = {place.customer_id: place for place in places_of(row)}
    _refuse_deleted(named, command, present=present)
    attributes = set(row.attributes)
    changed = await store.update_contacts(
        uow.connection, [_row(contact_id, command, region)], now=uow.now
    )
    places = _in_order(command.customers, present)
    await store.replace_places(uow.connection, contact_id, places)
    values = {int(number): value for number, value in row.attribute_values.items()}
    after = await _hold(
        contact_id, command, wanted, frozenset(attributes), row.classifications, values, uow
    )
    if after != attributes:
        await change_attributes({contact_id: (attributes, after)}, uow, settings=wanted.settings)
    else:
        if not changed:
            # Places alone changed: the contact is another one to its listeners all the same.
            await store.set_attributes(uow.connection, {contact_id: after}, now=uow.now)
        await tell_contacts([contact_id], uow)
    if changed and bans_of(after, wanted.settings) == bans_of(attributes, wanted.settings):
        await tell_held_bans({contact_id: after}, uow, settings=wanted.settings)


async def _kept(command: SaveContact, uow: UnitOfWork) -> _Wanted:
    """Keep what the contact is to hold from deletion, and the settings as they are."""
    twice = [
        str(one)
        for one, count in Counter(place.customer_id for place in command.customers).items()
        if count > 1
    ]
    if twice:
        raise InvalidField("customers", f"{twice[0]} is named twice", "Name each customer once.")
    categories = await _values("categories", CATEGORY, command.categories, uow)
    for row in categories or ():
        if row.facts["scope"] == "customer":
            raise InvalidField(
                "categories",
                f"{row.title!r} is for customers only (TS-04)",
                "Choose another category.",
            )
    choices = await _values(NAMES.choices, CONTACT_ATTRIBUTE_CHOICE, command.attribute_choices, uow)
    await keep_attributes(uow.connection, CONTACT_ATTRIBUTE)
    return _Wanted(await fetch_settings(uow.connection, lock=True), categories, choices)


async def _values(
    field_name: str, name: str, numbers: Collection[int] | None, uow: UnitOfWork
) -> list[Row[Any]] | None:
    """Return the values of these numbers, kept from deletion; refuse what the list has not."""
    if numbers is None:
        return None
    wanted = [(name, number) for number in sorted(numbers)]
    rows = await find_values(uow.connection, wanted)
    for pair in wanted:
        if pair not in rows:
            raise InvalidField(field_name, f"there is no {name} {pair[1]}", REMEDIES[name])
    return list(rows.values())


async def _hold(
    contact_id: UUID,
    command: SaveContact,
    wanted: _Wanted,
    attributes: frozenset[int],
    present: Collection[int],
    values: Mapping[int, Value],
    uow: UnitOfWork,
) -> set[int]:
    """Let a contact hold categories, choices and values as wanted; return its attributes then."""
    known = await attributes_of(uow.connection, CONTACT_ATTRIBUTE)
    own = frozenset().union(*(one.choices for one in known.values()))
    asked = Asked(
        put=command.attributes,
        put_choices=None
        if wanted.choices is None
        else frozenset(row.key for row in wanted.choices),
        values=command.attribute_values,
    )
    before = Holding(attributes, own & frozenset(present), values)
    after = settled(before, checked(asked, known, NAMES), known, NAMES)
    categories = set(present) - own
    if wanted.categories is not None:
        categories = {row.key for row in wanted.categories}
    for name, rows in (("categories", wanted.categories), (NAMES.choices, wanted.choices)):
        for row in rows or ():
            if row.archived_at is not None and row.key not in present:
                raise InvalidField(name, f"{row.title!r} is archived", "Choose a live one.")
    holding = (categories | after.choices, after.values)
    await store.set_classifications(uow.connection, {contact_id: holding}, now=uow.now)
    return set(after.attributes)


def _in_order(places: Iterable[Place], present: Mapping[UUID, Place]) -> list[Place]:
    """Return places with the positions they had where none is said."""
    return [
        replace(place, position=present[place.customer_id].position)
        if place.position is None and place.customer_id in present
        else place
        for place in places
    ]


async def _named_customers(command: SaveContact, uow: UnitOfWork) -> Rows:
    """Return the customers named, kept from being merged; they are locked before contacts are."""
    return await keep_customers(uow.connection, [place.customer_id for place in command.customers])


def _refuse_deleted(named: Rows, command: SaveContact, *, present: Collection[UUID]) -> None:
    """Refuse places at customers that are not live, but for those the contact has already."""
    for place in command.customers:
        if place.customer_id not in present:
            live_customer(named, place.customer_id)


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
