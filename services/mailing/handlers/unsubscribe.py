"""A recipient wants no more marketing: his address is banned at once, by the link of a hand-off."""

from uuid import UUID

from sqlalchemy.exc import DBAPIError

from services.mailing.domain.addresses import HashOf
from services.mailing.domain.refusals import HandOffNotFound
from services.mailing.handlers.stop_address import Reason, Stop, accept_stop, stop_addresses
from services.mailing.persistence.stops import find_reached
from shared.chassis.database import is_lock_timeout
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

ACTOR = "unsubscribe-link"


async def unsubscribe(hand_off_id: UUID, units: UnitOfWorkFactory, *, hash_of: HashOf) -> None:
    """
    Ban the address of a hand-off on its channel; it holds and is durable when this returns.

    The ban has the hand-off's id: the same link again does nothing, until that ban was lifted. If a
    hand-off holds the gate for over 2 s the ban is kept and fenced soon. Of an erased person
    nothing is written. Refuses a hand-off that is not known here.
    """
    try:
        async with units() as uow:
            stop = await _stop(hand_off_id, uow)
            if stop is not None:
                await stop_addresses([stop], uow, hash_of=hash_of)
            return
    except DBAPIError as error:
        if not is_lock_timeout(error):
            raise
    async with units() as uow:
        stop = await _stop(hand_off_id, uow)
        if stop is not None:
            await accept_stop(stop, uow, hash_of=hash_of)


async def _stop(hand_off_id: UUID, uow: UnitOfWork) -> Stop | None:
    await uow.act_as(ACTOR)
    reached = await find_reached(uow.connection, hand_off_id)
    if reached is None:
        raise HandOffNotFound(f"There is no hand-off {hand_off_id}.")
    if reached.erased:
        return None
    return Stop(hand_off_id, reached.channel, reached.address_key, Reason.UNSUBSCRIBED)
