"""Ban an address here and now: fenced against every hand-off, or accepted and fenced soon."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from services.mailing.domain.addresses import require_key
from services.mailing.domain.channels import Channel
from services.mailing.domain.events import AddressBanned
from services.mailing.domain.keys import address_gate, direct_subject
from services.mailing.domain.refusals import BanNotFound
from services.mailing.persistence import bans, gate
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork

LOCK_TIMEOUT = "2s"


@dataclass(frozen=True, slots=True)
class BanAddress:
    """Ban one address on one channel; `source` says where the wish came from."""

    channel: Channel
    address: str
    source: str


async def ban_address(command: BanAddress, uow: UnitOfWork) -> UUID:
    """
    Ban an address so that no hand-off releases it after the commit; return the ban's id.

    Waits for running hand-offs of this address; raises the database's lock timeout after 2 s.
    """
    key = require_key(command.channel, command.address)
    ban_id = new_id()
    await uow.connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    await _fence(uow, ban_id, command.channel, key)
    _tell(uow, ban_id, command, key)
    return ban_id


async def accept_ban(command: BanAddress, uow: UnitOfWork) -> UUID:
    """Keep a ban whose fence must wait: hand-offs that start after the commit heed it already."""
    key = require_key(command.channel, command.address)
    ban_id = new_id()
    await bans.add_pending(
        uow.connection,
        ban_id=ban_id,
        channel=command.channel,
        address=key,
        source=command.source,
        at=uow.now,
    )
    _tell(uow, ban_id, command, key)
    return ban_id


async def fence_pending(ban_id: UUID, uow: UnitOfWork) -> None:
    """Fence one accepted ban; nothing happens if it was fenced or lifted meanwhile."""
    await uow.connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    pending = await bans.take_pending(uow.connection, ban_id)
    if pending is not None:
        await _fence(uow, ban_id, Channel(pending.channel), pending.address)


async def lift_ban(ban_id: UUID, uow: UnitOfWork) -> None:
    """Undo a direct ban; other bans on the address stay."""
    if await bans.take_pending(uow.connection, ban_id) is not None:
        return
    found = await bans.find_direct(uow.connection, ban_id)
    if found is None:
        raise BanNotFound(f"There is no direct ban {ban_id}.")
    channel, key, _ = found
    gates = [address_gate(channel, key)]
    await gate.lock_exclusive(uow.connection, gates)
    await bans.uncover(uow.connection, [found])
    await gate.settle(uow.connection, gates)


async def _fence(uow: UnitOfWork, ban_id: UUID, channel: Channel, key: str) -> None:
    gates = [address_gate(channel, key)]
    await gate.lock_exclusive(uow.connection, gates)
    await bans.cover(uow.connection, [(str(channel), key, direct_subject(ban_id))])
    await gate.settle(uow.connection, gates)


def _tell(uow: UnitOfWork, ban_id: UUID, command: BanAddress, key: str) -> None:
    uow.record(AddressBanned(ban_id, command.channel, key, command.source, uow.now))
