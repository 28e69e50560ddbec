"""Hand off an audience: the next members, or those for whom sealed tokens stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.mailing.domain.gate import Reason
from services.mailing.domain.seals import hash_of, new_seal
from services.mailing.handlers.hand_off import (
    HandOff,
    Refused,
    Released,
    ask_again,
    hand_off,
    prepare_hand_off,
)
from services.mailing.handlers.keep_audiences import find_open_audience, refuse_closed_channel
from services.mailing.persistence import audiences, seals
from services.mailing.persistence.audiences import Audience
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Seals:
    """New tokens, in an order that tells nothing, and when they expire."""

    tokens: Sequence[str]
    expires_at: datetime


async def prepare_next(audience_id: UUID, uow: UnitOfWork, *, limit: int) -> None:
    """Make the gate rows of those who would be next, as `prepare_hand_off` does."""
    audience = await find_open_audience(audience_id, uow.connection)
    next_ones = await audiences.next_members(uow.connection, audience, limit=limit, now=uow.now)
    await prepare_hand_off(command_of(audience, next_ones), uow)


async def hand_off_next(
    audience_id: UUID, uow: UnitOfWork, *, limit: int, limit_seconds: float
) -> tuple[HandOff, list[Released | Refused]]:
    """
    Release the next members, each address once per campaign; none are left when none come.

    The audience is held, so that nobody else takes the same ones. Refuses a closed channel.
    """
    audience = await find_open_audience(audience_id, uow.connection, lock=True)
    await refuse_closed_channel(
        audience.channel, audience.purpose, uow, limit_seconds=limit_seconds
    )
    command = command_of(
        audience, await audiences.next_members(uow.connection, audience, limit=limit, now=uow.now)
    )
    return command, await _hand_off(audience, command, uow, limit_seconds=limit_seconds)


async def seal_next(audience_id: UUID, uow: UnitOfWork, *, limit: int, hours: int) -> Seals:
    """Give tokens for members for whom none stands now; none are left when none come."""
    audience = await find_open_audience(audience_id, uow.connection, lock=True)
    expires_at = uow.now + timedelta(hours=hours)
    chosen = await seals.unsealed(uow.connection, audience.audience_id, now=uow.now, limit=limit)
    made = {new_seal(): contact_id for contact_id in chosen}
    hashed = {hash_of(token): contact_id for token, contact_id in made.items()}
    await seals.add(uow.connection, audience.audience_id, hashed, expires_at=expires_at)
    return Seals(sorted(made), expires_at)


async def prepare_sealed(audience_id: UUID, tokens: Sequence[str], uow: UnitOfWork) -> None:
    """Make the gate rows of those for whom the tokens stand, as `prepare_hand_off` does."""
    audience = await find_open_audience(audience_id, uow.connection)
    hashes = [hash_of(token) for token in tokens]
    stand_for = await seals.valid(uow.connection, audience_id, hashes, now=uow.now)
    await prepare_hand_off(command_of(audience, list(stand_for.values())), uow)


async def hand_off_sealed(
    audience_id: UUID, tokens: Sequence[str], uow: UnitOfWork, *, limit_seconds: float
) -> tuple[HandOff, dict[str, Released | Reason | None]]:
    """
    Release those for whom the tokens stand; None for what is no token that is good now.

    A token is good until it released somebody: one whom the gate refuses may be tried again.
    Forged, foreign, used and expired ones cannot be told apart.
    """
    audience = await find_open_audience(audience_id, uow.connection, lock=True)
    hashes = {token: hash_of(token) for token in dict.fromkeys(tokens)}
    stand_for = await seals.valid(uow.connection, audience_id, hashes.values(), now=uow.now)
    open_ones = await audiences.still_open(uow.connection, audience, stand_for.values())
    command = command_of(audience, open_ones)
    found = await _hand_off(audience, command, uow, limit_seconds=limit_seconds)
    by_contact = {one.contact_id: one for one in found}
    await seals.use(
        uow.connection,
        [
            token_hash
            for token_hash, contact_id in stand_for.items()
            if isinstance(by_contact.get(contact_id), Released)
        ],
        now=uow.now,
    )
    outcomes: dict[str, Released | Reason | None] = {}
    for token, token_hash in hashes.items():
        contact_id = stand_for.get(token_hash)
        one = None if contact_id is None else by_contact.get(contact_id)
        outcomes[token] = one.reason if isinstance(one, Refused) else one
    return command, outcomes


async def ask_sealed_again(
    audience_id: UUID, tokens: Sequence[str], uow: UnitOfWork, *, limit_seconds: float
) -> Mapping[str, str | Reason]:
    """Ask the gate again for tokens that were used: present address or refusal, each."""
    audience = await find_open_audience(audience_id, uow.connection)
    hashes = {token: hash_of(token) for token in tokens}
    stood_for = await seals.used(uow.connection, audience_id, hashes.values())
    now = await ask_again(
        command_of(audience, list(stood_for.values())), uow, limit_seconds=limit_seconds
    )
    return {
        token: now[stood_for[token_hash]]
        for token, token_hash in hashes.items()
        if token_hash in stood_for
    }


async def ask_audience_again(
    audience_id: UUID, contact_ids: Sequence[UUID], uow: UnitOfWork, *, limit_seconds: float
) -> dict[UUID, str | Reason]:
    """Ask the gate again for members who were handed off: present address or refusal, each."""
    audience = await find_open_audience(audience_id, uow.connection)
    return await ask_again(command_of(audience, contact_ids), uow, limit_seconds=limit_seconds)


def command_of(audience: Audience, contact_ids: Sequence[UUID]) -> HandOff:
    """Return the hand-off of some members, for what the audience was taken for."""
    return HandOff(
        contact_ids=tuple(contact_ids),
        channel=audience.channel,
        purpose=audience.purpose,
        campaign=audience.campaign,
        customer_id=audience.customer_id,
    )


async def _hand_off(
    audience: Audience, command: HandOff, uow: UnitOfWork, *, limit_seconds: float
) -> list[Released | Refused]:
    outcomes = await hand_off(command, uow, limit_seconds=limit_seconds)
    await audiences.mark_released(
        uow.connection,
        audience.audience_id,
        [one.contact_id for one in outcomes if isinstance(one, Released)],
    )
    return outcomes
