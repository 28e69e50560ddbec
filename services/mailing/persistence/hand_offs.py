"""Receipts of hand-offs, and what the gate must know about the contacts of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.gate import Candidate
from services.mailing.domain.keys import GateKey, address_gate, contact_subject, customer_subject
from services.mailing.persistence.gate import (
    ADDRESS,
    ADDRESS_HASH,
    AT_CUSTOMER,
    BANNED,
    TOPIC_BANNED,
    UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One recipient that was released, for good."""

    hand_off_id: UUID
    contact_id: UUID
    channel: Channel
    purpose: Purpose
    campaign: str
    address_hash: str | None
    consent_seq: int
    at: datetime
    topic: str | None = None
    segment_id: UUID | None = None
    rule_version: int | None = None
    log_position: int | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A contact as the gate sees it, its address as it is written, and what could stop it."""

    candidate: Candidate
    address: str
    address_hash: str | None
    customers: tuple[str, ...]
    gates: frozenset[GateKey]


@dataclass(frozen=True, slots=True)
class Membership:
    """The rule whose members a segment has now, and its version."""

    rule_id: UUID | None
    version: int | None


async def candidates(
    connection: AsyncConnection,
    contact_ids: Sequence[UUID],
    channel: Channel,
    customer_id: UUID | None,
    *,
    now: datetime,
    topic: str | None = None,
    membership: Membership | None = None,
) -> dict[UUID, Recipient]:
    """Return what the gate must know about the live ones among these contacts."""
    result = await connection.execute(
        _CANDIDATES,
        {
            "ids": list(contact_ids),
            "channel": channel,
            "customer_id": customer_id,
            "now": now,
            "topic": topic,
            "any": membership is None,
            "rule_id": membership and membership.rule_id,
        },
    )
    return {row.contact_id: _recipient(row, channel) for row in result}


async def live_rule(connection: AsyncConnection, segment_id: UUID) -> Membership | None:
    """Return whose members a segment has now; None if there is no such segment."""
    row = (await connection.execute(_LIVE_RULE, {"id": segment_id})).one_or_none()
    return None if row is None else Membership(row.live_rule_id, row.version)


def _recipient(row: Row[tuple[object, ...]], channel: Channel) -> Recipient:
    customers = tuple(sorted(map(customer_subject, row.customers)))
    subjects = (contact_subject(row.contact_id), *customers)
    gates = {(str(channel), subject) for subject in subjects}
    if row.address_key is not None:
        gates.add(address_gate(channel, row.address_key))
    return Recipient(
        candidate=Candidate(
            found=True,
            at_customer=row.at_customer,
            address_key=row.address_key,
            banned=row.banned,
            topic_banned=row.topic_banned,
            member=row.member,
        ),
        address=written_address(row, channel),
        address_hash=row.address_hash,
        customers=customers,
        gates=frozenset(gates),
    )


def written_address(row: Row[tuple[object, ...]], channel: Channel) -> str:
    """Return a contact's address on a channel as one line."""
    if channel is Channel.EMAIL:
        return (row.email or "").strip()
    if channel is Channel.SMS:
        return (row.mobile or "").strip()
    if channel is Channel.CALL:
        return row.call_key or ""
    return f"{row.street}, {row.postal_code} {row.city}, {row.country}"


async def add_receipts(
    connection: AsyncConnection, receipts: Sequence[Receipt], address_keys: Mapping[UUID, str]
) -> set[UUID]:
    """
    Write receipts; return the ids of those that are the first for their contact and address.

    The addresses, by contact, stay until the person is erased: links and reports lead to them.
    Of several contacts with one address the one with the smallest id gets it.
    """
    if not receipts:
        return set()
    first = receipts[0]
    result = await connection.execute(
        _RECEIPTS,
        {
            "ids": [receipt.hand_off_id for receipt in receipts],
            "contacts": [receipt.contact_id for receipt in receipts],
            "hashes": [receipt.address_hash for receipt in receipts],
            "keys": [address_keys[receipt.contact_id] for receipt in receipts],
            "channel": first.channel,
            "purpose": first.purpose,
            "campaign": first.campaign,
            "consent_seq": first.consent_seq,
            "topic": first.topic,
            "segment_id": first.segment_id,
            "rule_version": first.rule_version,
            "at": first.at,
        },
    )
    return {hand_off_id for (hand_off_id,) in result}


