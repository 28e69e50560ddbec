"""Tell what goes by a value of a list, and what changing it would do (LE-06)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.impact import Effect, Held, effects
from services.activities.domain.lists import SELLER_CARD
from services.activities.handlers.activity_lists import ACTIVITY_LISTS
from services.activities.persistence.value_use import held_by_activities, naming, targets_of
from shared.history.read import ValueName
from shared.lists.save import ValueNotFound
from shared.lists.store import find_value


@dataclass(frozen=True, slots=True)
class Impact:
    """A value, what goes by it, and what each change of it would do."""

    value: ValueName
    held: Held
    categories: Sequence[ValueName]
    cards: Sequence[ValueName]
    targets: int
    effects: Sequence[Effect]


async def read_impact(name: str, number: int, connection: AsyncConnection) -> Impact:
    """Return what goes by a value that activities hold."""
    row = await find_value(connection, name, number)
    if row is None:
        raise ValueNotFound(f"There is no {name} {number}.")
    (holder,) = ACTIVITY_LISTS.holders_of(ACTIVITY_LISTS.called(name))
    held = await held_by_activities(connection, row, holder)
    named_by = [
        ValueName(one.list, one.number, one.title)
        for one in await naming(connection, row.key, ACTIVITY_LISTS.referring_to(name))
    ]
    cards = [one for one in named_by if one.list == SELLER_CARD]
    categories = [one for one in named_by if one.list != SELLER_CARD]
    targets = (await targets_of(connection, row.key)).count
    return Impact(
        ValueName(name, number, row.title),
        held,
        categories,
        cards,
        targets,
        effects(name, held, categories=len(categories), cards=len(cards), targets=targets),
    )
