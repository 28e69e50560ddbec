"""Let targets follow a category that is merged into another."""

from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Row

from services.activities.handlers.tell_progress import tell_counted, tell_shares
from services.activities.persistence import targets as store
from services.activities.persistence.progress import shares_of
from services.activities.persistence.tally import add_to_tally, hold_tally, take_from_tally
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork


async def hand_over_targets(category: Row[Any], heir: Row[Any] | None, uow: UnitOfWork) -> None:
    """
    Count to the heir what was counted in a category, and want of it what was wanted in that.

    Without an heir there are no targets. Where a subject has targets in the heir already, those
    stay and the category's go.
    """
    await hold_tally(uow.connection)
    targets = await store.targets_in(uow.connection, category.key)
    counted = await take_from_tally(uow.connection, category.key)
    if heir is None:
        return
    if targets and not heir.facts["sales_target"]:
        raise InvalidField(
            "move_to",
            f"{category.title!r} has {len(targets)} targets, and {heir.title!r} is no sales target",
            f"Mark {heir.title!r} as a sales target first, or delete the targets.",
        )
    places = {replace(place, category=heir.key): done for place, done in counted.items()}
    await add_to_tally(uow.connection, places)
    staying = set(await store.without_heir(uow.connection, category.key, heir.key))
    going = [one for one in targets if one not in staying]
    await store.set_wanted(uow.connection, going, 0, now=uow.now)
    await tell_shares(await shares_of(uow.connection, going, today=uow.now.date()), uow)
    await store.remove_targets(uow.connection, going)
    await store.set_category(uow.connection, list(staying), heir.key, now=uow.now)
    await tell_shares(await shares_of(uow.connection, staying, today=uow.now.date()), uow)
    await tell_counted(places, uow)
