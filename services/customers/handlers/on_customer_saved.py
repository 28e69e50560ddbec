"""Take over customers and their contacts from an ERP's master data, a batch at a time.

The newest event of a reference wins. An ERP may set bans and never lifts one. What a person deleted
is kept up to date and stays deleted: an ERP tells of what it has, not of what is to be shown here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row

from services.customers.domain.business_ids import normal_business_id
from services.customers.domain.contact_data import Place, normal_email, normal_phone
from services.customers.handlers.save_customer import default_prefix, keys_of
from services.customers.handlers.store_contacts import Contacts, store_contacts
from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence import contacts as contact_store
from services.customers.persistence import customers as store
from services.customers.persistence.documents import (
    lock_customers,
    resolve_customers,
    resolve_merged,
)
from services.customers.persistence.register import fetch_settings
from shared.chassis.ids import new_id
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts import erp

Saved = Message[erp.CustomerSaved]


def on_customer_saved(
    region: str, countries: Collection[str]
) -> Callable[[Batch[Any], UnitOfWork], Any]:
    """
    Return the handler for an ERP's master data.

    `region` is where bare phone numbers are, `countries` are those whose business ids are known.
    """

    async def handle(batch: Batch[erp.CustomerSaved], uow: UnitOfWork) -> None:
        newest: dict[tuple[str, str], Saved] = {}
        for message in batch:
            key = (message.source, message.data.erp_ref)
            if key not in newest or _rank(message) >= _rank(newest[key]):
                newest[key] = message
        customers = await _save_customers(batch, newest, uow, region, countries)
        saved = [(newest[key], one) for key, one in customers.items()]
        await _save_contacts(saved, _bans_set(batch, customers), uow, region)

    return handle


def _rank(message: Saved) -> tuple[int, datetime]:
    return message.data.version or 0, message.time or message.received_at


async def _save_customers(
    batch: Batch[Any],
    newest: dict[tuple[str, str], Saved],
    uow: UnitOfWork,
    region: str,
    countries: Collection[str],
) -> dict[tuple[str, str], UUID]:
    """Create and change customers; return those that the events were news about."""
    known = await resolve_customers(
        uow.connection, {("erp_ref", source, ref) for source, ref in newest}
    )
    present = {(source, ref): known[("erp_ref", source, ref)] for source, ref in newest}
    named = await _merged(newest, present, uow, countries)
    present |= named
    locked = await lock_customers(
        uow.connection, [one for one in present.values() if one is not None], resolved=True
    )
    if named:
        await store.insert_references(
            uow.connection, [(source, ref, one) for (source, ref), one in named.items()]
        )
    stale = await _remember_versions(newest, present, uow)
    # Deleted customers own no keys: what an ERP says of one clashes with nobody.
    deleted = {one for one, row in locked.items() if row.deleted_at is not None}
    live = {key: message for key, message in newest.items() if present[key] not in deleted}
    taken = await _taken(live, present, uow, countries)
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    ids: dict[tuple[str, str], UUID] = {}
    for key, message in newest.items():
        if key in stale:
            continue
        clash = taken.get(key)
        if clash is not None:
            batch.park(
                message,
                reason="customer_key_taken",
                detail=f"{clash}: another customer has it already. Give the customers one key "
                "each, or add the reference to the customer that has it.",
            )
            continue
        known_id = present[key]
        before = None if known_id is None else locked[known_id]
        row: dict[str, Any] = {
            "customer_id": known_id or new_id(),
            "number": message.data.customer_number,
            "name": message.data.name,
            "business_id": _business_id(message, countries),
            "email": normal_email(message.data.email) if message.data.email else None,
            # Not the ERP's to tell: it stays as it is.
            "headcount": before.headcount if before else None,
            **_reached(message.data, before, region),
        }
        ids[key] = row["customer_id"]
        (changed if present[key] else fresh).append(row)
        uow.release(keys_of(row, (key,)))
    if fresh:
        numbers = iter(
            await store.next_numbers(
                uow.connection,
                sum(not row["number"] for row in fresh),
                prefix=await default_prefix(uow),
                besides={row["number"] for row in fresh if row["number"]},
            )
        )
        for row in fresh:
            row["number"] = row["number"] or next(numbers)
        await store.insert_customers(uow.connection, fresh, now=uow.now)
        new = {row["customer_id"] for row in fresh}
        references = [(source, ref, one) for (source, ref), one in ids.items() if one in new]
        if await store.insert_references(uow.connection, references) < len(references):
            raise store.KeyTakenMeanwhile("a reference was given to another customer")
        await _remember_versions(
            {key: newest[key] for key, one in ids.items() if one in new}, dict(ids), uow
        )
    if changed:
        await store.update_customers(uow.connection, changed, now=uow.now)
    if ids:
        await tell_customers(list(ids.values()), uow)
    return ids


async def _merged(
    newest: dict[tuple[str, str], Saved],
    present: dict[tuple[str, str], UUID | None],
    uow: UnitOfWork,
    countries: Collection[str],
) -> dict[tuple[str, str], UUID]:
    """Return who is meant by unknown references with the number or business id of a merged one."""
    unknown = {key: newest[key] for key, known in present.items() if known is None}
    keys = {key: _keys(message, countries) for key, message in unknown.items()}
    heirs = await resolve_merged(uow.connection, {one for some in keys.values() for one in some})
    found: dict[tuple[str, str], UUID] = {}
    for key, some in keys.items():
        heir = next((heirs[one] for one in some if one in heirs), None)
        if heir is not None:
            found[key] = heir
    return found


def _reached(told: erp.CustomerSaved, before: Row[Any] | None, region: str) -> dict[str, Any]:
    """Return phone and address as told; what an ERP does not tell of at all stays as it is."""
    names = ("street", "postal_code", "city", "country")
    row = {name: getattr(before, name, None) for name in ("phone", *names)}
    if told.address is not None:
        row |= {name: getattr(told.address, name) or None for name in names}
    if told.phone is not None:
        row["phone"] = normal_phone(told.phone, region=row["country"] or region)
    return row


async def _remember_versions(
    newest: dict[tuple[str, str], Saved],
    present: dict[tuple[str, str], UUID | None] | dict[tuple[str, str], UUID],
    uow: UnitOfWork,
) -> set[tuple[str, str]]:
    """Note what was told last of each known reference; return those told newer things before."""
    keys = [key for key in newest if present.get(key) is not None]
    result = await uow.connection.execute(
        text(
            """
            UPDATE customer_reference AS known SET erp_version = told.version, erp_time = told.time
            FROM unnest(CAST(:sources AS text[]), CAST(:refs AS text[]),
                        CAST(:versions AS bigint[]), CAST(:times AS timestamptz[]))
                 AS told (source, ref, version, time)
            WHERE known.source = told.source AND known.ref = told.ref
              AND (known.erp_time IS NULL
                   OR (told.version, told.time) >= (known.erp_version, known.erp_time))
            RETURNING known.source, known.ref
            """
        ),
        {
            "sources": [source for source, _ in keys],
            "refs": [ref for _, ref in keys],
            "versions": [_rank(newest[key])[0] for key in keys],
            "times": [_rank(newest[key])[1] for key in keys],
        },
    )
    return set(keys) - {(row.source, row.ref) for row in result}


async def _taken(
    newest: dict[tuple[str, str], Saved],
    present: dict[tuple[str, str], UUID | None],
    uow: UnitOfWork,
    countries: Collection[str],
) -> dict[tuple[str, str], str]:
    """Return the references whose number or business id belongs to another customer."""
    wanted = {
        (kind, "", value)
        for message in newest.values()
        for kind, value in _keys(message, countries)
    }
    owners = await resolve_customers(uow.connection, wanted)
    found: dict[tuple[str, str], str] = {}
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for key, message in newest.items():
        for kind, value in _keys(message, countries):
            owner = owners[(kind, "", value)]
            first = seen.setdefault((kind, value), key)
            if (owner is not None and owner != present[key]) or first != key:
                found[key] = f"{kind} {value!r}"
    return found


def _business_id(message: Saved, countries: Collection[str]) -> str | None:
    # An ERP's id is never refused: a wrong check digit there is for a person to mend.
    return normal_business_id(message.data.business_id or "", countries) or None


def _keys(message: Saved, countries: Collection[str]) -> list[tuple[str, str]]:
    keys = []
    if message.data.customer_number:
        keys.append(("customer_number", message.data.customer_number))
    business_id = _business_id(message, countries)
    if business_id:
        keys.append(("business_id", business_id))
    return keys


def _bans_set(
    batch: Batch[erp.CustomerSaved], customers: Collection[tuple[str, str]]
) -> dict[tuple[str, str], set[str]]:
    """Return the bans that any event of the batch sets: how events are batched lifts none."""
    bans: dict[tuple[str, str], set[str]] = {}
    for message in batch:
        if (message.source, message.data.erp_ref) in customers:
            for contact in message.data.contacts:
                bans.setdefault((message.source, contact.contact_ref), set()).update(contact.bans)
    return bans


async def _save_contacts(
    saved: Sequence[tuple[Saved, UUID]],
    bans: Mapping[tuple[str, str], Collection[str]],
    uow: UnitOfWork,
    region: str,
) -> None:
    told: dict[tuple[str, str], tuple[erp.ErpContact, UUID]] = {
        (message.source, contact.contact_ref): (contact, customer_id)
        for message, customer_id in saved
        for contact in message.data.contacts
    }
    if not told:
        return
    known = await contact_store.resolve_contacts(uow.connection, told)
    ids = {key: known.get(key) or new_id() for key in told}
    fresh = {key for key in told if key not in known}
    rows = {key: _contact_row(ids[key], contact, region) for key, (contact, _) in told.items()}
    locked = await contact_store.lock_contacts(uow.connection, list(known.values()), resolved=True)
    settings = await fetch_settings(uow.connection, lock=True)
    attributes: dict[UUID, tuple[set[int], set[int]]] = {}
    for key in told:
        before = locked[ids[key]][1] if key not in fresh else set()
        numbers = {number for name in bans[key] if (number := settings.get(name)) is not None}
        attributes[ids[key]] = (before, before | numbers)
    await store_contacts(
        Contacts(
            fresh=[rows[key] for key in fresh],
            known=[rows[key] for key in told if key not in fresh],
            references=[(source, ref, ids[source, ref]) for source, ref in fresh],
            places=[
                (ids[message.source, contact.contact_ref], Place(customer_id))
                for message, customer_id in saved
                for contact in message.data.contacts
            ],
            attributes=attributes,
        ),
        uow,
        settings=settings,
    )


def _contact_row(contact_id: UUID, contact: erp.ErpContact, region: str) -> dict[str, Any]:
    address = contact.address or erp.PostalAddress()
    home = address.country or region
    # An ERP's unusable number must not keep the person out; it only cannot be reached by it.
    return {
        "contact_id": contact_id,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "email": normal_email(contact.email) if contact.email else None,
        "mobile": normal_phone(contact.mobile, region=home) if contact.mobile else None,
        "phone": normal_phone(contact.phone, region=home) if contact.phone else None,
        "street": address.street,
        "postal_code": address.postal_code,
        "city": address.city,
        "country": address.country,
        "language": contact.language,
    }
