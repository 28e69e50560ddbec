"""Bans: on subjects, as customers tells them, and on addresses, which they cover or which we ban.

Whoever changes the bans of an address holds its gate row exclusively.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Result
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel
from services.mailing.domain.keys import CONTACT_PREFIX, contact_subject, direct_subject

BanAddress = tuple[str, str, str]
"""Channel, address key and the subject who is banned."""


@dataclass(frozen=True, slots=True)
class SubjectBans:
    """The bans of one subject as of one consent number."""

    subject: str
    consent_seq: int
    email: bool
    sms: bool
    post: bool

    def has(self, channel: Channel) -> bool:
        """Tell whether the channel is banned."""
        told = {Channel.EMAIL: self.email, Channel.SMS: self.sms, Channel.POST: self.post}
        return told.get(channel, False)


@dataclass(frozen=True, slots=True)
class DirectBan:
    """
    A ban that was set here: on an address, of a topic also on a contact.

    `address` is the key of the address; `ends_at` the first moment the ban no longer stands at;
    `how` it came and `text_version` of what the person was shown are for the log.
    """

    ban_id: UUID
    channel: Channel
    address: str | None
    contact_id: UUID | None
    topic: str | None
    ends_at: datetime | None
    source: str
    how: str
    text_version: str | None

    @property
    def subject(self) -> str:
        """Return who holds this ban."""
        return direct_subject(self.ban_id)


async def serialise(connection: AsyncConnection) -> None:
    """Let one transaction at a time relate contacts and bans.

    Otherwise a contact's new address and a new ban on the contact, committed side by side, would
    each miss the other.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(8433311)"))


async def save_subjects(connection: AsyncConnection, rows: Sequence[SubjectBans]) -> set[str]:
    """Take over the bans that are newer than what stands; return the subjects that changed."""
    result = await connection.execute(
        _SUBJECTS,
        {
            "subjects": [row.subject for row in rows],
            "seqs": [row.consent_seq for row in rows],
            "email": [row.email for row in rows],
            "sms": [row.sms for row in rows],
            "post": [row.post for row in rows],
        },
    )
    return {subject for (subject,) in result}


async def addresses_of(connection: AsyncConnection, subjects: Iterable[str]) -> list[BanAddress]:
    """Return the addresses that these subjects ban now."""
    result = await connection.execute(_ADDRESSES, {"subjects": sorted(subjects)})
    return _rows(result)


async def projected_addresses(
    connection: AsyncConnection, subjects: Iterable[str]
) -> list[BanAddress]:
    """Return the addresses that those of these subjects have who are live contacts."""
    contacts = sorted(subject for subject in subjects if subject.startswith(CONTACT_PREFIX))
    result = await connection.execute(_PROJECTED, {"subjects": contacts})
    return _rows(result)


async def uncovered_addresses(
    connection: AsyncConnection, contact_ids: Sequence[UUID]
) -> list[BanAddress]:
    """Return the addresses of banned contacts that are not banned themselves yet."""
    result = await connection.execute(_UNCOVERED, {"ids": list(contact_ids)})
    return _rows(result)


async def cover(connection: AsyncConnection, rows: Sequence[BanAddress]) -> list[BanAddress]:
    """Ban addresses for their subjects; return which were not banned for them already."""
    if not rows:
        return []
    return _rows(await connection.execute(_COVER, _columns(rows)))


async def cover_directly(connection: AsyncConnection, bans: Sequence[DirectBan]) -> None:
    """Ban the addresses of direct bans, each until it ends."""
    if bans:
        await connection.execute(
            _COVER_DIRECTLY,
            [
                {
                    "channel": ban.channel,
                    "address": ban.address,
                    "subject": ban.subject,
                    "ends_at": ban.ends_at,
                }
                for ban in bans
            ],
        )


async def uncover(connection: AsyncConnection, rows: Sequence[BanAddress]) -> list[BanAddress]:
    """Lift the bans of addresses for these subjects only; return which were lifted."""
    return _rows(await connection.execute(_UNCOVER, _columns(rows))) if rows else []


async def find_direct(connection: AsyncConnection, ban_id: UUID) -> BanAddress | None:
    """Return the direct ban of this id, or None."""
    found = await addresses_of(connection, [direct_subject(ban_id)])
    return found[0] if found else None


async def add_pending(connection: AsyncConnection, bans: Sequence[DirectBan], at: datetime) -> None:
    """Remember bans whose fence is still to come."""
    await connection.execute(_ADD_PENDING, [{**asdict(ban), "at": at} for ban in bans])


async def pending_ids(connection: AsyncConnection) -> list[UUID]:
    """Return the oldest bans that wait for their fence."""
    result = await connection.execute(
        text("SELECT ban_id FROM pending_ban ORDER BY at, ban_id LIMIT 500")
    )
    return [ban_id for (ban_id,) in result]


async def take_pending(connection: AsyncConnection, ban_id: UUID) -> DirectBan | None:
    """Remove a pending ban, to fence or to lift it; None if another has."""
    row = (await connection.execute(_TAKE_PENDING, {"id": ban_id})).one_or_none()
    if row is None:
        return None
    return DirectBan(**{**row._mapping, "channel": Channel(row.channel), "how": row.how or "api"})


async def banned_subjects(
    connection: AsyncConnection, *, after: str, limit: int
) -> list[SubjectBans]:
    """Return the bans of contacts and customers, in the order of these."""
    result = await connection.execute(_BANNED_SUBJECTS, {"after": after, "limit": limit})
    return [SubjectBans(**row._mapping) for row in result]


