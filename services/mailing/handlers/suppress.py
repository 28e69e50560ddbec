"""Suppress addresses for good: they are remembered by their keyed hashes, which tell nobody."""

from collections.abc import Sequence
from uuid import UUID

from services.mailing.domain.addresses import HashOf
from services.mailing.domain.channels import Channel
from services.mailing.domain.consent_log import Fact, What
from services.mailing.domain.keys import address_gate
from services.mailing.persistence import bans, consent_log, gate, suppressions
from services.mailing.persistence.suppressions import Address, Reason
from shared.chassis.unit_of_work import UnitOfWork


async def suppress_addresses(
    addresses: Sequence[Address], reason: Reason, uow: UnitOfWork, *, hash_of: HashOf
) -> None:
    """
    Suppress addresses, given as channel and key, fenced as a ban is.

    Repeated, it does nothing. What was suppressed is written to the log when the unit ends.
    """
    gates = [address_gate(channel, address) for channel, address in addresses]
    await gate.lock_exclusive(uow.connection, gates)
    hashed = [_hashed(address, hash_of) for address in addresses]
    suppressed = await suppressions.suppress(uow.connection, hashed, reason=reason, since=uow.now)
    consent_log.append_last(
        uow,
        [
            Fact(
                what=What.SUPPRESSED,
                channel=Channel(channel),
                key=made,
                subject=f"suppression:{reason}",
                how=reason,
            )
            for channel, made in sorted(suppressed)
        ],
    )


async def suppress_erased(contact_ids: Sequence[UUID], uow: UnitOfWork, *, hash_of: HashOf) -> None:
    """
    Turn the bans on the addresses of erased persons into suppressions.

    Call this while the contacts still have their addresses, in the transaction that removes them.
    Addresses that no other live contact has leave bans, gates and receipts; whoever comes back with
    one is banned from the start. Bans of the contacts themselves stay: they name nobody.
    """
    await bans.serialise(uow.connection)
    addresses = await suppressions.addresses_of_persons(uow.connection, contact_ids)
    gates = [address_gate(channel, address) for channel, address in addresses]
    await gate.lock_exclusive(uow.connection, gates)
    banned = await suppressions.standing(uow.connection, addresses, uow.now)
    await suppress_addresses(banned, "erased", uow, hash_of=hash_of)
    made = {_hashed(address, hash_of): address for address in addresses}
    others = await suppressions.held_by_others(uow.connection, list(made), contact_ids)
    alone = [address for hashed, address in made.items() if hashed not in others]
    await suppressions.forget(uow.connection, alone)
    await gate.remove_rows(uow.connection, [address_gate(*address) for address in alone])
    await suppressions.forget_receipts(uow.connection, contact_ids)


def _hashed(address: Address, hash_of: HashOf) -> Address:
    channel, key = address
    return channel, hash_of(Channel(channel), key)
