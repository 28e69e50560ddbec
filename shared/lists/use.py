"""What still uses a list value, and so keeps it from being deleted or becoming another one."""

from collections.abc import Set
from typing import Any

from sqlalchemy.engine import Row

from shared.chassis.errors import Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.definition import ListDefinition
from shared.lists.holders import count_holding_both, usage
from shared.lists.lists import Lists, Settings
from shared.lists.relations import values_inside, values_referring
from shared.lists.store import values_in


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


def refuse_named(row: Row[Any], settings: Settings) -> None:
    """Refuse a value that settings name."""
    naming = sorted(name for name, value in settings.items() if value == row.number)
    if naming:
        raise ValueInUse(
            f"{row.title!r} is named by the settings {', '.join(naming)}.",
            remedy="Give those settings another number first.",
            facts={"blockers": naming},
        )


async def refuse_live(
    lists: Lists, definition: ListDefinition, row: Row[Any], uow: UnitOfWork
) -> bool:
    """Refuse a value that live records hold; tell whether deleted ones do."""
    deleted_hold_it = False
    for holder in lists.holders_of(definition):
        used = await usage(uow.connection, row, holder)
        if used.live:
            raise ValueInUse(
                f"{row.title!r} is held by {used.live} {holder.plural}.",
                facts={
                    "held_by": holder.table,
                    "count": used.live,
                    "blockers": [str(one) for one in used.first],
                },
            )
        deleted_hold_it = deleted_hold_it or used.deleted > 0
    return deleted_hold_it


async def refuse_held(
    lists: Lists, definition: ListDefinition, row: Row[Any], uow: UnitOfWork, *, remedy: str
) -> None:
    """Refuse a value that anybody holds, deleted records too, for it is to become another one."""
    for holder in lists.holders_of(definition):
        used = await usage(uow.connection, row, holder)
        if used.live or used.deleted:
            raise ValueInUse(
                f"{row.title!r} is held by {used.live} {holder.plural}, "
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


async def refuse_referred(
    lists: Lists, definition: ListDefinition, row: Row[Any], uow: UnitOfWork
) -> None:
    """Refuse a value that others refer to."""
    referring = lists.referring_to(definition.name)
    titles = await values_referring(uow.connection, row.key, referring) if referring else []
    if titles:
        raise ValueInUse(
            f"{len(titles)} values refer to {row.title!r}.",
            remedy="Delete it with ?move_to=NUMBER, or let them refer to another value first.",
            facts={"count": len(titles), "blockers": titles[:10]},
        )


async def refuse_second(
    lists: Lists,
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
    for holder in lists.holders_of(lists.definitions[name]):
        count = await count_holding_both(uow.connection, holder, moved, present)
        if count:
            raise SecondValue(
                f"{count} {holder.plural} hold a value of each.", facts={"count": count}
            )
