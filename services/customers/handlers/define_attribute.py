"""Create contact attributes and the groups they are kept in (LS-21, LS-22, LS-28)."""

from uuid import UUID

from services.customers.domain.events import AttributeSaved
from services.customers.handlers.ids import new_id
from services.customers.persistence.register import group_exists, insert_attribute, insert_group
from shared.chassis.errors import InvalidField, Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork


class NumberTaken(Refusal):
    """Another contact attribute has this number."""

    kind = Kind.CONFLICT
    slug = "attribute_number_taken"
    remedy = "Choose another number, or leave it out to get the next free one."


class TitleTaken(Refusal):
    """Another contact group has this title."""

    kind = Kind.CONFLICT
    slug = "contact_group_title_taken"
    remedy = "Choose another title."


async def define_attribute(
    *, number: int | None, title: str, group_id: UUID | None, uow: UnitOfWork
) -> AttributeSaved:
    """Create a contact attribute under its number, or the next free one."""
    if group_id is not None and not await group_exists(uow.connection, group_id):
        raise InvalidField(
            "group_id", f"there is no contact group {group_id}", "Create the group first."
        )
    row = None
    while row is None:
        row = await insert_attribute(
            uow.connection, new_id(), number=number, title=title, group_id=group_id
        )
        if number is not None:
            break
        # Without a number of its own it was another's turn: the next look sees that number taken.
    if row is None:
        raise NumberTaken(f"number: {number} is taken.")
    event = AttributeSaved(row.attribute_id, row.version, row.number, row.title)
    uow.record(event)
    return event


async def define_group(title: str, uow: UnitOfWork) -> UUID:
    """Create a contact group; return its id."""
    group_id = new_id()
    if not await insert_group(uow.connection, group_id, title):
        raise TitleTaken(f"title: there is a contact group {title!r} already.")
    return group_id
