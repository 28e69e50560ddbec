"""The projection of customers and contacts: the newest version wins, in whatever order.

A version that stands already is taken over again where its classifications were never told: so a
republish completes what came before these were kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# An array of arrays must be a rectangle; texts may differ in length.
SEPARATOR = "\n"


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One customer as it is to stand in the projection."""

    customer_id: UUID
    version: int
    deleted: bool = False
    number: str = ""
    name: str = ""
    started_on: date | None = None
    start_source: str | None = None
    ended_on: date | None = None
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One contact as it is to stand in the projection; links are (customer, role)."""

    contact_id: UUID
    version: int
    deleted: bool = False
    first_name: str = ""
    last_name: str = ""
    email: str | None = None
    mobile: str | None = None
    phone: str | None = None
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None
    language: str | None = None
    attributes: tuple[int, ...] = ()
    email_key: str | None = None
    sms_key: str | None = None
    post_key: str | None = None
    email_hash: str | None = None
    sms_hash: str | None = None
    post_hash: str | None = None
    call_hash: str | None = None
    held: tuple[str, ...] = ()
    links: tuple[tuple[UUID, str | None], ...] = ()


async def save_customers(connection: AsyncConnection, rows: Sequence[CustomerRow]) -> None:
    """Take over the customers that are newer than what stands; one row per id, please."""
    await connection.execute(
        _CUSTOMERS,
        {
            "ids": [row.customer_id for row in rows],
            "versions": [row.version for row in rows],
            "deleted": [row.deleted for row in rows],
            "numbers": [row.number for row in rows],
            "names": [row.name for row in rows],
            "started": [row.started_on for row in rows],
            "sources": [row.start_source for row in rows],
            "ended": [row.ended_on for row in rows],
            "held": [SEPARATOR.join(row.held) for row in rows],
        },
    )


async def save_contacts(connection: AsyncConnection, rows: Sequence[ContactRow]) -> list[UUID]:
    """Take over the contacts that are newer, with their links; return which ones changed."""
    result = await connection.execute(
        _CONTACTS,
        {
            "ids": [row.contact_id for row in rows],
            "versions": [row.version for row in rows],
            "deleted": [row.deleted for row in rows],
            "first_names": [row.first_name for row in rows],
            "last_names": [row.last_name for row in rows],
            "emails": [row.email for row in rows],
            "mobiles": [row.mobile for row in rows],
            "phones": [row.phone for row in rows],
            "streets": [row.street for row in rows],
            "postal_codes": [row.postal_code for row in rows],
            "cities": [row.city for row in rows],
            "countries": [row.country for row in rows],
            "languages": [row.language for row in rows],
            "attributes": [f"{{{','.join(map(str, row.attributes))}}}" for row in rows],
            "email_keys": [row.email_key for row in rows],
            "sms_keys": [row.sms_key for row in rows],
            "post_keys": [row.post_key for row in rows],
            "email_hashes": [row.email_hash for row in rows],
            "sms_hashes": [row.sms_hash for row in rows],
            "post_hashes": [row.post_hash for row in rows],
            "call_hashes": [row.call_hash for row in rows],
            "held": [SEPARATOR.join(row.held) for row in rows],
        },
    )
    changed = {contact_id for (contact_id,) in result}
    links = {
        (row.contact_id, customer_id): role
        for row in rows
        if row.contact_id in changed
        for customer_id, role in row.links
    }
    if changed:
        await connection.execute(_UNLINK, {"ids": list(changed)})
    if links:
        await connection.execute(
            _LINK,
            {
                "contacts": [contact_id for contact_id, _ in links],
                "customers": [customer_id for _, customer_id in links],
                "roles": list(links.values()),
            },
        )
    return sorted(changed)


_CUSTOMERS = text(
    """
    INSERT INTO customer (customer_id, version, deleted, number, name, started_on, start_source,
                          ended_on, held, held_version)
    SELECT id, version, deleted, number, name, started_on, source, ended_on,
           string_to_array(held, E'\n'), version
    FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:deleted AS boolean[]),
                CAST(:numbers AS text[]), CAST(:names AS text[]), CAST(:started AS date[]),
                CAST(:sources AS text[]), CAST(:ended AS date[]), CAST(:held AS text[]))
         AS new (id, version, deleted, number, name, started_on, source, ended_on, held)
    ORDER BY id
    ON CONFLICT (customer_id) DO UPDATE SET
        version = EXCLUDED.version, deleted = EXCLUDED.deleted, number = EXCLUDED.number,
        name = EXCLUDED.name, started_on = EXCLUDED.started_on,
        start_source = EXCLUDED.start_source, ended_on = EXCLUDED.ended_on,
        held = EXCLUDED.held, held_version = EXCLUDED.held_version
    WHERE EXCLUDED.version > customer.version
       OR (EXCLUDED.version = customer.version AND customer.held_version <> customer.version)
    """
)
_CONTACTS = text(
    """
    INSERT INTO contact (contact_id, version, deleted, first_name, last_name, email, mobile, phone,
                         street, postal_code, city, country, language, attributes, email_key,
                         sms_key, post_key, email_hash, sms_hash, post_hash, call_hash,
                         hashed_version, held, held_version)
    SELECT id, version, deleted, first_name, last_name, email, mobile, phone, street, postal_code,
           city, country, language, CAST(attributes AS integer[]), email_key, sms_key, post_key,
           email_hash, sms_hash, post_hash, call_hash, version,
           string_to_array(held, E'\n'), version
    FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:deleted AS boolean[]),
                CAST(:first_names AS text[]), CAST(:last_names AS text[]), CAST(:emails AS text[]),
                CAST(:mobiles AS text[]), CAST(:phones AS text[]), CAST(:streets AS text[]),
                CAST(:postal_codes AS text[]), CAST(:cities AS text[]), CAST(:countries AS text[]),
                CAST(:languages AS text[]), CAST(:attributes AS text[]),
                CAST(:email_keys AS text[]), CAST(:sms_keys AS text[]), CAST(:post_keys AS text[]),
                CAST(:email_hashes AS text[]), CAST(:sms_hashes AS text[]),
                CAST(:post_hashes AS text[]), CAST(:call_hashes AS text[]),
                CAST(:held AS text[]))
         AS new (id, version, deleted, first_name, last_name, email, mobile, phone, street,
                 postal_code, city, country, language, attributes, email_key, sms_key, post_key,
                 email_hash, sms_hash, post_hash, call_hash, held)
    ORDER BY id
    ON CONFLICT (contact_id) DO UPDATE SET
        version = EXCLUDED.version, deleted = EXCLUDED.deleted, first_name = EXCLUDED.first_name,
        last_name = EXCLUDED.last_name, email = EXCLUDED.email, mobile = EXCLUDED.mobile,
        phone = EXCLUDED.phone, street = EXCLUDED.street,
        postal_code = EXCLUDED.postal_code, city = EXCLUDED.city,
        country = EXCLUDED.country, language = EXCLUDED.language,
        attributes = EXCLUDED.attributes, email_key = EXCLUDED.email_key,
        sms_key = EXCLUDED.sms_key, post_key = EXCLUDED.post_key,
        email_hash = EXCLUDED.email_hash, sms_hash = EXCLUDED.sms_hash,
        post_hash = EXCLUDED.post_hash, call_hash = EXCLUDED.call_hash,
        hashed_version = EXCLUDED.hashed_version,
        held = EXCLUDED.held, held_version = EXCLUDED.held_version
    WHERE EXCLUDED.version > contact.version
       OR (EXCLUDED.version = contact.version AND contact.held_version <> contact.version)
    RETURNING contact_id
    """
)
_UNLINK = text("DELETE FROM contact_customer WHERE contact_id = ANY(CAST(:ids AS uuid[]))")
_LINK = text(
    """
    INSERT INTO contact_customer (contact_id, customer_id, role)
    SELECT contact_id, customer_id, role
    FROM unnest(CAST(:contacts AS uuid[]), CAST(:customers AS uuid[]), CAST(:roles AS text[]))
         AS new (contact_id, customer_id, role)
    """
)
