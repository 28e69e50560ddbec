"""Stop marketing to addresses because a recipient said so, or because his address bounced.

The one place through which links and reports reach the gate. A stop is a ban that was set here: it
is lifted by its id, and only a wish is told to customers, since a bounce is nobody's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from services.mailing.domain.channels import Channel
from services.mailing.domain.events import AddressBanned
from services.mailing.domain.keys import address_gate
from services.mailing.persistence import gate, stops
from shared.chassis.unit_of_work import UnitOfWork

LOCK_TIMEOUT = "2s"


class Reason(StrEnum):
    """Why marketing to an address is stopped; also the source of the ban."""

    UNSUBSCRIBED = "unsubscribe-link"
    COMPLAINT = "complaint"
    BOUNCED = "bounce"

    @property
    def is_wish(self) -> bool:
        """Tell whether the recipient himself said so."""
        return self is not Reason.BOUNCED


@dataclass(frozen=True, slots=True)
class Stop:
    """One address to be stopped. `stop_id` is that of the link or report: the same does it once."""

    stop_id: UUID
    channel: Channel
    address_key: str
    reason: Reason


async def hold_gates(addresses: Iterable[tuple[Channel, str]], uow: UnitOfWork) -> None:
    """Wait for running hand-offs to addresses; raise the database's lock timeout after 2 s."""
    await uow.connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    gates = [address_gate(channel, key) for channel, key in addresses]
    await gate.lock_exclusive(uow.connection, gates)


async def stop_addresses(wanted: Sequence[Stop], uow: UnitOfWork) -> None:
    """Stop addresses so that no hand-off of marketing releases one after the commit."""
    if not wanted:
        return
    await hold_gates([(stop.channel, stop.address_key) for stop in wanted], uow)
    rows = [_row(stop) for stop in wanted]
    told = await stops.take_pending(uow.connection, rows)
    new = await stops.cover(uow.connection, rows)
    await gate.settle(
        uow.connection, [address_gate(stop.channel, stop.address_key) for stop in wanted]
    )
    _tell([stop for stop in wanted if stop.stop_id in new - told], uow)


async def accept_stop(stop: Stop, uow: UnitOfWork) -> None:
    """Keep a stop whose fence must wait: hand-offs that start after the commit heed it already."""
    if await stops.add_pending(uow.connection, _row(stop), source=str(stop.reason), at=uow.now):
        _tell([stop], uow)


def _row(stop: Stop) -> stops.StopRow:
    return stops.StopRow(stop.stop_id, str(stop.channel), stop.address_key)


def _tell(new: Iterable[Stop], uow: UnitOfWork) -> None:
    uow.record_all(
        AddressBanned(
            stop.stop_id, stop.channel, stop.address_key, source=str(stop.reason), at=uow.now
        )
        for stop in new
        if stop.reason.is_wish
    )
