"""Install what a new register starts with: the settings, and the three bans in their group."""

from sqlalchemy import text

from services.customers.domain.events import AttributeSaved
from services.customers.domain.settings import NAMES
from services.customers.handlers.ids import new_id
from services.customers.persistence.register import insert_attribute, insert_group
from shared.chassis.unit_of_work import UnitOfWork

BAN_GROUP = "Marketing bans"
BANS = (
    ("NO_MARKETING", "No letter post"),
    ("NO_SMS", "No text messages"),
    ("NO_EMAIL", "No e-mail"),
)


async def install_defaults(uow: UnitOfWork) -> bool:
    """Install the defaults into an empty register, once (LS-A5); return whether it was done."""
    claimed = await uow.connection.execute(
        text("INSERT INTO consent_counter (id, seq) VALUES (1, 0) ON CONFLICT DO NOTHING")
    )
    if claimed.rowcount == 0:
        return False
    group_id = new_id()
    await insert_group(uow.connection, group_id, BAN_GROUP)
    numbers: dict[str, int] = {}
    for setting, title in BANS:
        row = await insert_attribute(
            uow.connection, new_id(), number=None, title=title, group_id=group_id
        )
        assert row is not None
        numbers[setting] = row.number
        uow.record(AttributeSaved(row.attribute_id, row.version, row.number, row.title))
    values = {
        "STARTDATE_INVOICE": 1,
        "STARTDATE_SALESORDER": 1,
        **numbers,
    }
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
