"""Store many contacts at once, new ones and known ones, and tell of each once (FAILURES 27)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.customers.domain.attribute_values import Value
from services.customers.domain.bans import bans_of
from services.customers.domain.contact_data import Place
from services.customers.handlers.change_bans import change_attributes, tell_contact_bans
from services.customers.handlers.tell_records import tell_contacts
from services.customers.persistence import contacts as store
from services.customers.persistence.rows import contact_given
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Contacts:
    """
    Contacts as they are to be. `known` ones are locked; `attributes` are those of all.

    Rows of new ones may hold keys of list values, told as `classified`, and attribute_values.
    """

    fresh: Sequence[Mapping[str, Any]]
    known: Sequence[Mapping[str, Any]]
    # (source, ref, contact) of the new ones.
    references: Sequence[tuple[str, str, UUID]]
    # A role that is None leaves the one there is.
    places: Collection[tuple[UUID, Place]]
    # Before and after.
    attributes: Mapping[UUID, tuple[set[int], set[int]]]
    # Keys of list values and values of attributes, of known ones that are to hold others.
    held: Mapping[UUID, tuple[Collection[int], Mapping[int, Value]]] = field(default_factory=dict)


async def store_contacts(
    contacts: Contacts, uow: UnitOfWork, *, settings: Mapping[str, int | None]
) -> None:
    """Store the contacts; their bans follow them to a new address."""
    fresh = _fresh(contacts)
    if fresh:
        await store.insert_contacts(uow.connection, list(fresh.values()), now=uow.now)
        await store.insert_contact_references(uow.connection, contacts.references)
    moved = await store.update_contacts(uow.connection, contacts.known, now=uow.now)
    classified = (
        await store.set_classifications(uow.connection, contacts.held, now=uow.now)
        if contacts.held
        else set()
    )
    placed = await store.place_contacts(
        uow.connection, sorted(contacts.places, key=lambda one: (one[0], one[1].customer_id))
    )
    uow.record_all(contact_given(row) for row in fresh.values())
    attributes = {one: both for one, both in contacts.attributes.items() if one not in fresh}
    await change_attributes(attributes, uow, settings=settings)
    quiet = {one for one, (before, after) in attributes.items() if before == after}
    # Listeners take over a contact by its version: places alone make it another one too.
    merely_placed = (placed & quiet) - moved - classified
    if merely_placed:
        await store.set_attributes(
            uow.connection, {one: attributes[one][1] for one in merely_placed}, now=uow.now
        )
    await tell_contacts(quiet, uow)
    carried = {
        one: held
        for one in (moved & quiet) | fresh.keys()
        if (held := bans_of(contacts.attributes[one][1], settings)) != bans_of((), settings)
    }
    await tell_contact_bans(carried, uow)


def _fresh(contacts: Contacts) -> Mapping[UUID, Mapping[str, Any]]:
    places: dict[UUID, list[Place]] = defaultdict(list)
    for contact_id, place in contacts.places:
        places[contact_id].append(place)
    return {
        row["contact_id"]: {
            **row,
            "attributes": contacts.attributes[row["contact_id"]][1],
            "places": places[row["contact_id"]],
        }
        for row in contacts.fresh
    }
