"""What the history of an activity shows of its own: names for what its columns hold as keys."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.history.read import FieldChange, Naming, mentioned, named
from shared.history.store import named_keys
from shared.projection.naming import customer_and_contacts

_VALUES = frozenset({"category", "kind", "type", "attributes"})


async def own_fields(connection: AsyncConnection, record: str, rows: Sequence[Row[Any]]) -> Naming:
    """Return how values of lists, the customer and the contacts of an activity are shown."""
    values = await named_keys(connection, mentioned(rows, _VALUES))
    people = await customer_and_contacts(connection, rows)

    def naming(field: str, before: Any, after: Any) -> FieldChange | None:
        if field in _VALUES:
            return FieldChange(field, named(before, values), named(after, values))
        return people(field, before, after)

    return naming
