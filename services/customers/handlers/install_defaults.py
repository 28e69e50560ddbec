"""Install what a new register starts with: settings, the three bans, statuses and other lists."""

from sqlalchemy import text

from services.customers.domain.settings import NAMES, ON, SWITCHES
from services.customers.handlers.customer_lists import CUSTOMER_LISTS
from services.customers.persistence.profiles import load_profiles
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.install import fill_empty_lists
from shared.lists.profiles import DEFAULTS


async def install_defaults(uow: UnitOfWork) -> None:
    """Install the settings, the lists that have never had a value and the bans of both (LS-A5)."""
    await uow.connection.execute(_COUNTER)
    await uow.connection.execute(
        _SETTINGS,
        {"names": list(NAMES), "values": [ON if name in SWITCHES else None for name in NAMES]},
    )
    await fill_empty_lists(CUSTOMER_LISTS, load_profiles()[DEFAULTS], uow)


_COUNTER = text("INSERT INTO consent_counter (id, seq) VALUES (1, 0) ON CONFLICT DO NOTHING")
_SETTINGS = text(
    """
    INSERT INTO setting (name, value)
    SELECT name, value FROM unnest(CAST(:names AS text[]), CAST(:values AS int[]))
         AS installed (name, value)
    ON CONFLICT DO NOTHING
    """
)
