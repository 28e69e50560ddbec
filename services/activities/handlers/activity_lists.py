"""What is particular about the lists of activities, beyond their definitions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.activities.domain.lists import ACTIVITY_CATEGORY, LISTS, SELLER_CARD
from services.activities.handlers.hand_over_targets import hand_over_targets
from services.activities.handlers.tell_activities import tell_activities
from services.activities.persistence.holders import HOLDERS
from services.activities.persistence.value_use import naming, targets_of
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.holders import Holder
from shared.lists.lists import Lists, Settings
from shared.lists.use import ValueInUse


class ActivityLists(Lists):
    """The lists of activities with their own rules."""

    async def refuse_other_use(self, row: Row[Any], uow: UnitOfWork) -> None:
        """Refuse a category that a card shows, or that targets are set for.

        A card that lost the last of its categories would show all.
        """
        cards = [one.title for one in await naming(uow.connection, row.key, ())]
        if cards:
            raise ValueInUse(
                f"{len(cards)} cards show {row.title!r}.",
                remedy="Take it off the cards, or delete it with ?move_to=NUMBER.",
                facts={"held_by": SELLER_CARD, "count": len(cards), "blockers": cards[:10]},
            )
        targets = await targets_of(uow.connection, row.key)
        if targets.count:
            raise ValueInUse(
                f"{targets.count} targets are set for {row.title!r}.",
                remedy="Delete the targets, or delete it with ?move_to=NUMBER.",
                facts={
                    "held_by": "target",
                    "count": targets.count,
                    "blockers": [str(one) for one in targets.first],
                },
            )

    async def hand_over(self, row: Row[Any], heir: Row[Any] | None, uow: UnitOfWork) -> None:
        """Give the heir of a category what was counted of it, and its targets."""
        if row.list == ACTIVITY_CATEGORY:
            await hand_over_targets(row, heir, uow)

    async def tell_moved(
        self,
        holder: Holder,
        ids: Sequence[UUID],
        heir: Row[Any],
        settings: Settings,
        uow: UnitOfWork,
    ) -> None:
        """Tell of activities that hold another value from now on."""
        await tell_activities(ids, uow)


ACTIVITY_LISTS = ActivityLists(LISTS, HOLDERS, path="/v1/activity-lists")
