"""Show who changed what of a record, when, from what and to what."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.history import store
from shared.lists.definition import ListDefinition

# Columns that hold keys of values of lists, and what others are called outside.
_KEYS = frozenset({"classifications", "members", "parent"})
_CALLED = {"position": "order"}
# What the database marks the first change with of what an operation created.
_CREATED = "created"


@dataclass(frozen=True, slots=True)
class ValueName:
    """A value of a list by what people know it as; of a removed one, what it was last."""

    list: str
    number: int
    title: str


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after; values of lists are `ValueName`s, null is where there is none."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of a record, perhaps of many at once (`operation_id`).

    `actor` is None where it is not known or Suhde itself acted.
    """

    at: datetime
    actor: str | None
    what: str
    changes: tuple[FieldChange, ...] = ()
    operation_id: UUID | None = None


Naming = Callable[[str, Any, Any], FieldChange | None]
"""Says how a field, before and after, is shown; None of one that is shown like any other."""

OwnFields = Callable[[AsyncConnection, str, Sequence[Row[Any]]], Awaitable[Naming]]
"""Fetches what it takes to name those fields of a record in its changes that are of its own."""


async def no_own_fields(
    connection: AsyncConnection, record: str, rows: Sequence[Row[Any]]
) -> Naming:
    """Return that all fields are shown like any other."""
    return lambda field, before, after: None


def references_of(definition: ListDefinition) -> OwnFields:
    """Return how the facts of a list's values are named: what they refer to as `ValueName`s."""

    async def own_fields(
        connection: AsyncConnection, record: str, rows: Sequence[Row[Any]]
    ) -> Naming:
        facts = [
            side["facts"] for row in rows for side in (row.before, row.after) if "facts" in side
        ]
        keys = {key for one in facts for name in definition.references if (key := one.get(name))}
        names = await store.named_keys(connection, keys) if keys else {}

        def shown(held: Mapping[str, Any]) -> dict[str, Any]:
            return {
                name: named(fact, names) if name in definition.references else fact
                for name, fact in held.items()
            }

        def naming(field: str, before: Any, after: Any) -> FieldChange | None:
            return FieldChange(field, shown(before), shown(after)) if field == "facts" else None

        return naming

    return own_fields


async def read_history(
    connection: AsyncConnection,
    record: str,
    record_id: UUID,
    created_at: datetime,
    *,
    before: int | None,
    limit: int,
    own_fields: OwnFields = no_own_fields,
    marks: Set[str] = frozenset(),
) -> tuple[list[Entry], int | None]:
    """
    Return a page of changes, the newest first and the creation last, and where to go on.

    A field that is one of `marks` stands for something that happened to the record by that name.
    """
    rows = await store.changes_of(connection, record, record_id, before=before, limit=limit)
    names = await store.named_keys(connection, mentioned(rows, _KEYS))
    naming = await own_fields(connection, record, rows)

    def change(field: str, before: Any, after: Any) -> FieldChange:
        own = naming(field, before, after)
        if own is not None:
            return own
        if field in _KEYS:
            return FieldChange(field, named(before, names), named(after, names))
        return FieldChange(_CALLED.get(field, field), before, after)

    entries = [
        Entry(
            row.at,
            row.actor,
            _what(row, marks),
            tuple(
                sorted(
                    (change(field, held, row.after[field]) for field, held in row.before.items()),
                    key=lambda one: one.field,
                )
            ),
            row.operation_id,
        )
        for row in rows
    ]
    if rows and _CREATED in rows[-1].after:
        # Kept only of what an operation created, and then it is the first that there is.
        return entries, None
    if len(rows) == limit:
        return entries, rows[-1].history_id
    return [*entries, Entry(created_at, None, "created")], None


def _what(row: Row[Any], marks: Set[str]) -> str:
    for mark in marks:
        if mark in row.after:
            return mark
    if "deleted_at" in row.before:
        return "restored" if row.after["deleted_at"] is None else "deleted"
    return "created" if _CREATED in row.after else "changed"


def mentioned(rows: Collection[Row[Any]], fields: Set[str]) -> set[int]:
    """Return the keys or numbers of values that these fields held before or after."""
    return {
        reference
        for row in rows
        for side in (row.before, row.after)
        for field in fields & side.keys()
        for reference in references(side[field])
    }


def references(held: Any) -> list[int]:
    """Return the keys or numbers that a field holds: one, several, or several that say more."""
    if isinstance(held, dict):
        return [int(number) for number in held]
    return held if isinstance(held, list) else [] if held is None else [held]


def named(held: Any, names: Mapping[int, Row[Any]]) -> Any:
    """Return what a field holds as people know it; what nobody knows any more is left out."""
    rows = [names[one] for one in references(held) if one in names]
    found = [ValueName(row.list, row.number, row.title) for row in rows]
    if isinstance(held, list):
        return sorted(found, key=lambda one: (one.list, one.number))
    return found[0] if found else None
