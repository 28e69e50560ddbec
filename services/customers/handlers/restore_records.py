"""Bring deleted customers and contacts back as they were (TS-22 to TS-26, TS-A8, TS-A9)."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from services.customers.domain.bans import CHANNEL_OF
from services.customers.domain.business_ids import checked_business_id
from services.customers.handlers.change_bans import tell_customer_bans, tell_held_bans
from services.customers.handlers.save_customer import next_number, release_keys
from services.customers.handlers.tell_records import tell_contacts, tell_customers
from services.customers.persistence import deleted as store
from services.customers.persistence.contacts import fetch_contacts, lock_contacts
from services.customers.persistence.customers import fetch_customers
from services.customers.persistence.documents import lock_customers
from services.customers.persistence.merged_bans import (
    hand_on_contact_bans,
    hand_on_customer_bans,
)
from services.customers.persistence.register import fetch_settings
from shared.chassis.errors import Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork


class RestoreNotActivated(Refusal):
    """This installation shows no deleted records and restores none (TS-22)."""

    kind = Kind.FORBIDDEN
    slug = "restore_not_activated"
    remedy = "Start the customers service with SUHDE_RESTORE_ENABLED=true; see docs/operations.md."


class DeletedNotFound(Refusal):
    """No deleted record has this id."""

    kind = Kind.NOT_FOUND
    slug = "deleted_record_not_found"
    remedy = "List the deleted records to find its id; what is live needs no restoring."


class RestoreConflict(Refusal):
    """A live customer has come to own the number or business id of the deleted one (TS-A9)."""

    kind = Kind.CONFLICT
    slug = "restore_conflict"
    remedy = "Send one of the choices of each conflict in the body, or use the live customer."


@dataclass(frozen=True, slots=True)
class RestoreCustomer:
    """Under which keys a customer comes back; by default under those it had."""

    new_number: bool = False
    keep_business_id: bool = True
    business_id: str | None = None


async def restore_customer(
    customer_id: UUID, command: RestoreCustomer, uow: UnitOfWork, *, countries: Collection[str]
) -> None:
    """Restore a customer with its classifications, references and bans; documents that wait for
    it go on. One that was merged keeps the bans that its survivor got meanwhile. Refused while a
    live customer owns a key it would have.
    """
    await lock_customers(uow.connection, [customer_id])
    row = (await fetch_customers(uow.connection, [customer_id])).get(customer_id)
    if row is None or row.deleted_at is None:
        raise DeletedNotFound(f"There is no deleted customer {customer_id}.")
    number, business_id = row.number, row.business_id
    if command.new_number:
        number = await next_number(row.classified or {}, uow)
    if not command.keep_business_id:
        business_id = checked_business_id("business_id", command.business_id, countries)
    try:
        # The indexes decide, so that nobody can take a key between a look and the restore.
        async with uow.connection.begin_nested():
            await store.restore_customer(
                uow.connection, customer_id, number=number, business_id=business_id, now=uow.now
            )
    except IntegrityError:
        raise await _conflict(number, business_id, uow) from None
    banned: list[UUID] = []
    if row.merged_into is not None:
        banned = await hand_on_customer_bans(
            uow.connection, parted=[customer_id], merged=(), now=uow.now
        )
    rows = await tell_customers([customer_id], uow)
    await tell_customer_bans({one: rows[one] for one in banned}, uow)
    await release_keys(rows, uow)


async def restore_contact(contact_id: UUID, uow: UnitOfWork) -> None:
    """Restore a contact with its places, attributes and bans."""
    settings = await fetch_settings(uow.connection, lock=True)
    await lock_contacts(uow.connection, [contact_id])
    row = (await fetch_contacts(uow.connection, [contact_id])).get(contact_id)
    if row is None or row.deleted_at is None:
        raise DeletedNotFound(f"There is no deleted contact {contact_id}.")
    await store.restore_contacts(uow.connection, [contact_id], now=uow.now)
    banned: list[UUID] = []
    if row.merged_into is not None:
        bans = [number for name in CHANNEL_OF if (number := settings[name]) is not None]
        banned = await hand_on_contact_bans(
            uow.connection, parted=[contact_id], merged=(), bans=bans, now=uow.now
        )
    rows = await tell_contacts([contact_id], uow)
    attributes = {one: rows[one].attributes for one in banned}
    await tell_held_bans(attributes, uow, settings=settings)


async def _conflict(number: str, business_id: str | None, uow: UnitOfWork) -> RestoreConflict:
    choices: dict[str, list[dict[str, str | None]]] = {
        "number": [{"number": "new"}],
        "business_id": [{"business_id": None}],
    }
    wanted = {"number": number, "business_id": business_id}
    conflicts = [
        {
            "field": field,
            "value": wanted[field],
            "customer_id": str(owner.customer_id),
            "customer_number": owner.number,
            "name": owner.name,
            "choices": [*choices[field], {"merge_into": str(owner.customer_id)}],
        }
        for owner in await store.live_owners(uow.connection, number=number, business_id=business_id)
        for field in wanted
        if getattr(owner, field) == wanted[field]
    ]
    named = "; ".join(
        f"{one['field']}: {one['name']!r} ({one['customer_id']}) has {one['value']!r}"
        for one in conflicts
    )
    return RestoreConflict(
        f"{named or 'number or business_id: taken a moment ago'}.", facts={"conflicts": conflicts}
    )
