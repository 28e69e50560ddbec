"""Customers whom rows name by number."""

from collections.abc import Sequence

from shared.chassis.unit_of_work import UnitOfWork
from shared.imports.fields import CUSTOMER
from shared.imports.imports import Line
from shared.projection.store import customers_by_number


async def name_customers(lines: Sequence[Line], uow: UnitOfWork) -> None:
    """Let customers who are named by number be named by id; refuse, in its line, an unknown one."""
    numbers = {one for line in lines if isinstance(one := line.cells.get(CUSTOMER), str)}
    ids = await customers_by_number(uow.connection, sorted(numbers))
    for line in lines:
        named = line.cells.get(CUSTOMER)
        if isinstance(named, str):
            if named in ids:
                line.cells[CUSTOMER] = ids[named]
            else:
                line.refuse(
                    CUSTOMER,
                    f"no live customer has the number {named[:60]!r}",
                    "Correct it, or add the customer first; it is known here in a moment.",
                )
