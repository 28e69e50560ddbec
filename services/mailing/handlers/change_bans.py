"""Take over the bans of contacts and customers; they hold from the commit on."""

from collections.abc import Awaitable, Callable, Iterable

from services.mailing.domain.addresses import HashOf, address_key
from services.mailing.domain.channels import BANNED_BY_CUSTOMERS, Channel
from services.mailing.domain.consent_log import Fact, What
from services.mailing.domain.keys import (
    GateKey,
    address_gate,
    contact_subject,
    customer_subject,
    is_subject,
)
from services.mailing.persistence import bans, consent, consent_log, gate
from services.mailing.persistence.bans import BanAddress, SubjectBans
from shared.chassis.messages import Batch, Message
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import BansChanged


def on_bans_changed(
    hash_of: HashOf,
) -> Callable[[Batch[BansChanged], UnitOfWork], Awaitable[None]]:
    """Return the handler of bans that customers tells."""

    async def handle(batch: Batch[BansChanged], uow: UnitOfWork) -> None:
        """
        Set the bans of each subject by its newest consent number, on its gate and its addresses.

        A ban on a contact covers the addresses named in the event and those the contact has here.
        The number counts as applied with the same commit. What was applied before changes nothing.
        """
        usable: list[Message[BansChanged]] = []
        for message in batch:
            data = message.data
            if (data.contact_id is None) == (data.customer_id is None):
                batch.park(
                    message,
                    reason="subject_invalid",
                    detail="Name exactly one of contact_id and customer_id. Until this number is "
                    "applied, marketing hand-off stays closed.",
                )
            else:
                usable.append(message)
        if not usable:
            return
        await bans.serialise(uow.connection)
        by_subject = {
            _subject(message.data): message
            for message in newest(
                usable,
                key=lambda message: _subject(message.data),
                version=lambda message: message.data.consent_seq,
            )
        }
        rows = [_row(message.data) for message in by_subject.values()]
        changed = await bans.save_subjects(uow.connection, rows)
        if changed:
            await _close_and_open(
                {subject: by_subject[subject] for subject in changed}, uow, hash_of
            )
        await consent.record_applied(
            uow.connection, [message.data.consent_seq for message in usable]
        )

    return handle


async def _close_and_open(
    changed: dict[str, Message[BansChanged]], uow: UnitOfWork, hash_of: HashOf
) -> None:
    standing = await bans.addresses_of(uow.connection, changed)
    having = await bans.projected_addresses(uow.connection, changed)
    having += [row for message in changed.values() for row in _named(message.data)]
    rows = {subject: _row(message.data) for subject, message in changed.items()}
    cover = [row for row in having if rows[row[2]].has(Channel(row[0]))]
    lift = [row for row in standing if not rows[row[2]].has(Channel(row[0]))]
    gates: set[GateKey] = {address_gate(channel, key) for channel, key, _ in cover + lift}
    gates.update((str(channel), subject) for subject in changed for channel in BANNED_BY_CUSTOMERS)
    await gate.lock_exclusive(uow.connection, gates)
    lifted = await bans.uncover(uow.connection, lift)
    covered = await bans.cover(uow.connection, cover)
    settled = await gate.settle(uow.connection, gates)
    consent_log.append_last(uow, list(_facts(changed, lifted, covered, settled, hash_of)))


def _facts(
    changed: dict[str, Message[BansChanged]],
    lifted: list[BanAddress],
    covered: list[BanAddress],
    settled: dict[GateKey, bool],
    hash_of: HashOf,
) -> Iterable[Fact]:
    """Return what is to be written down: first of contacts and customers, then of addresses."""

    def fact(what: What, channel: Channel, key: str, subject: str) -> Fact:
        message = changed[subject]
        return Fact(
            what=what,
            channel=channel,
            key=key,
            subject=subject,
            source="customers",
            how="event",
            evidence=message.message_id,
            consent_seq=message.data.consent_seq,
        )

    for (channel, key), banned in sorted(settled.items()):
        if is_subject(key):
            yield fact(What.BANNED if banned else What.LIFTED, Channel(channel), key, key)
    for what, rows in ((What.LIFTED, lifted), (What.BANNED, covered)):
        for name, address, subject in sorted(rows):
            yield fact(what, Channel(name), hash_of(Channel(name), address), subject)


def _subject(data: BansChanged) -> str:
    if data.contact_id is not None:
        return contact_subject(data.contact_id)
    assert data.customer_id is not None
    return customer_subject(data.customer_id)


def _row(data: BansChanged) -> SubjectBans:
    return SubjectBans(
        subject=_subject(data),
        consent_seq=data.consent_seq,
        email=data.bans.email,
        sms=data.bans.sms,
        post=data.bans.post,
    )


def _named(data: BansChanged) -> list[BanAddress]:
    given = ((Channel.EMAIL, data.email), (Channel.SMS, data.mobile), (Channel.POST, data.post))
    return [
        (str(channel), key, _subject(data))
        for channel, address in given
        if (key := address_key(channel, address)) is not None
    ]
