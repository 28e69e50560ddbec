"""Suppressed addresses, the addresses of persons who are erased, and the hashes of all contacts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.addresses import Addresses
from services.mailing.domain.channels import Channel
from services.mailing.domain.keys import contact_subject

Reason = Literal["bounced", "complained", "erased"]
Address = tuple[str, str]
"""Channel and address key."""


async def suppress(
    connection: AsyncConnection, hashes: Sequence[Address], *, reason: Reason, since: datetime
) -> list[Address]:
    """Suppress addresses by channel and hash; return those that were not suppressed already."""
    result = await connection.execute(
        _SUPPRESS, {**_columns(hashes), "reason": reason, "since": since}
    )
    return [(row.channel, row.address_hash) for row in result]


async def addresses_of_persons(
    connection: AsyncConnection, contact_ids: Sequence[UUID]
) -> list[Address]:
    """Return the addresses that these contacts have, and those that are banned because of them."""
    result = await connection.execute(
        _OF_PERSONS,
        {
            "ids": list(contact_ids),
            "subjects": [contact_subject(contact_id) for contact_id in contact_ids],
        },
    )
    return [(row.channel, row.address_key) for row in result]


async def standing(
    connection: AsyncConnection, addresses: Sequence[Address], now: datetime
) -> list[Address]:
    """Return those of these addresses on which some ban of the whole channel stands."""
    result = await connection.execute(_STANDING, {**_columns(addresses), "now": now})
    return [(row.channel, row.address_key) for row in result]


async def held_by_others(
    connection: AsyncConnection, hashes: Sequence[Address], contact_ids: Sequence[UUID]
) -> set[Address]:
    """Return which of these hashes live contacts beside these have, and on which channels."""
    asked = [made for _, made in hashes]
    result = await connection.execute(_HELD, {"hashes": asked, "ids": list(contact_ids)})
    return {(row.channel, row.address_hash) for row in result}


async def forget(connection: AsyncConnection, addresses: Sequence[Address]) -> None:
    """Remove the bans that name these addresses; whom they stop is to be suppressed before."""
    for statement in (_FORGET_BANS, _FORGET_PENDING):
        await connection.execute(statement, _columns(addresses))


async def forget_receipts(connection: AsyncConnection, contact_ids: Sequence[UUID]) -> None:
    """Remove addresses from the receipts of these contacts; the hashes stay."""
    await connection.execute(_FORGET_RECEIPTS, {"ids": list(contact_ids)})


async def not_hashed(connection: AsyncConnection, limit: int) -> Sequence[Row[Any]]:
    """Return contacts whose hashes are missing or old, locked: contact_id, version and keys."""
    return (await connection.execute(_NOT_HASHED, {"limit": limit})).all()


async def save_hashes(
    connection: AsyncConnection, found: Mapping[UUID, tuple[int, Addresses]]
) -> None:
    """Write the hashes of contacts, each made of this version of it."""
    addresses = [asdict(made) for _, made in found.values()]
    await connection.execute(
        _SAVE_HASHES,
        {
            "ids": list(found),
            "versions": [version for version, _ in found.values()],
            **{
                name: [one[name] for one in addresses]
                for name in ("email_hash", "sms_hash", "post_hash", "call_hash")
            },
        },
    )


def _columns(addresses: Sequence[Address]) -> dict[str, list[str]]:
    ordered = sorted(set(addresses))
    return {
        "channels": [channel for channel, _ in ordered],
        "addresses": [address for _, address in ordered],
    }


_ASKED = """unnest(CAST(:channels AS text[]), CAST(:addresses AS text[]))
            AS asked (channel, address)"""
_SUPPRESS = text(
    f"""
    INSERT INTO suppression (channel, address_hash, reason, since)
    SELECT channel, address, :reason, :since FROM {_ASKED}
    ORDER BY channel, address
    ON CONFLICT DO NOTHING RETURNING channel, address_hash
    """
)
_OF_PERSONS = text(
    """
    SELECT has.channel, has.address_key FROM contact
    CROSS JOIN LATERAL (VALUES ('email', email_key), ('sms', sms_key), ('post', post_key),
                               ('call', call_key)) AS has (channel, address_key)
    WHERE contact_id = ANY(CAST(:ids AS uuid[])) AND has.address_key IS NOT NULL
    UNION
    SELECT channel, address_key FROM ban_address
    WHERE subject = ANY(CAST(:subjects AS text[]))
    """
)
_STANDING = text(
    f"""
    SELECT asked.channel, asked.address AS address_key FROM {_ASKED}
    WHERE EXISTS (SELECT FROM ban_address AS ban
                  WHERE ban.channel = asked.channel AND ban.address_key = asked.address
                    AND (ban.ends_at IS NULL OR ban.ends_at > CAST(:now AS timestamptz)))
       OR EXISTS (SELECT FROM pending_ban AS ban
                  WHERE ban.channel = asked.channel AND ban.address = asked.address
                    AND ban.topic IS NULL
                    AND (ban.ends_at IS NULL OR ban.ends_at > CAST(:now AS timestamptz)))
    """
)
_OTHERS = "NOT deleted AND NOT contact_id = ANY(CAST(:ids AS uuid[]))"
_HELD = text(
    " UNION ".join(
        f"""
        SELECT '{channel}' AS channel, {channel}_hash AS address_hash FROM contact
        WHERE {_OTHERS} AND {channel}_hash = ANY(CAST(:hashes AS text[]))
        """
        for channel in Channel
    )
)
_FORGET_BANS = text(
    f"""
    DELETE FROM ban_address USING {_ASKED}
    WHERE ban_address.channel = asked.channel AND ban_address.address_key = asked.address
    """
)
_FORGET_PENDING = text(
    f"""
    DELETE FROM pending_ban USING {_ASKED}
    WHERE pending_ban.channel = asked.channel AND pending_ban.address = asked.address
      AND pending_ban.topic IS NULL
    """
)
_FORGET_RECEIPTS = text(
    """
    UPDATE hand_off SET address_key = NULL
    WHERE contact_id = ANY(CAST(:ids AS uuid[])) AND address_key IS NOT NULL
    """
)
_NOT_HASHED = text(
    """
    SELECT contact_id, version, email_key, sms_key, phone, post_key FROM contact
    WHERE NOT deleted AND hashed_version <> version
    ORDER BY contact_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_SAVE_HASHES = text(
    """
    UPDATE contact SET email_hash = made.email, sms_hash = made.sms, post_hash = made.post,
                       call_hash = made.call, hashed_version = made.version
    FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:email_hash AS text[]),
                CAST(:sms_hash AS text[]), CAST(:post_hash AS text[]), CAST(:call_hash AS text[]))
         AS made (id, version, email, sms, post, call)
    WHERE contact.contact_id = made.id
    """
)
