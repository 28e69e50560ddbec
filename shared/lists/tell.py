"""Values of lists as they are shown and told: what they refer to by number."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.unit_of_work import UnitOfWork
from shared.lists import store
from shared.lists.definition import FactValue
from shared.lists.events import ListValueSaved
from shared.lists.lists import Lists
from shared.lists.relations import numbers_of


async def tell_values(lists: Lists, keys: Iterable[int], uow: UnitOfWork) -> None:
    """Record values of lists as they now stand."""
    rows = await store.values_of(uow.connection, list(keys))
    await tell_rows(lists, list(rows.values()), uow)


async def tell_rows(lists: Lists, rows: Sequence[Row[Any]], uow: UnitOfWork) -> None:
    """Record the whole state of these values for the public."""
    facts = await shown_facts(lists, rows, uow.connection)
    uow.record_all(_saved(row, facts[row.key]) for row in rows)


async def shown_facts(
    lists: Lists, rows: Sequence[Row[Any]], connection: AsyncConnection
) -> dict[int, Mapping[str, FactValue]]:
    """Return the facts of values by key, with numbers for the keys of what they refer to."""
    referring = {
        name: definition.references
        for name, definition in lists.definitions.items()
        if definition.references
    }
    named = {
        key for row in rows for fact in referring.get(row.list, ()) if (key := row.facts.get(fact))
    }
    numbers = await numbers_of(connection, named) if named else {}
    return {
        row.key: {
            **row.facts,
            **{fact: numbers.get(row.facts.get(fact)) for fact in referring.get(row.list, ())},
        }
        for row in rows
    }


def _saved(row: Row[Any], facts: Mapping[str, FactValue]) -> ListValueSaved:
    return ListValueSaved(
        list_name=row.list,
        value_id=row.value_id,
        version=row.version,
        number=row.number,
        title=row.title,
        titles=row.titles,
        order=row.position,
        archived=row.archived_at is not None,
        parent=row.parent_number,
        members=tuple(row.member_numbers),
        facts=facts,
    )
