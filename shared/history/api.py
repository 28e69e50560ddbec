"""Routes of what changed: the shapes of histories, their pages, those of values of lists."""

from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.http.paging import Cursor, Limit, Page, read_cursor, write_cursor
from shared.chassis.http.shapes import Number
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.history.read import OwnFields, no_own_fields, read_history, references_of
from shared.lists.definition import ListDefinition
from shared.lists.lists import Lists
from shared.lists.save import ValueNotFound
from shared.lists.store import find_value


class Output(BaseModel):
    """Base of answers that are read off objects of ours."""

    model_config = ConfigDict(from_attributes=True)


class ValueNameOutput(Output):
    """A value of a list; of one that is removed, what it was last."""

    list: str
    number: int
    title: str


class HistoryChange(Output):
    """One field before and after; values of lists are shown by list, number and title."""

    field: str
    before: Any
    after: Any


class HistoryEntry(Output):
    """Base of one change: who (null: not known, or Suhde itself), when, and what of which field.

    A service says in `what` of its own which words there are.
    """

    at: datetime
    actor: str | None = Field(description="name of the API key, or sources of the events")
    what: str
    changes: Sequence[HistoryChange]
    operation_id: UUID | None = Field(description="of the operation that changed many at once")


EntryT = TypeVar("EntryT", bound=HistoryEntry)

Found = Callable[[AsyncConnection], Awaitable[tuple[UUID, datetime]]]
"""Returns the id of a record and when it was created; refuses one that is not there."""


@dataclass(frozen=True, slots=True)
class Histories(Generic[EntryT]):
    """How a service shows the histories of its records and of the values of its lists."""

    units: UnitOfWorkFactory
    entry: type[EntryT]
    own_fields: OwnFields = no_own_fields
    marks: Set[str] = frozenset()

    async def page(
        self,
        record: str,
        find: Found,
        cursor: str | None,
        limit: int,
        own_fields: OwnFields | None = None,
    ) -> Page[EntryT]:
        """Return a page of the history of a record, the newest change first."""
        key = read_cursor(cursor, int)
        async with self.units.engine.connect() as connection:
            record_id, created_at = await find(connection)
            entries, more = await read_history(
                connection,
                record,
                record_id,
                created_at,
                before=None if key is None else int(key[0]),
                limit=limit,
                own_fields=own_fields or self.own_fields,
                marks=self.marks,
            )
        return Page(
            items=[self.entry.model_validate(one) for one in entries],
            next=None if more is None else write_cursor(more),
        )

    def add_values_of(self, lists: Lists, router: APIRouter) -> None:
        """Add the routes of the values of these lists."""
        for definition in lists.definitions.values():
            self._add_values(definition, router)

    def _add_values(self, definition: ListDefinition, router: APIRouter) -> None:
        @router.get(
            f"/{definition.path}/{{number}}/history",
            operation_id=f"history_of_{definition.name}",
            response_model=Page[self.entry],  # type: ignore[name-defined]
        )
        async def of_value(number: Number, cursor: Cursor = None, limit: Limit = 50) -> Any:
            """Show what changed of a value of the list, the newest first, its creation last."""

            async def find(connection: AsyncConnection) -> tuple[UUID, datetime]:
                row = await find_value(connection, definition.name, number)
                if row is None:
                    raise ValueNotFound(f"There is no {definition.name} {number}.")
                return row.value_id, row.created_at

            return await self.page("list_value", find, cursor, limit, references_of(definition))