async def banned_addresses(
    connection: AsyncConnection, *, after: BanAddress, limit: int
) -> list[BanAddress]:
    """Return all banned addresses, in their order."""
    channel, address, subject = after
    result = await connection.execute(
        _BANNED_ADDRESSES,
        {"channel": channel, "address": address, "subject": subject, "limit": limit},
    )
    return _rows(result)


async def contact_addresses(connection: AsyncConnection, contact_id: UUID) -> dict[Channel, str]:
    """Return the addresses of a live contact on the channels that customers ban; else nothing."""
    found = await projected_addresses(connection, [contact_subject(contact_id)])
    return {Channel(channel): address for channel, address, _ in found}


async def is_live(connection: AsyncConnection, contact_id: UUID) -> bool:
    """Tell whether a contact is known and not deleted."""
    return (await connection.execute(_LIVE, {"id": contact_id})).first() is not None


def _rows(result: Result[Any]) -> list[BanAddress]:
    return [(row.channel, row.address_key, row.subject) for row in result]


def _columns(rows: Sequence[BanAddress]) -> dict[str, list[str]]:
    ordered = sorted(set(rows))
    return {
        "channels": [channel for channel, _, _ in ordered],
        "addresses": [address for _, address, _ in ordered],
        "subjects": [subject for _, _, subject in ordered],
    }


_SUBJECTS = text(
    """
    INSERT INTO ban_subject (subject, consent_seq, email, sms, post)
    SELECT subject, seq, email, sms, post
    FROM unnest(CAST(:subjects AS text[]), CAST(:seqs AS bigint[]), CAST(:email AS boolean[]),
                CAST(:sms AS boolean[]), CAST(:post AS boolean[]))
         AS new (subject, seq, email, sms, post)
    ORDER BY subject
    ON CONFLICT (subject) DO UPDATE SET consent_seq = EXCLUDED.consent_seq,
        email = EXCLUDED.email, sms = EXCLUDED.sms, post = EXCLUDED.post
    WHERE EXCLUDED.consent_seq > ban_subject.consent_seq
    RETURNING subject
    """
)
_ADDRESSES = text(
    """
    SELECT channel, address_key, subject FROM ban_address
    WHERE subject = ANY(CAST(:subjects AS text[]))
    """
)
_PROJECTED = text(
    """
    SELECT has.channel, has.address_key, wanted.subject
    FROM unnest(CAST(:subjects AS text[])) AS wanted (subject)
    JOIN contact ON contact.contact_id = CAST(substr(wanted.subject, 9) AS uuid)
    CROSS JOIN LATERAL (VALUES ('email', contact.email_key), ('sms', contact.sms_key),
                               ('post', contact.post_key)) AS has (channel, address_key)
    WHERE NOT contact.deleted AND has.address_key IS NOT NULL
    """
)
_UNCOVERED = text(
    """
    SELECT has.channel, has.address_key, banned.subject
    FROM unnest(CAST(:ids AS uuid[])) AS changed (contact_id)
    JOIN contact USING (contact_id)
    JOIN ban_subject AS banned ON banned.subject = 'contact:' || CAST(contact_id AS text)
    CROSS JOIN LATERAL (VALUES ('email', contact.email_key, banned.email),
                               ('sms', contact.sms_key, banned.sms),
                               ('post', contact.post_key, banned.post))
        AS has (channel, address_key, banned)
    WHERE NOT contact.deleted AND has.banned AND has.address_key IS NOT NULL
      AND NOT EXISTS (SELECT FROM ban_address AS there
                      WHERE there.channel = has.channel AND there.address_key = has.address_key
                        AND there.subject = banned.subject)
    """
)
_COVER = text(
    """
    INSERT INTO ban_address (channel, address_key, subject)
    SELECT channel, address_key, subject
    FROM unnest(CAST(:channels AS text[]), CAST(:addresses AS text[]), CAST(:subjects AS text[]))
         AS new (channel, address_key, subject)
    ON CONFLICT DO NOTHING
    RETURNING channel, address_key, subject
    """
)
_COVER_DIRECTLY = text(
    """
    INSERT INTO ban_address (channel, address_key, subject, ends_at)
    VALUES (:channel, :address, :subject, :ends_at)
    """
)
_UNCOVER = text(
    """
    DELETE FROM ban_address USING unnest(CAST(:channels AS text[]), CAST(:addresses AS text[]),
                                         CAST(:subjects AS text[]))
        AS gone (channel, address_key, subject)
    WHERE ban_address.channel = gone.channel AND ban_address.address_key = gone.address_key
      AND ban_address.subject = gone.subject
    RETURNING ban_address.channel, ban_address.address_key, ban_address.subject
    """
)
_BANNED_SUBJECTS = text(
    """
    SELECT subject, consent_seq, email, sms, post FROM ban_subject
    WHERE subject > :after AND (email OR sms OR post) ORDER BY subject LIMIT :limit
    """
)
_BANNED_ADDRESSES = text(
    """
    SELECT channel, address_key, subject FROM ban_address
    WHERE (channel, address_key, subject) > (:channel, :address, :subject)
    ORDER BY channel, address_key, subject LIMIT :limit
    """
)
_LIVE = text("SELECT 1 FROM contact WHERE contact_id = :id AND NOT deleted")
_DIRECT = """ban_id, channel, address, contact_id, topic, ends_at, source, how, text_version"""
_ADD_PENDING = text(
    f"""
    INSERT INTO pending_ban ({_DIRECT}, at)
    VALUES (:ban_id, :channel, :address, :contact_id, :topic, :ends_at, :source, :how,
            :text_version, :at)
    """
)
_TAKE_PENDING = text(f"DELETE FROM pending_ban WHERE ban_id = :id RETURNING {_DIRECT}")
