"""Keep searches under a title."""

from uuid import UUID

from services.customers.persistence import saved_searches as store
from shared.chassis.errors import Kind, Refusal, check_version
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork


class SearchTitleTaken(Refusal):
    """Another saved search has this title."""

    kind = Kind.CONFLICT
    slug = "saved_search_title_taken"
    remedy = "Choose another title, or change the search that has it."


class TooManySearches(Refusal):
    """No more searches can be saved."""

    kind = Kind.CONFLICT
    slug = "too_many_saved_searches"
    remedy = f"Delete some; there can be {store.AT_MOST}."


async def save_search(title: str, search: str, uow: UnitOfWork) -> UUID:
    """Save a search, which is JSON, under a title; return its id."""
    if await store.count_searches(uow.connection) >= store.AT_MOST:
        raise TooManySearches("There are too many saved searches.")
    await store.hold_title(uow.connection, title)
    search_id = new_id()
    if not await store.insert_search(uow.connection, search_id, title, search, now=uow.now):
        raise SearchTitleTaken(f"title: there is a saved search {title!r} already.")
    return search_id


async def change_search(
    search_id: UUID, title: str, search: str, uow: UnitOfWork, *, expected: int
) -> None:
    """Replace a saved search if it is still at the expected version."""
    await _held(search_id, uow, expected)
    await store.hold_title(uow.connection, title)
    if await store.title_owner(uow.connection, title) not in (None, search_id):
        raise SearchTitleTaken(f"title: there is a saved search {title!r} already.")
    await store.update_search(uow.connection, search_id, title, search, now=uow.now)


async def delete_search(search_id: UUID, uow: UnitOfWork, *, expected: int) -> None:
    """Delete a saved search if it is still at the expected version."""
    await _held(search_id, uow, expected)
    await store.remove_search(uow.connection, search_id)


async def _held(search_id: UUID, uow: UnitOfWork, expected: int) -> None:
    row = await store.fetch_search(uow.connection, search_id, lock=True)
    check_version("search", row.version, expected)
