"""What the history of an opportunity shows of its own: names for what its columns hold as keys."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.history.read import FieldChange, Naming, mentioned, named
from shared.history.store import named_keys
from shared.projection.naming import customer_and_contacts

# Columns that hold keys of values, each with what it is called outside.
_VALUES = {
    "pipeline": "pipeline",
    "stage": "stage",
    "rejection": "rejection",
    "type": "type",
    "origin": "source",
}


async def own_fields(connection: AsyncConnection, record: str, rows: Sequence[Row[Any]]) -> Naming:
    """Return how values of lists, the customer and the contacts of an opportunity are shown."""
    values = await named_keys(connection, mentioned(rows, _VALUES.keys()))
    people = await customer_and_contacts(connection, rows)

    def naming(field: str, before: Any, after: Any) -> FieldChange | None:
        if field in _VALUES:
            return FieldChange(_VALUES[field], named(before, values), named(after, values))
        return people(field, before, after)

    return naming
