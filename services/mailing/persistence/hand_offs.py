"""Receipts of hand-offs, and what the gate must know about the contacts of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.gate import Candidate
from services.mailing.domain.keys import GateKey, address_gate, contact_subject, customer_subject
from services.mailing.persistence.gate import ADDRESS, AT_CUSTOMER, BANNED


@dataclass(frozen=True, slots=True)
class Receipt:
    """One recipient that was released, for good."""

    hand_off_id: UUID
    contact_id: UUID
    channel: Channel
    purpose: Purpose
    campaign: str
    address_key: str
    consent_seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Recipient:
    """A contact as the gate sees it, its address as it is written, and what could stop it."""

    candidate: Candidate
    address: str
    gates: frozenset[GateKey]


async def candidates(
    connection: AsyncConnection,
    contact_ids: Sequence[UUID],
    channel: Channel,
    customer_id: UUID | None,
) -> dict[UUID, Recipient]:
    """Return what the gate must know about the live ones among these contacts."""
    result = await connection.execute(
        _CANDIDATES, {"ids": list(contact_ids), "channel": channel, "customer_id": customer_id}
    )
    return {
        row.contact_id: Recipient(
            Candidate(
                found=True,
                at_customer=row.at_customer,
                address_key=row.address_key,
                banned=row.banned,
            ),
            written_address(row, channel),
            _gates(row, channel),
        )
        for row in result
    }


def _gates(row: Row[tuple[object, ...]], channel: Channel) -> frozenset[GateKey]:
    subjects = [contact_subject(row.contact_id), *map(customer_subject, row.customers)]
    gates = {(str(channel), subject) for subject in subjects}
    if row.address_key is not None:
        gates.add(address_gate(channel, row.address_key))
    return frozenset(gates)


def written_address(row: Row[tuple[object, ...]], channel: Channel) -> str:
    """Return a contact's address on a channel as one line."""
    if channel is Channel.EMAIL:
        return (row.email or "").strip()
    if channel is Channel.SMS:
        return (row.mobile or "").strip()
    return f"{row.street}, {row.postal_code} {row.city}, {row.country}"


async def add_receipts(connection: AsyncConnection, receipts: Sequence[Receipt]) -> set[UUID]:
    """Write receipts; return the ids of those that are the first for their contact."""
    if not receipts:
        return set()
    first = receipts[0]
    ordered = sorted(receipts, key=lambda receipt: receipt.contact_id)
    result = await connection.execute(
        _RECEIPTS,
        {
            "ids": [receipt.hand_off_id for receipt in ordered],
            "contacts": [receipt.contact_id for receipt in ordered],
            "keys": [receipt.address_key for receipt in ordered],
            "channel": first.channel,
            "purpose": first.purpose,
            "campaign": first.campaign,
            "consent_seq": first.consent_seq,
            "at": first.at,
        },
    )
    return {hand_off_id for (hand_off_id,) in result}


async def earlier_receipts(
    connection: AsyncConnection,
    contact_ids: Sequence[UUID],
    *,
    channel: Channel,
    purpose: Purpose,
    campaign: str,
) -> dict[UUID, Receipt]:
    """Return the receipts there are for these contacts in one campaign."""
    result = await connection.execute(
        _EARLIER,
        {
            "contacts": list(contact_ids),
            "channel": channel,
            "purpose": purpose,
            "campaign": campaign,
        },
    )
    return {row.contact_id: _receipt(row) for row in result}


async def find_receipt(connection: AsyncConnection, hand_off_id: UUID) -> Receipt | None:
    """Return one receipt, or None."""
    row = (await connection.execute(_FIND, {"id": hand_off_id})).one_or_none()
    return None if row is None else _receipt(row)


def _receipt(row: Row[tuple[object, ...]]) -> Receipt:
    return Receipt(
        hand_off_id=row.hand_off_id,
        contact_id=row.contact_id,
        channel=Channel(row.channel),
        purpose=Purpose(row.purpose),
        campaign=row.campaign,
        address_key=row.address_key,
        consent_seq=row.consent_seq,
        at=row.at,
    )


_CANDIDATES = text(
    f"""
    SELECT contact.contact_id, contact.email, contact.mobile, contact.street, contact.postal_code,
           contact.city, contact.country, {ADDRESS} AS address_key,
           {AT_CUSTOMER} AS at_customer, {BANNED} AS banned,
           ARRAY(SELECT link.customer_id FROM contact_customer AS link
                 WHERE link.contact_id = contact.contact_id
                   AND (CAST(:customer_id AS uuid) IS NULL
                        OR link.customer_id = CAST(:customer_id AS uuid))) AS customers
    FROM contact WHERE contact.contact_id = ANY(CAST(:ids AS uuid[])) AND NOT contact.deleted
    """
)
_RECEIPTS = text(
    """
    INSERT INTO hand_off (hand_off_id, contact_id, channel, purpose, campaign, address_key,
                          consent_seq, at)
    SELECT id, contact_id, :channel, :purpose, :campaign, key, :consent_seq, :at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:contacts AS uuid[]), CAST(:keys AS text[]))
         AS new (id, contact_id, key)
    ORDER BY contact_id
    ON CONFLICT (campaign, channel, contact_id, purpose) DO NOTHING
    RETURNING hand_off_id
    """
)
_RECEIPT_COLUMNS = """hand_off_id, contact_id, channel, purpose, campaign, address_key, consent_seq,
                      at"""
_EARLIER = text(
    f"""
    SELECT {_RECEIPT_COLUMNS} FROM hand_off
    WHERE campaign = :campaign AND channel = :channel AND purpose = :purpose
      AND contact_id = ANY(CAST(:contacts AS uuid[]))
    """
)
_FIND = text(f"SELECT {_RECEIPT_COLUMNS} FROM hand_off WHERE hand_off_id = :id")
