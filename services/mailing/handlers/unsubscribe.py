"""A recipient wants no more marketing: his address is banned at once, by the link of a hand-off."""

from uuid import UUID

from sqlalchemy.exc import DBAPIError

from services.mailing.domain.refusals import HandOffNotFound
from services.mailing.handlers.stop_address import Reason, Stop, accept_stop, stop_addresses
from services.mailing.persistence.stops import find_reached
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

ACTOR = "unsubscribe-link"
LOCK_NOT_AVAILABLE = "55P03"


async def unsubscribe(hand_off_id: UUID, units: UnitOfWorkFactory) -> None:
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
                await stop_addresses([stop], uow)
            return
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
    async with units() as uow:
        stop = await _stop(hand_off_id, uow)
        if stop is not None:
            await accept_stop(stop, uow)


async def _stop(hand_off_id: UUID, uow: UnitOfWork) -> Stop | None:
    await uow.act_as(ACTOR)
    reached = await find_reached(uow.connection, hand_off_id)
    if reached is None:
        raise HandOffNotFound(f"There is no hand-off {hand_off_id}.")
    if reached.erased:
        return None
    return Stop(hand_off_id, reached.channel, reached.address_key, Reason.UNSUBSCRIBED)
