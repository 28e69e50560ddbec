"""
Make one customer or contact of several, as an operation that can be undone (TS-A9).

The others are deleted as merged into the survivor, and whatever names them later reaches it. Bans
are united: everybody whom one of them had banned stays banned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from services.customers.domain import merge
from services.customers.domain.bans import Bans, bans_of
from services.customers.domain.events import OperationCompleted, RelationshipEnded
from services.customers.domain.merge import HeldValue
from services.customers.handlers.change_bans import (
    CustomerNotFound,
    tell_contact_bans,
    tell_customer_bans,
)
from services.customers.handlers.live import live_contact, live_customer
from services.customers.handlers.save_customer import CustomerKeyTaken, keys_of
from services.customers.handlers.start_relationships import follow_documents
from services.customers.handlers.tell_records import tell_contacts, tell_customers
from services.customers.persistence import merges as store
from services.customers.persistence.contacts import lock_contacts
from services.customers.persistence.customers import fetch_references
from services.customers.persistence.documents import first_documents
from services.customers.persistence.lists import values_of
from services.customers.persistence.operations import belong_to, insert_operation
from services.customers.persistence.register import fetch_settings
from shared.chassis.errors import InvalidField, StaleVersion
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork

CHUNK = 2000
AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Merge:
    """Which record survives, which are merged into it, what of whom, and at which versions."""

    into: UUID
    others: tuple[UUID, ...]
    fields: Mapping[str, UUID] = field(default_factory=dict)
    versions: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Merged:
    """
    What the survivor becomes, field by field and of whom, and how much moves to it.

    The operation's id is None for a rehearsal.
    """

    operation_id: UUID | None
    fields: Mapping[str, Any]
    sources: Mapping[str, str]
    classifications: Mapping[str, list[int]]
    bans: Bans
    contacts: int = 0
    documents: int = 0
    references: int = 0


async def merge_customers(command: Merge, uow: UnitOfWork, *, rehearse: bool = False) -> Merged:
    """Merge live customers: contacts, references and documents follow, and the start with them."""
    ids = _checked(command, merge.CUSTOMER_FIELDS)
    settings = await fetch_settings(uow.connection, lock=True)
    await store.hold_values(uow.connection)
    locked = await store.lock_records(uow.connection, "customer", ids)
    for one in ids:
        live_customer(locked, one)
    _refuse_stale(command, locked)
    return await _merge_customers(command, locked, uow, settings=settings, rehearse=rehearse)


async def merge_deleted_customer(customer_id: UUID, into: UUID, uow: UnitOfWork) -> None:
    """Merge a deleted customer into a live one instead of restoring it (TS-A9)."""
    command = Merge(into, (customer_id,), {"business_id": into})
    _checked(command, merge.CUSTOMER_FIELDS)
    settings = await fetch_settings(uow.connection, lock=True)
    await store.hold_values(uow.connection)
    locked = await store.lock_records(uow.connection, "customer", [into, customer_id])
    live_customer(locked, into)
    row = locked.get(customer_id)
    if row is None or row.deleted_at is None or row.merged_into is not None:
        raise CustomerNotFound(f"There is no deleted customer {customer_id} that stands alone.")
    await _merge_customers(command, locked, uow, settings=settings, rehearse=False)


async def merge_contacts(command: Merge, uow: UnitOfWork, *, rehearse: bool = False) -> Merged:
    """Merge live contacts: places, references and attributes are united, and bans with them."""
    ids = _checked(command, merge.CONTACT_FIELDS)
    settings = await fetch_settings(uow.connection, lock=True)
    await store.hold_values(uow.connection)
    await store.hold_places(uow.connection, ids)
    locked = await store.lock_records(uow.connection, "contact", ids)
    for one in ids:
        live_contact(locked, one)
    _refuse_stale(command, locked)
    records = [locked[one].held for one in ids]
    columns, sources, classified = await _united(command, records, merge.CONTACT_FIELDS, uow)
    columns["attributes"] = sorted({tick for one in records for tick in one["attributes"]})
    bans = bans_of(columns["attributes"], settings)
    merged = Merged(None, columns, sources, classified, bans)
    if rehearse:
        return merged
    operation_id = await _begin(uow)
    others = list(command.others)
    await store.set_merged(uow.connection, "contact", others, command.into, now=uow.now)
    await store.move_references(uow.connection, "contact", others, command.into)
    await store.unite_places(uow.connection, others, command.into)
    await store.change_record(uow.connection, "contact", command.into, columns, now=uow.now)
    await tell_contacts(ids, uow)
    if bans != Bans():
        # Told by the address as well, which may be another one by now.
        await tell_contact_bans({command.into: bans}, uow)
    await _complete(operation_id, "merge_contacts", command, uow, customers=0, deleted=0)
    return replace(merged, operation_id=operation_id)


async def _merge_customers(
    command: Merge,
    locked: Mapping[UUID, Row[Any]],
    uow: UnitOfWork,
    *,
    settings: dict[str, int | None],
    rehearse: bool,
) -> Merged:
    ids = (command.into, *command.others)
    records = [locked[one].held for one in ids]
    columns, sources, classified = await _united(command, records, merge.CUSTOMER_FIELDS, uow)
    chosen = {name: str(one) for name, one in command.fields.items()}
    columns["ended_on"] = merge.ended_on(records, [str(one) for one in ids], chosen)
    held = merge.united_bans(records)
    columns |= held
    bans = _bans_in(held)
    others = list(command.others)
    moving = await store.movable(uow.connection, others)
    merged = Merged(
        None,
        columns,
        sources,
        classified,
        bans,
        contacts=moving.contacts,
        documents=moving.documents,
        references=moving.references,
    )
    if rehearse:
        return merged
    contacts = await store.contacts_at(uow.connection, others)
    await lock_contacts(uow.connection, contacts)
    firsts = await first_documents(uow.connection, [command.into])
    references = await fetch_references(uow.connection, others)
    operation_id = await _begin(uow)
    await store.set_merged(uow.connection, "customer", others, command.into, now=uow.now)
    await store.move_references(uow.connection, "customer", others, command.into)
    await store.move_places(uow.connection, others, command.into)
    await store.raise_versions(uow.connection, contacts, now=uow.now)
    await store.move_documents(uow.connection, operation_id, others, command.into)
    await _change_customer(command.into, columns, uow)
    await follow_documents([command.into], firsts, uow, settings=settings)
    rows = await tell_customers(ids, uow)
    survivor = rows[command.into]
    if records[0]["ended_on"] is None and survivor.ended_on is not None:
        uow.record(RelationshipEnded(command.into, survivor.version, survivor.ended_on, None))
    for begin in range(0, len(contacts), CHUNK):
        await tell_contacts(contacts[begin : begin + CHUNK], uow)
    if bans != Bans() and (contacts or bans != _bans_in(records[0])):
        await tell_customer_bans({command.into: survivor}, uow)
    for one in ids:
        row = rows[one]
        keys = {"number": row.number, "business_id": row.business_id}
        uow.release(keys_of(keys, tuple(references.get(one, ()))))
    await _complete(operation_id, "merge_customers", command, uow, customers=1, deleted=len(others))
    return replace(merged, operation_id=operation_id)


def _checked(command: Merge, fields: Mapping[str, tuple[str, ...]]) -> tuple[UUID, ...]:
    """Return the ids, the survivor's first; refuse what cannot be merged whoever they are."""
    others = command.others
    if command.into in others:
        raise InvalidField("from", "names the survivor too", "Name the others only.")
    if not others or len(set(others)) < len(others):
        raise InvalidField("from", "is empty or names one twice", "Name each of the others once.")
    if len(others) > AT_MOST:
        raise InvalidField(
            "from", f"{len(others)} are too many at once", f"Merge up to {AT_MOST} at a time."
        )
    ids = (command.into, *others)
    chosen = {name: str(one) for name, one in command.fields.items()}
    merge.checked_choice(chosen, fields, [str(one) for one in ids])
    return ids


