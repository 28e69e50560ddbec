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
from services.customers.domain.events import RelationshipEnded
from services.customers.domain.merge import HeldValue
from services.customers.handlers.change_bans import (
    CustomerNotFound,
    tell_customer_bans,
    tell_held_bans,
)
from services.customers.handlers.complete_operation import complete_operation
from services.customers.handlers.live import live_contact, live_customer
from services.customers.handlers.save_customer import CustomerKeyTaken, release_keys
from services.customers.handlers.start_relationships import follow_documents
from services.customers.handlers.tell_records import tell_contacts, tell_customers
from services.customers.persistence import merges as store
from services.customers.persistence.contacts import lock_contacts
from services.customers.persistence.documents import first_documents
from services.customers.persistence.register import fetch_settings
from shared.chassis.chunks import chunks
from shared.chassis.errors import InvalidField, StaleVersion
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork
from shared.history.store import belong_to
from shared.lists.store import keep_all_values, values_of

CHUNK = 2000
AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Merge:
    """Which record survives, which are merged into it, what of whom, and at which versions."""

    into: UUID
    others: tuple[UUID, ...]
    fields: Mapping[str, UUID] = field(default_factory=dict)
    versions: Mapping[UUID, int] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[UUID, ...]:
        """Return who becomes one, the survivor first."""
        return (self.into, *self.others)


@dataclass(frozen=True, slots=True)
class Merged:
    """
    What the survivor becomes, field by field and of whom, and how much moves to it.

    The operation's id is None for a rehearsal.
    """

    operation_id: UUID | None
    fields: Mapping[str, Any]
    sources: Mapping[str, UUID]
    classifications: Mapping[str, list[int]]
    bans: Bans
    contacts: int = 0
    documents: int = 0
    references: int = 0


async def merge_customers(command: Merge, uow: UnitOfWork, *, rehearse: bool = False) -> Merged:
    """Merge live customers: contacts, references and documents follow, and the start with them."""
    _check(command, merge.CUSTOMER_FIELDS)
    settings = await fetch_settings(uow.connection, lock=True)
    await keep_all_values(uow.connection)
    locked = await store.lock_records(uow.connection, "customer", command.ids)
    for one in command.ids:
        live_customer(locked, one)
    _refuse_stale(command, locked)
    return await _merge_customers(command, locked, uow, settings=settings, rehearse=rehearse)


async def merge_deleted_customer(customer_id: UUID, into: UUID, uow: UnitOfWork) -> None:
    """Merge a deleted customer into a live one instead of restoring it (TS-A9)."""
    command = Merge(into, (customer_id,), {"business_id": into})
    _check(command, merge.CUSTOMER_FIELDS)
    settings = await fetch_settings(uow.connection, lock=True)
    await keep_all_values(uow.connection)
    locked = await store.lock_records(uow.connection, "customer", command.ids)
    live_customer(locked, into)
    row = locked.get(customer_id)
    if row is None or row.deleted_at is None or row.merged_into is not None:
        raise CustomerNotFound(f"There is no deleted customer {customer_id} that stands alone.")
    await _merge_customers(command, locked, uow, settings=settings, rehearse=False)


async def merge_contacts(command: Merge, uow: UnitOfWork, *, rehearse: bool = False) -> Merged:
    """Merge live contacts: places, references and attributes are united, and bans with them."""
    _check(command, merge.CONTACT_FIELDS)
    settings = await fetch_settings(uow.connection, lock=True)
    await keep_all_values(uow.connection)
    await store.hold_places(uow.connection, command.ids)
    locked = await store.lock_records(uow.connection, "contact", command.ids)
    for one in command.ids:
        live_contact(locked, one)
    _refuse_stale(command, locked)
    records = [locked[one].held for one in command.ids]
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
    await tell_contacts(command.ids, uow)
    await tell_held_bans({command.into: columns["attributes"]}, uow, settings=settings)
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
    records = [locked[one].held for one in command.ids]
    columns, sources, classified = await _united(command, records, merge.CUSTOMER_FIELDS, uow)
    columns["ended_on"] = merge.ended_on(records, command.ids, command.fields)
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
    operation_id = await _begin(uow)
    await store.set_merged(uow.connection, "customer", others, command.into, now=uow.now)
    await store.move_references(uow.connection, "customer", others, command.into)
    await store.move_places(uow.connection, others, command.into)
    await store.raise_versions(uow.connection, contacts, now=uow.now)
    await store.move_documents(uow.connection, operation_id, others, command.into)
    await _change_customer(command.into, columns, uow)
    await follow_documents([command.into], firsts, uow, settings=settings)
    rows = await tell_customers(command.ids, uow)
    survivor = rows[command.into]
    if records[0]["ended_on"] is None and survivor.ended_on is not None:
        uow.record(RelationshipEnded(command.into, survivor.version, survivor.ended_on, None))
    for some in chunks(contacts, CHUNK):
        await tell_contacts(some, uow)
    if bans != Bans() and (contacts or bans != _bans_in(records[0])):
        await tell_customer_bans({command.into: survivor}, uow)
    await release_keys(rows, uow)
    await _complete(operation_id, "merge_customers", command, uow, customers=1, deleted=len(others))
    return replace(merged, operation_id=operation_id)


def _check(command: Merge, fields: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse what cannot be merged whoever they are."""
    others = command.others
    if command.into in others:
        raise InvalidField("from", "names the survivor too", "Name the others only.")
    if not others or len(set(others)) < len(others):
        raise InvalidField("from", "is empty or names one twice", "Name each of the others once.")
    if len(others) > AT_MOST:
        raise InvalidField(
            "from", f"{len(others)} are too many at once", f"Merge up to {AT_MOST} at a time."
        )
    merge.checked_choice(command.fields, fields, command.ids)


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
) -> tuple[dict[str, Any], dict[str, UUID], dict[str, list[int]]]:
    """Return the survivor's columns, whose each field is, and the numbers of values by list."""
    columns, sources = merge.merged_fields(records, command.ids, fields, command.fields)
    held = {key for record in records for key in record["classifications"]}
    values = {
        row.key: HeldValue(row.list, row.number, row.parent)
        for row in (await values_of(uow.connection, held)).values()
    }
    columns["classifications"] = merge.united_classifications(
        records, command.ids, values, command.fields
    )
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
    await complete_operation(operation_id, request, uow, customers=customers, deleted=deleted)
