"""Install what a new pipeline starts with (TS-35, TS-36, TS-38, TS-39)."""

from services.pipeline.handlers.pipeline_lists import PIPELINE_LISTS
from services.pipeline.persistence.profiles import load_profiles
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.install import fill_empty_lists
from shared.lists.profiles import DEFAULTS


async def install_defaults(uow: UnitOfWork) -> None:
    """Install the lists that have never had a value."""
    await fill_empty_lists(PIPELINE_LISTS, load_profiles()[DEFAULTS], uow)
