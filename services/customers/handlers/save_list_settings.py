"""Set how a list is laid out: whether it shows as a tab of its own (TS-02)."""

from services.customers.domain.lists import LISTS, ListDefinition
from services.customers.persistence.list_settings import list_settings, save_list_settings
from services.customers.persistence.lists import hold_list
from shared.chassis.errors import InvalidField, Kind, Refusal, StaleVersion
from shared.chassis.unit_of_work import UnitOfWork


class ListNotFound(Refusal):
    """There is no such list."""

    kind = Kind.NOT_FOUND
    slug = "list_not_found"
    remedy = "List them: GET /v1/lists."


def list_called(name: str) -> ListDefinition:
    """Return the list of this name."""
    if name not in LISTS:
        raise ListNotFound(f"There is no list {name[:40]!r}.")
    return LISTS[name]


async def set_list_settings(name: str, uow: UnitOfWork, *, own_tab: bool, expected: int) -> None:
    """Let a list show as a tab of its own, or not, if it is still at the expected version."""
    definition = list_called(name)
    if own_tab and not definition.may_own_tab:
        tabs = ", ".join(one.name for one in LISTS.values() if one.may_own_tab)
        raise InvalidField("own_tab", f"{name} has no tab", f"The lists that may: {tabs}.")
    await hold_list(uow.connection, name)
    version = (await list_settings(uow.connection))[name].version
    if version != expected:
        raise StaleVersion(f"The list is at version {version}, not {expected}.")
    await save_list_settings(uow.connection, name, own_tab=own_tab)
