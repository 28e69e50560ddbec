"""Pick the contacts that a document goes to, by their attributes (LS-18 to LS-20, LS-A8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.handlers.live import live_customer
from services.customers.persistence.customers import fetch_customers
from services.customers.persistence.register import fetch_settings

MOST_ADDRESSEES = 500


class DocumentPurpose(StrEnum):
    """What is to be sent; a reminder goes where the e-mail invoice goes (LS-20)."""

    INVOICE = "invoice"
    REMINDER = "reminder"
    PURCHASE_ORDER = "purchase_order"
    SALES_ORDER = "sales_order"


_SETTING = {
    DocumentPurpose.INVOICE: "CONTACT_NUMBER",
    DocumentPurpose.REMINDER: "CONTACT_NUMBER",
    DocumentPurpose.PURCHASE_ORDER: "CONTACT_PURCHASE",
    DocumentPurpose.SALES_ORDER: "CONTACT_SALES",
}


@dataclass(frozen=True, slots=True)
class Addressee:
    """Where a document goes: a contact, or the customer itself (`contact_id` empty)."""

    contact_id: UUID | None
    name: str
    email: str


async def pick_contacts(
    customer_id: UUID, purpose: DocumentPurpose, connection: AsyncConnection
) -> list[Addressee]:
    """
    Return the first addressees in order, the one to use first; empty is a gap to be mended.

    Bans do not matter here: they stop marketing only (LS-A7).
    """
    number = (await fetch_settings(connection)).get(_SETTING[purpose])
    result = await connection.execute(
        text(
            """
            SELECT contact.contact_id, concat_ws(' ', first_name, last_name) AS name, contact.email
            FROM contact_customer AS place JOIN contact USING (contact_id)
            WHERE place.customer_id = :customer AND contact.email IS NOT NULL
              AND contact.deleted_at IS NULL
              AND contact.attributes @> ARRAY[CAST(:number AS int)]
            ORDER BY place.position, contact.contact_id LIMIT :most
            """
        ),
        {"customer": customer_id, "number": number, "most": MOST_ADDRESSEES},
    )
    picked = [Addressee(row.contact_id, row.name, row.email) for row in result]
    row = live_customer(await fetch_customers(connection, [customer_id]), customer_id)
    if not picked and row.email:
        picked.append(Addressee(None, row.name, row.email))
    return picked


async def gaps(
    purpose: DocumentPurpose,
    connection: AsyncConnection,
    *,
    after: UUID | None,
    limit: int,
) -> Sequence[tuple[UUID, str, str]]:
    """Return customers whom no document of this purpose can reach: id, number, name."""
    number = (await fetch_settings(connection)).get(_SETTING[purpose])
    result = await connection.execute(
        text(
            """
            SELECT customer_id, number, name FROM customer
            WHERE email IS NULL AND deleted_at IS NULL
              AND (CAST(:after AS uuid) IS NULL OR customer_id > :after)
              AND NOT EXISTS (
                SELECT FROM contact_customer AS place JOIN contact USING (contact_id)
                WHERE place.customer_id = customer.customer_id AND contact.email IS NOT NULL
                  AND contact.deleted_at IS NULL
                  AND contact.attributes @> ARRAY[CAST(:number AS int)])
            ORDER BY customer_id LIMIT :limit
            """
        ),
        {"after": after, "number": number, "limit": limit},
    )
    return [(row.customer_id, row.number, row.name) for row in result]
