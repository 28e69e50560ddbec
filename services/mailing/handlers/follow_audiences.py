"""Let audiences that keep up follow the members of their segments, by position."""

from uuid import UUID

from services.mailing.persistence import audiences
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

TAKEN = 1_000
"""Changes that are followed in one transaction."""
AUDIENCES = 100


async def follow_audiences(units: UnitOfWorkFactory, *, taken: int = TAKEN) -> None:
    """Follow until no audience has changes before it that are committed by now."""
    while True:
        async with units.engine.connect() as connection:
            waiting = await audiences.behind(connection, limit=AUDIENCES)
        if not waiting:
            return
        for audience_id in waiting:
            async with units() as uow:
                await _follow(audience_id, uow, taken)


async def _follow(audience_id: UUID, uow: UnitOfWork, taken: int) -> None:
    audience = await audiences.find(uow.connection, audience_id, lock=True)
    if audience is None or audience.closed_at is not None:
        return
    # Another process may have followed meanwhile.
    if moves := await audiences.moves_after(uow.connection, audience, limit=taken):
        await audiences.follow(uow.connection, audience, moves, now=uow.now)
