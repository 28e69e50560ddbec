"""Statements on attributes of customers and contacts, with their choices."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.attribute_values import Attribute, value_type_of
from services.customers.domain.lists import CHOICES_OF
from shared.lists.store import values_in


async def keep_attributes(connection: AsyncConnection, name: str) -> None:
    """Keep the attributes of a list from deletion and change until the commit.

    So nobody moves a choice to another attribute meanwhile, for that needs one of them.
    """
    await connection.execute(
        text("SELECT FROM list_value WHERE list = :list ORDER BY key FOR KEY SHARE"),
        {"list": name},
    )


async def attributes_of(connection: AsyncConnection, name: str) -> dict[int, Attribute]:
    """Return the attributes of a list by number, each with its choices."""
    rows = await values_in(connection, [name, CHOICES_OF[name]])
    choices: dict[int, set[int]] = {}
    for row in rows:
        if row.list != name:
            choices.setdefault(row.parent, set()).add(row.key)
    return {
        row.number: Attribute(
            key=row.key,
            number=row.number,
            title=row.title,
            value_type=value_type_of(row.facts),
            archived=row.archived_at is not None,
            choices=frozenset(choices.get(row.key, ())),
        )
        for row in rows
        if row.list == name
    }
