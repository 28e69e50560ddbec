"""Install what a new register of activities starts with (LE-04, LE-07, LE-10, LE-12, LE-14)."""

from services.activities.handlers.activity_lists import ACTIVITY_LISTS
from services.activities.persistence.profiles import load_profiles
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.install import fill_empty_lists
from shared.lists.profiles import DEFAULTS


async def install_defaults(uow: UnitOfWork) -> None:
    """Install the lists that have never had a value."""
    await fill_empty_lists(ACTIVITY_LISTS, load_profiles()[DEFAULTS], uow)
