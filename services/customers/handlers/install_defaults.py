"""Install what a new register starts with: settings, the three bans, statuses and other lists."""

from sqlalchemy import text

from services.customers.domain.default_lists import DEFAULT_LISTS, DefaultValue
from services.customers.domain.lists import CONTACT_ATTRIBUTE, CONTACT_GROUP, CUSTOMER_STATUS
from services.customers.domain.settings import NAMES
from services.customers.handlers.save_list_value import SaveListValue, create_value
from services.customers.persistence.lists import default_key, hold_list
from shared.chassis.unit_of_work import UnitOfWork

BAN_GROUP = "Marketing bans"
BANS = (
    ("NO_MARKETING", "No letter post"),
    ("NO_SMS", "No text messages"),
    ("NO_EMAIL", "No e-mail"),
)


async def install_defaults(uow: UnitOfWork) -> bool:
    """Install the defaults into an empty register, once (LS-A5); return whether it was done."""
    await install_lists(uow)
    claimed = await uow.connection.execute(
        text("INSERT INTO consent_counter (id, seq) VALUES (1, 0) ON CONFLICT DO NOTHING")
    )
    if claimed.rowcount == 0:
        return False
    group = await create_value(CONTACT_GROUP, SaveListValue(BAN_GROUP), uow)
    values: dict[str, int] = {"STARTDATE_INVOICE": 1, "STARTDATE_SALESORDER": 1}
    for setting, title in BANS:
        values[setting] = await create_value(
            CONTACT_ATTRIBUTE, SaveListValue(title, parent=group), uow
        )
    await uow.connection.execute(
        text(
            """
            INSERT INTO setting (name, value)
            SELECT name, value FROM unnest(CAST(:names AS text[]), CAST(:values AS int[]))
                 AS installed (name, value)
            """
        ),
        {"names": list(NAMES), "values": [values.get(name) for name in NAMES]},
    )
    return True


async def install_lists(uow: UnitOfWork) -> None:
    """Fill each list that has never had a value; give customers without a status the default."""
    for name, values in DEFAULT_LISTS.items():
        if await hold_list(uow.connection, name) == 0:
            await install_values(name, values, uow)
    status = await default_key(uow.connection, CUSTOMER_STATUS)
    await uow.connection.execute(_GIVE_STATUS, {"status": status, "list": CUSTOMER_STATUS})


async def install_values(name: str, values: tuple[DefaultValue, ...], uow: UnitOfWork) -> None:
    """Add the values of a profile to a list, in their order."""
    for place, value in enumerate(values, start=1):
        await create_value(
            name,
            SaveListValue(
                title=value.titles["en"],
                titles=value.titles,
                order=place * 10,
                members=value.members,
                facts=value.facts,
            ),
            uow,
        )


_GIVE_STATUS = text(
    """
    UPDATE customer SET classifications = classifications || CAST(:status AS int)
    WHERE NOT classifications && ARRAY(SELECT key FROM list_value WHERE list = :list)
    """
)
