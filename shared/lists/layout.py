"""Set how a list is laid out: whether it shows as a tab of its own."""

from shared.chassis.errors import InvalidField, check_version
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.lists import Lists
from shared.lists.store import hold_list, list_settings, save_list_settings


async def set_list_settings(
    lists: Lists, name: str, uow: UnitOfWork, *, own_tab: bool, expected: int
) -> None:
    """Let a list show as a tab of its own, or not, if it is still at the expected version."""
    definition = lists.called(name)
    if own_tab and not definition.may_own_tab:
        tabs = ", ".join(one.name for one in lists.definitions.values() if one.may_own_tab)
        raise InvalidField("own_tab", f"{name} has no tab", f"The lists that may: {tabs}.")
    await hold_list(uow.connection, name)
    version = (await list_settings(uow.connection))[name].version
    check_version("list", version, expected)
    await save_list_settings(uow.connection, name, own_tab=own_tab)
