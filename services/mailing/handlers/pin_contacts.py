"""Keep contacts in a segment, or out of it, whatever its rule says; the rule stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.mailing.domain.changes import Touch
from services.mailing.domain.dependencies import pin_key
from services.mailing.domain.refusals import ContactNotFound, PinNotFound
from services.mailing.handlers.evaluate_rule import find_segment
from services.mailing.handlers.touch import write_touches
from services.mailing.persistence import pins
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Pin:
    """A contact to be kept in a segment (`inside`) or out of it; the note says why."""

    segment_id: UUID
    contact_id: UUID
    inside: bool
    note: str


async def pin_contact(pin: Pin, uow: UnitOfWork) -> None:
    """Pin a live contact; a pin there was is replaced. Members follow in a moment."""
    await pins.lock_segment(uow.connection, pin.segment_id)
    await find_segment(pin.segment_id, uow.connection)
    if not await pins.is_live(uow.connection, pin.contact_id):
        raise ContactNotFound(f"There is no contact {pin.contact_id} here.")
    await pins.save(
        uow.connection,
        segment_id=pin.segment_id,
        contact_id=pin.contact_id,
        inside=pin.inside,
        note=pin.note,
        actor=uow.actor,
        key=pin_key(pin.contact_id),
        now=uow.now,
    )
    await _touch(pin.contact_id, uow)


async def unpin_contact(segment_id: UUID, contact_id: UUID, uow: UnitOfWork) -> None:
    """Remove a pin, so that the rule decides again."""
    await pins.lock_segment(uow.connection, segment_id)
    await find_segment(segment_id, uow.connection)
    if not await pins.remove(uow.connection, segment_id=segment_id, contact_id=contact_id):
        raise PinNotFound(f"Contact {contact_id} is not pinned in segment {segment_id}.")
    await _touch(contact_id, uow)


async def list_pins(
    segment_id: UUID, uow: UnitOfWork, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Return the pins of a segment by contact."""
    await find_segment(segment_id, uow.connection)
    return await pins.page(uow.connection, segment_id, after=after, limit=limit)


async def _touch(contact_id: UUID, uow: UnitOfWork) -> None:
    key = frozenset({pin_key(contact_id)})
    await write_touches([(Touch(key, cause="pin", contact_id=contact_id), key)], uow)
