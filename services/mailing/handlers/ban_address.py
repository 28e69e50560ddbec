"""Ban an address here and now: fenced against every hand-off, or accepted and fenced soon."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.mailing.domain.addresses import HashOf, require_key
from services.mailing.domain.channels import BANNED_BY_CUSTOMERS, Channel
from services.mailing.domain.consent_log import Fact, What
from services.mailing.domain.events import AddressBanned
from services.mailing.domain.gate import EXPLAINED, Reason
from services.mailing.domain.keys import GateKey, address_gate, contact_subject, direct_subject
from services.mailing.domain.refusals import BanNotFound, ContactHasNoAddress
from services.mailing.handlers.keep_topics import named_topic
from services.mailing.persistence import bans, consent_log, gate, topics
from services.mailing.persistence.bans import DirectBan
from services.mailing.persistence.topics import TopicBan
from shared.chassis.errors import InvalidField
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork

LOCK_TIMEOUT = "2s"
_NO_CONTACT = ("there is no such contact", EXPLAINED[Reason.CONTACT_NOT_FOUND][1])


@dataclass(frozen=True, slots=True)
class BanAddress:
    """
    Ban one address on one channel; of one topic, an address or a contact.

    `source` says where the wish came from, `how` by which way, `text_version` which words the
    person was shown. From `ends_at` on the ban no longer stands.
    """

    channel: Channel
    address: str | None
    source: str
    contact_id: UUID | None = None
    topic: str | None = None
    ends_at: datetime | None = None
    how: str = "api"
    text_version: str | None = None


@dataclass(frozen=True, slots=True)
class BanAllChannels:
    """Ban e-mail, text messages and letters at once, for the addresses that a contact has."""

    contact_id: UUID
    source: str
    how: str = "api"
    text_version: str | None = None


async def wished(command: BanAddress, uow: UnitOfWork) -> list[DirectBan]:
    """Return the ban that is asked for; refuse what is no address, contact or topic."""
    if command.topic is not None:
        await named_topic(command.topic, uow)
    if command.contact_id is not None and not await bans.is_live(
        uow.connection, command.contact_id
    ):
        raise InvalidField("contact_id", *_NO_CONTACT)
    return [
        DirectBan(
            ban_id=new_id(),
            channel=command.channel,
            address=None
            if command.address is None
            else require_key(command.channel, command.address),
            contact_id=command.contact_id,
            topic=command.topic,
            ends_at=command.ends_at,
            source=command.source,
            how=command.how,
            text_version=command.text_version,
        )
    ]


async def wished_all(command: BanAllChannels, uow: UnitOfWork) -> list[DirectBan]:
    """Return one ban for each address of the contact; refuse who is not known or has none."""
    if not await bans.is_live(uow.connection, command.contact_id):
        raise InvalidField("contact_id", *_NO_CONTACT)
    addresses = await bans.contact_addresses(uow.connection, command.contact_id)
    if not addresses:
        raise ContactHasNoAddress(f"The contact {command.contact_id} has no address.")
    return [
        DirectBan(
            ban_id=new_id(),
            channel=channel,
            address=address,
            contact_id=None,
            topic=None,
            ends_at=None,
            source=command.source,
            how=command.how,
            text_version=command.text_version,
        )
        for channel, address in sorted(addresses.items())
    ]


async def ban_address(command: BanAddress, uow: UnitOfWork, *, hash_of: HashOf) -> UUID:
    """Fence the ban of one address; see `fence_bans`. Return the ban's id."""
    (ban,) = await fence_bans(await wished(command, uow), uow, hash_of=hash_of)
    return ban.ban_id


async def fence_bans(
    wanted: Sequence[DirectBan], uow: UnitOfWork, *, hash_of: HashOf
) -> Sequence[DirectBan]:
    """
    Ban so that no hand-off releases what is banned after the commit; all or none.

    Waits for running hand-offs of these addresses; raises the database's lock timeout after 2 s.
    """
    await uow.connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    await _close(wanted, uow, hash_of=hash_of)
    _tell(wanted, uow)
    said = [_fact(What.TOPIC_BANNED if ban.topic else What.BANNED, ban, hash_of) for ban in wanted]
    await consent_log.append(uow, said)
    return wanted


