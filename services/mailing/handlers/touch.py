"""Say whose facts have changed, to the evaluator, in the transaction that changes them.

An event that no rule asks about costs a look at what rules ask about, however many there are.
"""

from collections.abc import Collection, Iterable, Mapping

from services.mailing.domain.changes import Change, Touch, touches_of
from services.mailing.domain.conditions import Holder
from services.mailing.domain.dependencies import GONE, UNLINKED, held_key, list_key
from services.mailing.persistence import touched
from shared.chassis.unit_of_work import UnitOfWork

TOUCHED = "touched"
"""The signal of a unit of work after which the evaluator has work."""


async def touch(changes: Iterable[Change], uow: UnitOfWork) -> None:
    """Write down what these changes touch, so far as a rule asks about it."""
    found = [one for change in changes for one in touches_of(change)]
    if not found:
        return
    # Before the rules are looked at: see `touched`.
    await touched.hold_writing(uow.connection)
    held = {token for one in found for _, token in one.held}
    naming = await touched.named_by(uow.connection, held)
    keys = [
        one.keys | keys_of_held(one.held, naming.covering) | (naming.moving if one.held else set())
        for one in found
    ]
    # Whoever asks about customers at all asks about `UNLINKED`.
    asked = await touched.asked_keys(uow.connection, {UNLINKED}.union(*keys))
    asked.add(GONE)
    counting = [
        (one, some & asked)
        for one, some in zip(found, keys, strict=True)
        if some & asked or (one.linked and UNLINKED in asked)
    ]
    await write_touches(counting, uow)


async def write_touches(touches: Collection[tuple[Touch, frozenset[str]]], uow: UnitOfWork) -> None:
    """Write touches with the keys that count, and wake the evaluator after the commit."""
    if touches:
        await touched.add(uow.connection, list(touches), now=uow.now)
        uow.signal(TOUCHED)


def keys_of_held(
    held: Iterable[tuple[Holder, str]], covering: Mapping[str, Collection[str]]
) -> frozenset[str]:
    """Return the keys of holding these values: of all that covers them, and of their lists."""
    keys = set()
    for holder, token in held:
        keys |= {held_key(holder, named) for named in covering.get(token, (token,))}
        keys.add(list_key(holder, token.partition("/")[0]))
    return frozenset(keys)
