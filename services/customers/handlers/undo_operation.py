"""
Take an operation back: whatever it changed of customers and contacts, where nobody has changed it
since. What cannot be given back is told, and bans stay: no undo weakens one (DESIGN 7.3).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from services.customers.domain.bans import CHANNEL_OF
from services.customers.domain.events import RelationshipEnded, RelationshipStarted
from services.customers.domain.lists import END_REASON
from services.customers.domain.undo import TAKEN
from services.customers.handlers.change_bans import tell_customer_bans, tell_held_bans
from services.customers.handlers.change_many import Report
from services.customers.handlers.complete_operation import complete_operation
from services.customers.handlers.save_customer import release_keys
from services.customers.handlers.start_relationships import follow_documents
from services.customers.handlers.tell_records import tell_contacts, tell_customers
from services.customers.persistence import operations as store
from services.customers.persistence import undo
from services.customers.persistence.documents import first_documents
from services.customers.persistence.merged_bans import (
    hand_on_contact_bans,
    hand_on_customer_bans,
)
from services.customers.persistence.register import fetch_settings
from services.customers.persistence.rows import relationship_of
from services.customers.persistence.undo import Given
from shared.chassis.chunks import chunks
from shared.chassis.errors import Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork
from shared.history.store import belong_to
from shared.lists.store import find_values

CHUNK = 2000
RESTORE_CHOICES: tuple[dict[str, str | None], ...] = ({"number": "new"}, {"business_id": None})
SHOWN = 20
TRIES = 3

_CUSTOMER_BANS = {"ban_email", "ban_sms", "ban_post"}
# A contact's bans are told by its address, so they are told anew where it is another one.
_CONTACT_BANS = {"attributes", "email", "mobile", "street", "postal_code", "city", "country"}


class OperationNotFound(Refusal):
    """There is no such operation."""

    kind = Kind.NOT_FOUND
    slug = "operation_not_found"
    remedy = "List the operations to find its id."


class OperationUndone(Refusal):
    """The operation was undone before."""

    kind = Kind.CONFLICT
    slug = "operation_undone"
    remedy = "Do it anew, or undo the undoing."


class UndoDisturbed(Refusal):
    """Others kept taking the keys that customers were to get back."""

    kind = Kind.CONFLICT
    slug = "undo_disturbed"
    remedy = "Send the request again in a moment."


@dataclass(frozen=True, slots=True)
class Left:
    """A record with the fields that were left as they are, and why each was."""

    record: str
    record_id: UUID
    fields: Mapping[str, str]

    @property
    def choices(self) -> Sequence[dict[str, str | None]]:
        """Return what restores a customer whose number or business id another one has by now."""
        taken = self.record == "customer" and self.fields.get("deleted_at") == TAKEN
        return RESTORE_CHOICES if taken else ()


@dataclass(frozen=True, slots=True)
class Undone:
    """
    How many records were given back what they had, and how many were deleted, since the operation
    had created them; how many are left as they are in some field, with the first of them; and how
    many keep a ban that the operation set.
    """

    operation_id: UUID
    reverted: int
    deleted: int
    changed_since: int
    first_changed_since: tuple[Left, ...]
    bans_kept: int


async def check_undo(operation_id: UUID, uow: UnitOfWork, *, lock: bool = False) -> None:
    """Refuse to undo what is not there or was undone."""
    operation = await store.find_operation(uow.connection, operation_id, lock=lock)
    if operation is None:
        raise OperationNotFound(f"There is no operation {operation_id}.")
    if operation.undone_by is not None:
        raise OperationUndone(f"Operation {operation.undone_by} has undone it.")


async def undo_operation(
    undo_id: UUID, operation_id: UUID, uow: UnitOfWork, *, report: Report
) -> Undone:
    """Revert what nobody has changed since, as an operation of its own; tell of the rest."""
    await check_undo(operation_id, uow, lock=True)
    await belong_to(uow.connection, undo_id)
    settings = await fetch_settings(uow.connection, lock=True)
    bans = [number for name in CHANNEL_OF if (number := settings[name]) is not None]
    bans_kept = await undo.plan(uow.connection, operation_id, bans)
    movers = await undo.moved_documents(uow.connection, operation_id)
    firsts = await first_documents(uow.connection, movers)
    await _apply(operation_id, undo_id, uow)
    await follow_documents(movers, firsts, uow, settings=settings)
    given = await undo.given_back(uow.connection)
    by_record = {
        record: {one.record_id: one for one in given if one.record == record}
        for record in ("customer", "contact")
    }
    await _hand_on_bans(by_record, bans, uow)
    deleted_customers = await _tell_customers(by_record["customer"], uow, report)
    await _tell_contacts(by_record["contact"], settings, uow)
    report(len(given), len(given))
    live = len(by_record["customer"]) - deleted_customers
    await complete_operation(
        undo_id,
        {"undo": str(operation_id)},
        uow,
        customers=live,
        deleted=deleted_customers,
        undoes=operation_id,
    )
    created = sum("created" in one.fields for one in given)
    count, first = await undo.left(uow.connection, limit=SHOWN)
    return Undone(
        operation_id=undo_id,
        reverted=len(given) - created,
        deleted=created,
        changed_since=count,
        first_changed_since=tuple(Left(**row._mapping) for row in first),
        bans_kept=bans_kept,
    )


async def _apply(operation_id: UUID, undo_id: UUID, uow: UnitOfWork) -> None:
    for _ in range(TRIES):
        try:
            async with uow.connection.begin_nested():
                await undo.apply(uow.connection, operation_id, undo_id, now=uow.now)
            return
        except IntegrityError:
            # A key was taken between the look and the change; the next look sees by whom.
            continue
    raise UndoDisturbed("Numbers or business ids are being taken by other customers just now.")


async def _hand_on_bans(
    by_record: Mapping[str, dict[UUID, Given]], bans: Collection[int], uow: UnitOfWork
) -> None:
    """Let nobody lose a ban by coming back from a merge, or by being merged again (DESIGN 7.3)."""
    customers, contacts = by_record["customer"], by_record["contact"]
    banned = await hand_on_customer_bans(uow.connection, **_merges(customers), now=uow.now)
    for one in banned:
        customers[one] = _with(customers.get(one), "customer", one, _CUSTOMER_BANS)
    banned = await hand_on_contact_bans(uow.connection, **_merges(contacts), bans=bans, now=uow.now)
    for one in banned:
        contacts[one] = _with(contacts.get(one), "contact", one, {"attributes"})


def _merges(given: Mapping[UUID, Given]) -> dict[str, list[UUID]]:
    heirs = {
        one: back.fields["merged_into"]
        for one, back in given.items()
        if "merged_into" in back.fields
    }
    return {
        "parted": [one for one, heir in heirs.items() if heir is None],
        "merged": [one for one, heir in heirs.items() if heir is not None],
    }


def _with(given: Given | None, record: str, record_id: UUID, fields: Collection[str]) -> Given:
    """Return what a record was given, these fields among it."""
    held = given.fields if given is not None else {}
    return Given(record, record_id, {**dict.fromkeys(fields), **held})


async def _tell_customers(given: Mapping[UUID, Given], uow: UnitOfWork, report: Report) -> int:
    """Tell how these customers stand and what follows from it; return how many are deleted."""
    deleted = 0
    for place, ids in enumerate(chunks(sorted(given), CHUNK)):
        report(place * CHUNK, len(given))
        await uow.flush()
        rows = await tell_customers(ids, uow)
        deleted += sum(row.deleted_at is not None for row in rows.values())
        banned = [one for one in ids if given[one].fields.keys() & _CUSTOMER_BANS]
        if banned:
            await tell_customer_bans({one: rows[one] for one in banned}, uow)
        await _tell_relationships({one: rows[one] for one in ids}, given, uow)
        keyed = [one for one in ids if _has_keys_back(given[one].fields)]
        await release_keys({one: rows[one] for one in keyed}, uow)
    return deleted


def _has_keys_back(fields: Mapping[str, Any]) -> bool:
    return any(
        field in ("deleted_at", "number", "business_id") or field.startswith("reference:")
        for field in fields
    )


async def _tell_relationships(
    rows: Mapping[UUID, Any], given: Mapping[UUID, Given], uow: UnitOfWork
) -> None:
    live = {one: row for one, row in rows.items() if row.deleted_at is None}
    ended = {one: row for one, row in live.items() if given[one].fields.get("ended_on")}
    reasons = {
        (END_REASON, number)
        for row in ended.values()
        for number in row.classified.get(END_REASON, ())
    }
    titles = {pair: row.title for pair, row in (await find_values(uow.connection, reasons)).items()}
    for one, row in ended.items():
        numbers = row.classified.get(END_REASON, ())
        reason = next((titles[END_REASON, number] for number in numbers), None)
        ended_on = date.fromisoformat(given[one].fields["ended_on"])
        uow.record(RelationshipEnded(one, row.version, ended_on, reason))
    for one, row in live.items():
        start = relationship_of(row)
        if start is not None and given[one].fields.get("started_on"):
            uow.record(RelationshipStarted(one, row.version, start, previously=None))


async def _tell_contacts(
    given: Mapping[UUID, Given], settings: Mapping[str, int | None], uow: UnitOfWork
) -> None:
    for ids in chunks(sorted(given), CHUNK):
        await uow.flush()
        rows = await tell_contacts(ids, uow)
        attributes = {
            one: rows[one].attributes for one in ids if given[one].fields.keys() & _CONTACT_BANS
        }
        await tell_held_bans(attributes, uow, settings=settings)