async def accept_bans(
    wanted: Sequence[DirectBan], uow: UnitOfWork, *, hash_of: HashOf
) -> Sequence[DirectBan]:
    """Keep bans whose fence must wait: hand-offs that start after the commit heed them already."""
    await bans.add_pending(uow.connection, wanted, uow.now)
    _tell(wanted, uow)
    await consent_log.append(uow, [_fact(What.ACCEPTED, ban, hash_of) for ban in wanted])
    return wanted


async def fence_pending(ban_id: UUID, uow: UnitOfWork, *, hash_of: HashOf) -> None:
    """Fence one accepted ban; nothing happens if it was fenced or lifted meanwhile."""
    await uow.connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    pending = await bans.take_pending(uow.connection, ban_id)
    if pending is not None:
        await _close([pending], uow, hash_of=hash_of)
        await consent_log.append(uow, [_fact(What.FENCED, pending, hash_of)])


async def lift_ban(ban_id: UUID, uow: UnitOfWork, *, hash_of: HashOf) -> None:
    """Undo a direct ban; other bans on the address stay."""
    pending = await bans.take_pending(uow.connection, ban_id)
    if pending is not None:
        what = What.TOPIC_LIFTED if pending.topic else What.LIFTED
        await consent_log.append(uow, [_fact(what, pending, hash_of)])
        return
    fact = await _lift_topic(ban_id, uow) or await _lift_address(ban_id, uow, hash_of)
    await consent_log.append(uow, [fact])


async def _lift_topic(ban_id: UUID, uow: UnitOfWork) -> Fact | None:
    # Opening needs no fence: whoever sees the gate open writes himself down after this.
    ban = await topics.take_ban(uow.connection, ban_id)
    if ban is None:
        return None
    return Fact(
        What.TOPIC_LIFTED,
        Channel(ban.channel),
        ban.key,
        direct_subject(ban_id),
        topic=ban.topic,
        how="api",
        evidence=str(ban_id),
    )


async def _lift_address(ban_id: UUID, uow: UnitOfWork, hash_of: HashOf) -> Fact:
    found = await bans.find_direct(uow.connection, ban_id)
    if found is None:
        raise BanNotFound(f"There is no direct ban {ban_id}.")
    channel, key, subject = found
    gates = [address_gate(channel, key)]
    await gate.lock_exclusive(uow.connection, gates)
    await bans.uncover(uow.connection, [found])
    await gate.settle(uow.connection, gates)
    return Fact(
        What.LIFTED,
        Channel(channel),
        hash_of(Channel(channel), key),
        subject,
        how="api",
        evidence=str(ban_id),
    )


async def _close(wanted: Sequence[DirectBan], uow: UnitOfWork, *, hash_of: HashOf) -> None:
    await gate.lock_exclusive(uow.connection, [_gate(ban) for ban in wanted])
    of_topics = [
        TopicBan(ban.ban_id, ban.channel, _key(ban, hash_of), ban.topic, ban.ends_at)
        for ban in wanted
        if ban.topic is not None
    ]
    await topics.add_bans(uow.connection, of_topics)
    whole = [ban for ban in wanted if ban.topic is None]
    await bans.cover_directly(uow.connection, whole)
    await gate.settle(uow.connection, [_gate(ban) for ban in whole])


def _gate(ban: DirectBan) -> GateKey:
    if ban.address is not None:
        return address_gate(ban.channel, ban.address)
    assert ban.contact_id is not None
    return str(ban.channel), contact_subject(ban.contact_id)


def _key(ban: DirectBan, hash_of: HashOf) -> str:
    if ban.address is not None:
        return hash_of(ban.channel, ban.address)
    assert ban.contact_id is not None
    return contact_subject(ban.contact_id)


def _fact(what: What, ban: DirectBan, hash_of: HashOf) -> Fact:
    return Fact(
        what=what,
        channel=ban.channel,
        key=_key(ban, hash_of),
        subject=ban.subject,
        topic=ban.topic,
        ends_at=ban.ends_at,
        source=ban.source,
        how=ban.how,
        text_version=ban.text_version,
        evidence=str(ban.ban_id),
    )


def _tell(wanted: Sequence[DirectBan], uow: UnitOfWork) -> None:
    # Customers bans a contact for good, on all topics, and knows no calls: the rest stays here.
    for ban in wanted:
        if ban.topic is None and ban.ends_at is None and ban.channel in BANNED_BY_CUSTOMERS:
            assert ban.address is not None
            uow.record(AddressBanned(ban.ban_id, ban.channel, ban.address, ban.source, uow.now))
