"""Give customers what every customer has and some, from before a list was compulsory, lack."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.customers.domain.lists import COMPULSORY
from services.customers.handlers.tell_records import tell_customers
from services.customers.persistence.lists import default_values, values_in
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

CHUNK = 2000


async def complete_customers(units: UnitOfWorkFactory) -> None:
    """Give the default of each compulsory list to customers without a value of it, and tell them.

    By chunks, each a unit of work of its own, so that the service may run meanwhile (VF-A10).
    """
    for name in COMPULSORY:
        last: UUID | None = None
        while True:
            async with units() as unit:
                ids = await _complete(name, last, unit)
            if len(ids) < CHUNK:
                break
            last = ids[-1]


async def _complete(name: str, after: UUID | None, uow: UnitOfWork) -> list[UUID]:
    defaults = await default_values(uow.connection, [name])
    if name not in defaults:
        return []
    values: dict[str, Any] = {
        "held": [row.key for row in await values_in(uow.connection, [name])],
        "default": defaults[name].key,
        "after": after,
        "limit": CHUNK,
        "now": uow.now,
    }
    ids = list((await uow.connection.execute(_INCOMPLETE, values)).scalars())
    if ids:
        changed = await uow.connection.execute(_GIVE, {**values, "ids": ids})
        await tell_customers(list(changed.scalars()), uow)
    return ids


_INCOMPLETE = text(
    """
    SELECT customer_id FROM customer
    WHERE NOT classifications && CAST(:held AS int[])
      AND (CAST(:after AS uuid) IS NULL OR customer_id > :after)
    ORDER BY customer_id LIMIT :limit FOR NO KEY UPDATE
    """
)
_GIVE = text(
    """
    UPDATE customer SET classifications = classifications || CAST(:default AS int),
                        version = version + 1, updated_at = :now
    WHERE customer_id = ANY(CAST(:ids AS uuid[])) AND NOT classifications && CAST(:held AS int[])
    RETURNING customer_id
    """
)
