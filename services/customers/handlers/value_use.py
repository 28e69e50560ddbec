"""What still uses a list value, and so keeps it from being deleted or becoming another one."""

from collections.abc import Mapping, Set
from typing import Any

from sqlalchemy.engine import Row

from services.customers.domain.lists import CONTACT_ATTRIBUTE, LISTS, ListDefinition
from services.customers.domain.settings import SWITCHES
from services.customers.persistence import holders as store
from services.customers.persistence.lists import values_in, values_inside
from services.customers.persistence.register import fetch_settings
from shared.chassis.errors import Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork

Settings = Mapping[str, int | None]


class ValueInUse(Refusal):
    """Records, other values or settings still use the value."""

    kind = Kind.CONFLICT
    slug = "list_value_in_use"
    remedy = "Move its holders with ?move_to=NUMBER, or archive the value."


class SecondValue(Refusal):
    """Somebody would hold two values inside one tracking object or attribute."""

    kind = Kind.CONFLICT
    slug = "second_value"
    remedy = "Take one of the two values away from them first."


async def held_settings(definition: ListDefinition, uow: UnitOfWork) -> Settings:
    """Return the settings that may name a value of the list, held as they are until the commit.

    To be called before the value is locked, since whoever changes a setting goes in that order.
    """
    if definition.name != CONTACT_ATTRIBUTE:
        return {}
    return await fetch_settings(uow.connection, lock=True)


def refuse_named(row: Row[Any], settings: Settings) -> None:
    """Refuse a value that settings name."""
    numbers = {name: value for name, value in settings.items() if name not in SWITCHES}
    naming = sorted(name for name, value in numbers.items() if value == row.number)
    if naming:
        raise ValueInUse(
            f"{row.title!r} is named by the settings {', '.join(naming)}.",
            remedy="Give those settings another number first.",
            facts={"blockers": naming},
        )


async def refuse_live(definition: ListDefinition, row: Row[Any], uow: UnitOfWork) -> bool:
    """Refuse a value that live records hold; tell whether deleted ones do."""
    deleted_hold_it = False
    for holder in store.holders_of(definition):
        used = await store.usage(uow.connection, row, holder)
        if used.live:
            raise ValueInUse(
                f"{row.title!r} is held by {used.live} {holder.table}s.",
                facts={
                    "held_by": holder.table,
                    "count": used.live,
                    "blockers": [str(one) for one in used.first],
                },
            )
        deleted_hold_it = deleted_hold_it or used.deleted > 0
    return deleted_hold_it


async def refuse_held(
    definition: ListDefinition, row: Row[Any], uow: UnitOfWork, *, remedy: str
) -> None:
    """Refuse a value that anybody holds, deleted records too, for it is to become another one."""
    for holder in store.holders_of(definition):
        used = await store.usage(uow.connection, row, holder)
        if used.live or used.deleted:
            raise ValueInUse(
                f"{row.title!r} is held by {used.live} {holder.table}s, "
                f"and by {used.deleted} deleted ones.",
                remedy=remedy,
                facts={
                    "held_by": holder.table,
                    "count": used.live + used.deleted,
                    "blockers": [str(one) for one in used.first],
                },
            )


async def refuse_home(row: Row[Any], uow: UnitOfWork) -> None:
    """Refuse a value that others are below or inside of."""
    inside = await values_inside(uow.connection, row.key)
    if inside:
        raise ValueInUse(
            f"{row.title!r} has {len(inside)} values below or inside it.",
            remedy="Move them, or delete them first.",
            facts={"count": len(inside), "blockers": inside[:10]},
        )


async def refuse_second(
    name: str,
    moved: Set[int],
    home: int | None,
    uow: UnitOfWork,
    *,
    besides: Set[int] = frozenset(),
) -> None:
    """Refuse to bring values of a list into a home of which their holders hold another value."""
    values = await values_in(uow.connection, [name])
    present = {one.key for one in values if one.parent == home} - moved - besides
    for holder in store.holders_of(LISTS[name]):
        count = await store.count_holding_both(uow.connection, holder, moved, present)
        if count:
            raise SecondValue(
                f"{count} {holder.table}s hold a value of each.", facts={"count": count}
            )