async def earlier_receipts(
    connection: AsyncConnection, receipts: Sequence[Receipt]
) -> dict[UUID, Receipt]:
    """Return, by the id of each of these that was not written, the receipt that stands instead."""
    if not receipts:
        return {}
    first = receipts[0]
    result = await connection.execute(
        _EARLIER,
        {
            "contacts": [receipt.contact_id for receipt in receipts],
            "hashes": [receipt.address_hash for receipt in receipts],
            "channel": first.channel,
            "purpose": first.purpose,
            "campaign": first.campaign,
        },
    )
    found = [_receipt(row) for row in result]
    of_contact = {receipt.contact_id: receipt for receipt in found}
    of_address = {receipt.address_hash: receipt for receipt in found}
    return {
        receipt.hand_off_id: of_contact.get(receipt.contact_id) or of_address[receipt.address_hash]
        for receipt in receipts
    }


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
        address_hash=row.address_hash,
        consent_seq=row.consent_seq,
        at=row.at,
        topic=row.topic,
        segment_id=row.segment_id,
        rule_version=row.rule_version,
        log_position=row.log_position,
    )


_CANDIDATES = text(
    f"""
    SELECT contact.contact_id, contact.email, contact.mobile, contact.street, contact.postal_code,
           contact.city, contact.country, contact.call_key,
           {ADDRESS} AS address_key,
           CASE WHEN NOT ({UNKNOWN}) THEN {ADDRESS_HASH} END AS address_hash,
           {AT_CUSTOMER} AS at_customer, {BANNED} AS banned, {TOPIC_BANNED} AS topic_banned,
           CAST(:any AS boolean)
           OR EXISTS (SELECT FROM member WHERE member.rule_id = CAST(:rule_id AS uuid)
                                           AND member.contact_id = contact.contact_id) AS member,
           ARRAY(SELECT link.customer_id FROM contact_customer AS link
                 WHERE link.contact_id = contact.contact_id
                   AND (CAST(:customer_id AS uuid) IS NULL
                        OR link.customer_id = CAST(:customer_id AS uuid))) AS customers
    FROM contact WHERE contact.contact_id = ANY(CAST(:ids AS uuid[])) AND NOT contact.deleted
    """
)
_LIVE_RULE = text(
    """
    SELECT segment.live_rule_id, segment_rule.version
    FROM segment LEFT JOIN segment_rule ON segment_rule.rule_id = segment.live_rule_id
    WHERE segment.segment_id = :id AND NOT segment.removed
    """
)
# By address, then contact: two who hand off the same never wait for each other in a ring.
_RECEIPTS = text(
    """
    INSERT INTO hand_off (hand_off_id, contact_id, channel, purpose, campaign, address_key,
                          address_hash, consent_seq, topic, segment_id, rule_version, at)
    SELECT id, contact_id, :channel, :purpose, :campaign, key, hash, :consent_seq, :topic,
           :segment_id, :rule_version, :at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:contacts AS uuid[]), CAST(:keys AS text[]),
                CAST(:hashes AS text[])) AS new (id, contact_id, key, hash)
    ORDER BY hash, contact_id
    ON CONFLICT DO NOTHING
    RETURNING hand_off_id
    """
)
_RECEIPT_COLUMNS = """hand_off_id, contact_id, channel, purpose, campaign, address_hash,
    consent_seq, at, topic, segment_id, rule_version,
    (SELECT position FROM consent_log
     WHERE what = 'handed_off' AND evidence = CAST(hand_off_id AS text)) AS log_position"""
_EARLIER = text(
    f"""
    SELECT {_RECEIPT_COLUMNS} FROM hand_off
    WHERE campaign = :campaign AND channel = :channel AND purpose = :purpose
      AND (contact_id = ANY(CAST(:contacts AS uuid[]))
           OR address_hash = ANY(CAST(:hashes AS text[])))
    """
)
_FIND = text(f"SELECT {_RECEIPT_COLUMNS} FROM hand_off WHERE hand_off_id = :id")
