"""A ban follows the person to a new address."""

from collections.abc import Sequence
from uuid import UUID

from services.mailing.domain.addresses import HashOf
from services.mailing.domain.channels import Channel
from services.mailing.domain.consent_log import Fact, What
from services.mailing.domain.keys import address_gate
from services.mailing.persistence import bans, consent_log, gate
from shared.chassis.unit_of_work import UnitOfWork


async def follow_contacts(changed: Sequence[UUID], uow: UnitOfWork, *, hash_of: HashOf) -> None:
    """Ban what banned contacts have for addresses now; `bans.serialise` comes before."""
    uncovered = await bans.uncovered_addresses(uow.connection, changed)
    if not uncovered:
        return
    gates = {address_gate(channel, key) for channel, key, _ in uncovered}
    await gate.lock_exclusive(uow.connection, gates)
    await bans.cover(uow.connection, uncovered)
    await gate.settle(uow.connection, gates)
    consent_log.append_last(
        uow,
        [
            Fact(
                what=What.BANNED,
                channel=Channel(channel),
                key=hash_of(Channel(channel), address),
                subject=subject,
                source="customers",
                how="new-address",
            )
            for channel, address, subject in sorted(uncovered)
        ],
    )
