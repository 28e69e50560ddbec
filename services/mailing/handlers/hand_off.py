"""Release recipients for sending, inside the lock that a ban must wait for."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.consent_log import Fact, What
from services.mailing.domain.events import RecipientHandedOff
from services.mailing.domain.gate import NOBODY, Reason, decide
from services.mailing.domain.keys import GateKey, contact_subject
from services.mailing.domain.refusals import HandOffNotFound, SegmentNotFound
from services.mailing.handlers.keep_topics import open_topic
from services.mailing.persistence import consent_log, hand_offs
from services.mailing.persistence.gate import lock_shared, make_rows, read_consent
from services.mailing.persistence.hand_offs import Membership, Receipt, Recipient
from shared.chassis.errors import InvalidField
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class HandOff:
    """
    Contacts to be written to; with `customer_id` in their role at that customer.

    With `segment_id` only its members are; with `topic` only those who did not ban that.
    """

    contact_ids: tuple[UUID, ...]
    channel: Channel
    purpose: Purpose
    campaign: str
    customer_id: UUID | None = None
    segment_id: UUID | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """One recipient that may be sent to now."""

    address: str
    receipt: Receipt

    @property
    def contact_id(self) -> UUID:
        """Return who is released."""
        return self.receipt.contact_id


@dataclass(frozen=True, slots=True)
class Refused:
    """One recipient that must not be sent to, and why."""

    contact_id: UUID
    reason: Reason
    earlier: Receipt | None = None


Release = Callable[[Released], Awaitable[None]]
"""Send to one recipient. Awaited inside the lock: whoever bans meanwhile waits for it."""


async def prepare_hand_off(command: HandOff, uow: UnitOfWork) -> None:
    """
    Make the gate rows of a hand-off, in a unit of its own that commits first.

    A row that a hand-off made itself would keep every other one from that address until it is done,
    since nobody can share a row that is not committed. Nothing depends on this but the waiting.
    """
    recipients = await _read(command, None, uow)
    await make_rows(uow.connection, _gates(recipients))


async def hand_off(
    command: HandOff,
    uow: UnitOfWork,
    *,
    limit_seconds: float,
    release: Release | None = None,
) -> list[Released | Refused]:
    """
    Decide on each contact and release those that may be written to.

    Each once per campaign, channel and purpose, and of those who share an address only one.

    After a ban is acknowledged as fenced, no release of what it covers happens: the gate rows are
    held before bans and freshness are read, and until the commit. Last of all, what was released is
    written to the consent log.
    """
    if command.topic is not None:
        await open_topic(command.topic, uow)
    membership = await _membership(command, uow)
    judged = await _judge(command, membership, uow, limit_seconds=limit_seconds)
    asked = [
        Receipt(
            hand_off_id=new_id(),
            contact_id=contact_id,
            channel=command.channel,
            purpose=command.purpose,
            campaign=command.campaign,
            address_hash=recipient.address_hash,
            consent_seq=judged.consent_seq,
            at=uow.now,
            topic=command.topic,
            segment_id=command.segment_id,
            rule_version=membership.version if membership else None,
        )
        for contact_id, recipient in judged.passed.items()
    ]
    keys = {
        contact_id: recipient.candidate.address_key or ""
        for contact_id, recipient in judged.passed.items()
    }
    first = await hand_offs.add_receipts(uow.connection, asked, keys)
    given = [receipt for receipt in asked if receipt.hand_off_id in first]
    repeated = [receipt for receipt in asked if receipt.hand_off_id not in first]
    earlier = await hand_offs.earlier_receipts(uow.connection, repeated)
    if release is not None:
        for receipt in given:
            await release(Released(judged.passed[receipt.contact_id].address, receipt))
    given = await _write_down(given, judged.passed, uow)
    uow.record_all(_told(receipt) for receipt in given)
    now = {receipt.hand_off_id: receipt for receipt in given}
    outcomes: dict[UUID, Released | Refused] = {
        contact_id: Refused(contact_id, reason) for contact_id, reason in judged.refused.items()
    }
    for receipt in given:
        address = judged.passed[receipt.contact_id].address
        outcomes[receipt.contact_id] = Released(address, receipt)
    for receipt in repeated:
        stands = earlier[receipt.hand_off_id]
        outcomes[receipt.contact_id] = Refused(
            receipt.contact_id,
            Reason.ALREADY_HANDED_OFF
            if stands.contact_id == receipt.contact_id
            else Reason.ADDRESS_ALREADY_HANDED_OFF,
            now.get(stands.hand_off_id, stands),
        )
    return [outcomes[contact_id] for contact_id in dict.fromkeys(command.contact_ids)]


async def ask_again(
    command: HandOff, uow: UnitOfWork, *, limit_seconds: float
) -> dict[UUID, str | Reason]:
    """
    Ask the gate again for a hand-off that was answered before: present address or refusal, each.

    Whoever repeats a request gets its first answer, and bans may have been fenced since then. This
    releases nobody anew and writes nothing down.
    """
    membership = await _membership(command, uow)
    judged = await _judge(command, membership, uow, limit_seconds=limit_seconds)
    addresses = {contact_id: passed.address for contact_id, passed in judged.passed.items()}
    return {**addresses, **judged.refused}


@dataclass(frozen=True, slots=True)
class _Judged:
    passed: dict[UUID, Recipient]
    refused: dict[UUID, Reason]
    consent_seq: int


async def _membership(command: HandOff, uow: UnitOfWork) -> Membership | None:
    if command.segment_id is None:
        return None
    found = await hand_offs.live_rule(uow.connection, command.segment_id)
    if found is None:
        raise InvalidField("segment_id", "there is no such segment", SegmentNotFound.remedy)
    return found


async def _judge(
    command: HandOff, membership: Membership | None, uow: UnitOfWork, *, limit_seconds: float
) -> _Judged:
    held: set[GateKey] = set()
    # The statement that tells the bans also tells which gates they hang on: it counts once all of
    # these are held. The contacts need no lock of their own, and one would meet the projection's in
    # the other order: whoever changes meanwhile is handed off as he was before.
    while missing := _gates(recipients := await _read(command, membership, uow)) - held:
        await lock_shared(uow.connection, missing)
        held |= missing
    consent = await read_consent(uow.connection, limit_seconds=limit_seconds)
    judged = _Judged({}, {}, consent.applied_through)
    for contact_id in command.contact_ids:
        known = recipients.get(contact_id)
        candidate = known.candidate if known else NOBODY
        reason = decide(candidate, command.channel, command.purpose, consent)
        if reason is not None:
            judged.refused[contact_id] = reason
        else:
            assert known is not None
            judged.passed[contact_id] = known
    return judged


async def _read(
    command: HandOff, membership: Membership | None, uow: UnitOfWork
) -> dict[UUID, Recipient]:
    return await hand_offs.candidates(
        uow.connection,
        command.contact_ids,
        command.channel,
        command.customer_id,
        now=uow.now,
        topic=command.topic,
        membership=membership,
    )


def _gates(recipients: Mapping[UUID, Recipient]) -> set[GateKey]:
    return {gate for recipient in recipients.values() for gate in recipient.gates}


async def _write_down(
    receipts: list[Receipt], recipients: Mapping[UUID, Recipient], uow: UnitOfWork
) -> list[Receipt]:
    before = await consent_log.append(
        uow,
        [
            Fact(
                what=What.HANDED_OFF,
                channel=receipt.channel,
                key=receipt.address_hash,
                subject=contact_subject(receipt.contact_id),
                customers=recipients[receipt.contact_id].customers,
                topic=receipt.topic,
                purpose=receipt.purpose.value,
                campaign=receipt.campaign,
                evidence=str(receipt.hand_off_id),
                consent_seq=receipt.consent_seq,
            )
            for receipt in receipts
        ],
    )
    return [
        replace(receipt, log_position=position)
        for position, receipt in enumerate(receipts, before + 1)
    ]


def _told(receipt: Receipt) -> RecipientHandedOff:
    return RecipientHandedOff(
        hand_off_id=receipt.hand_off_id,
        contact_id=receipt.contact_id,
        channel=receipt.channel,
        purpose=receipt.purpose,
        campaign=receipt.campaign,
        consent_seq=receipt.consent_seq,
        at=receipt.at,
        topic=receipt.topic,
        segment_id=receipt.segment_id,
        rule_version=receipt.rule_version,
        log_position=receipt.log_position,
    )


async def show_hand_off(hand_off_id: UUID, uow: UnitOfWork) -> Receipt:
    """Return one receipt; refuse an unknown one."""
    receipt = await hand_offs.find_receipt(uow.connection, hand_off_id)
    if receipt is None:
        raise HandOffNotFound(f"There is no hand-off {hand_off_id}.")
    return receipt
