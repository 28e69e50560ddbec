"""Take over the bans of contacts and customers; they hold from the commit on."""

from services.mailing.domain.addresses import address_key
from services.mailing.domain.channels import Channel
from services.mailing.domain.keys import GateKey, address_gate, contact_subject, customer_subject
from services.mailing.persistence import bans, consent, gate
from services.mailing.persistence.bans import BanAddress, SubjectBans
from shared.chassis.messages import Batch
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import BansChanged


async def on_bans_changed(batch: Batch[BansChanged], uow: UnitOfWork) -> None:
    """
    Set the bans of each subject by its newest consent number, on its gate and on its addresses.

    A ban on a contact covers the addresses named in the event and those the contact has here. The
    number counts as applied with the same commit. What was applied before changes nothing.
    """
    usable: list[BansChanged] = []
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
            usable.append(data)
    if not usable:
        return
    await bans.serialise(uow.connection)
    by_subject = {
        _subject(data): data
        for data in newest(usable, key=_subject, version=lambda data: data.consent_seq)
    }
    changed = await bans.save_subjects(uow.connection, [_row(data) for data in by_subject.values()])
    if changed:
        await _close_and_open({subject: by_subject[subject] for subject in changed}, uow)
    await consent.record_applied(uow.connection, [data.consent_seq for data in usable])


async def _close_and_open(changed: dict[str, BansChanged], uow: UnitOfWork) -> None:
    standing = await bans.addresses_of(uow.connection, changed)
    having = await bans.projected_addresses(uow.connection, changed)
    having += [row for data in changed.values() for row in _named(data)]
    rows = {subject: _row(data) for subject, data in changed.items()}
    cover = [row for row in having if rows[row[2]].has(Channel(row[0]))]
    lift = [row for row in standing if not rows[row[2]].has(Channel(row[0]))]
    gates: set[GateKey] = {address_gate(channel, key) for channel, key, _ in cover + lift}
    gates.update((str(channel), subject) for subject in changed for channel in Channel)
    await gate.lock_exclusive(uow.connection, gates)
    await bans.uncover(uow.connection, lift)
    await bans.cover(uow.connection, cover)
    await gate.settle(uow.connection, gates)


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