def _refuse_stale(command: Merge, locked: Mapping[UUID, Row[Any]]) -> None:
    for one, row in locked.items():
        expected = command.versions.get(one)
        if expected is None:
            raise InvalidField(
                "if_match", f"the version of {one} is missing", "Send the versions of all of them."
            )
        if row.version != expected:
            raise StaleVersion(
                f"{one} is at version {row.version}, not {expected}.",
                remedy="Fetch the record again, look whether to merge it, and send its version.",
            )


async def _united(
    command: Merge,
    records: Sequence[merge.Record],
    fields: Mapping[str, tuple[str, ...]],
    uow: UnitOfWork,
) -> tuple[dict[str, Any], dict[str, str], dict[str, list[int]]]:
    """Return the survivor's columns, whose each field is, and the numbers of values by list."""
    ids = [str(one) for one in (command.into, *command.others)]
    chosen = {name: str(one) for name, one in command.fields.items()}
    columns, sources = merge.merged_fields(records, ids, fields, chosen)
    held = {key for record in records for key in record["classifications"]}
    values = {
        row.key: HeldValue(row.list, row.number, row.parent)
        for row in (await values_of(uow.connection, held)).values()
    }
    columns["classifications"] = merge.united_classifications(records, ids, values, chosen)
    columns["attribute_values"] = merge.united_values(records)
    classified: dict[str, list[int]] = {}
    for key in columns["classifications"]:
        classified.setdefault(values[key].list_name, []).append(values[key].number)
    return columns, sources, classified


async def _change_customer(into: UUID, columns: Mapping[str, Any], uow: UnitOfWork) -> None:
    try:
        async with uow.connection.begin_nested():
            await store.change_record(uow.connection, "customer", into, columns, now=uow.now)
    except IntegrityError as error:
        raise CustomerKeyTaken(
            "number or business_id: a customer that is not merged here has it.",
            remedy="Take the field from another one, under `fields`.",
        ) from error


def _bans_in(record: merge.Record) -> Bans:
    return Bans(email=record["ban_email"], sms=record["ban_sms"], post=record["ban_post"])


async def _begin(uow: UnitOfWork) -> UUID:
    operation_id = new_id()
    await belong_to(uow.connection, operation_id)
    return operation_id


async def _complete(
    operation_id: UUID, name: str, command: Merge, uow: UnitOfWork, *, customers: int, deleted: int
) -> None:
    request = {
        name: {
            "into": str(command.into),
            "from": [str(one) for one in command.others],
            "fields": {field: str(one) for field, one in command.fields.items()},
        }
    }
    await insert_operation(
        uow.connection, operation_id, request, customers=customers, deleted=deleted, now=uow.now
    )
    uow.record(OperationCompleted(operation_id, customers, deleted))
