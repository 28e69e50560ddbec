"""Release recipients for sending, inside the lock that a ban must wait for."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.events import RecipientHandedOff
from services.mailing.domain.gate import NOBODY, Reason, decide
from services.mailing.domain.keys import GateKey
from services.mailing.domain.refusals import HandOffNotFound
from services.mailing.persistence import hand_offs
from services.mailing.persistence.gate import lock_shared, make_rows, read_consent
from services.mailing.persistence.hand_offs import Receipt, Recipient
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class HandOff:
    """Contacts to be written to; with `customer_id` in their role at that customer."""

    contact_ids: tuple[UUID, ...]
    channel: Channel
    purpose: Purpose
    campaign: str
    customer_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """One recipient that may be sent to now."""

    contact_id: UUID
    hand_off_id: UUID
    address: str
    consent_seq: int
    at: datetime


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
    recipients = await _read(command, uow)
    await make_rows(uow.connection, _gates(recipients))


async def hand_off(
    command: HandOff,
    uow: UnitOfWork,
    *,
    limit_seconds: float,
    release: Release | None = None,
) -> list[Released | Refused]:
    """
    Decide on each contact and release those that may be written to, once per campaign.

    After a ban is acknowledged as fenced, no release of what it covers happens: the gate rows are
    held before bans and freshness are read, and until the commit.
    """
    judged = await _judge(command, uow, limit_seconds=limit_seconds)
    passed = [
        Receipt(
            hand_off_id=new_id(),
            contact_id=contact_id,
            channel=command.channel,
            purpose=command.purpose,
            campaign=command.campaign,
            address_key=recipient.address_key,
            consent_seq=judged.consent_seq,
            at=uow.now,
        )
        for contact_id, recipient in judged.passed.items()
    ]
    outcomes: dict[UUID, Released | Refused] = {
        contact_id: Refused(contact_id, reason) for contact_id, reason in judged.refused.items()
    }
    outcomes |= await _give_receipts(command, passed, judged.passed, uow, release)
    return [outcomes[contact_id] for contact_id in dict.fromkeys(command.contact_ids)]


async def ask_again(
    command: HandOff, uow: UnitOfWork, *, limit_seconds: float
) -> dict[UUID, str | Reason]:
    """
    Ask the gate again for a hand-off that was answered before: present address or refusal, each.

    Whoever repeats a request gets its first answer, and bans may have been fenced since then.
    """
    judged = await _judge(command, uow, limit_seconds=limit_seconds)
    addresses = {contact_id: passed.address for contact_id, passed in judged.passed.items()}
    return {**addresses, **judged.refused}


@dataclass(frozen=True, slots=True)
class _Passed:
    address: str
    address_key: str


@dataclass(frozen=True, slots=True)
class _Judged:
    passed: dict[UUID, _Passed]
    refused: dict[UUID, Reason]
    consent_seq: int


async def _judge(command: HandOff, uow: UnitOfWork, *, limit_seconds: float) -> _Judged:
    held: set[GateKey] = set()
    # The statement that tells the bans also tells which gates they hang on: it counts once all of
    # these are held. The contacts need no lock of their own, and one would meet the projection's in
    # the other order: whoever changes meanwhile is handed off as he was before.
    while missing := _gates(recipients := await _read(command, uow)) - held:
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
            assert known is not None and candidate.address_key is not None
            judged.passed[contact_id] = _Passed(known.address, candidate.address_key)
    return judged


async def _read(command: HandOff, uow: UnitOfWork) -> dict[UUID, Recipient]:
    return await hand_offs.candidates(
        uow.connection, command.contact_ids, command.channel, command.customer_id
    )


def _gates(recipients: Mapping[UUID, Recipient]) -> set[GateKey]:
    return {gate for recipient in recipients.values() for gate in recipient.gates}


async def _give_receipts(
    command: HandOff,
    passed: list[Receipt],
    recipients: dict[UUID, _Passed],
    uow: UnitOfWork,
    release: Release | None,
) -> dict[UUID, Released | Refused]:
    first = await hand_offs.add_receipts(uow.connection, passed)
    repeated = [receipt.contact_id for receipt in passed if receipt.hand_off_id not in first]
    earlier = (
        await hand_offs.earlier_receipts(
            uow.connection,
            repeated,
            channel=command.channel,
            purpose=command.purpose,
            campaign=command.campaign,
        )
        if repeated
        else {}
    )
    outcomes: dict[UUID, Released | Refused] = {}
    for receipt in passed:
        contact_id = receipt.contact_id
        if receipt.hand_off_id not in first:
            outcomes[contact_id] = Refused(
                contact_id, Reason.ALREADY_HANDED_OFF, earlier.get(contact_id)
            )
            continue
        released = Released(
            contact_id=contact_id,
            hand_off_id=receipt.hand_off_id,
            address=recipients[contact_id].address,
            consent_seq=receipt.consent_seq,
            at=receipt.at,
        )
        if release is not None:
            await release(released)
        uow.record(
            RecipientHandedOff(
                hand_off_id=receipt.hand_off_id,
                contact_id=contact_id,
                channel=receipt.channel,
                purpose=receipt.purpose,
                campaign=receipt.campaign,
                consent_seq=receipt.consent_seq,
                at=receipt.at,
            )
        )
        outcomes[contact_id] = released
    return outcomes


async def show_hand_off(hand_off_id: UUID, uow: UnitOfWork) -> Receipt:
    """Return one receipt; refuse an unknown one."""
    receipt = await hand_offs.find_receipt(uow.connection, hand_off_id)
    if receipt is None:
        raise HandOffNotFound(f"There is no hand-off {hand_off_id}.")
    return receipt
