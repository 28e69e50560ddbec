"""All lists of one service, who holds their values, and what the service adds to what is common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from shared.chassis.errors import Kind, Refusal
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists import holders
from shared.lists.definition import FactValue, ListDefinition
from shared.lists.holders import Holder
from shared.lists.relations import Reference

Settings = Mapping[str, int | None]
"""Settings that name values of a list by their number, or none."""


class ListNotFound(Refusal):
    """There is no such list."""

    kind = Kind.NOT_FOUND
    slug = "list_not_found"
    remedy = "List them: GET /v1/lists."


@dataclass(frozen=True, slots=True)
class Proposal:
    """How a value is to stand; `present` is how it stands, None for a new one.

    `members` are the values that it bundles.
    """

    definition: ListDefinition
    present: Row[Any] | None
    title: str
    parent: Row[Any] | None
    facts: Mapping[str, FactValue]
    archived: bool
    members: Sequence[Row[Any]] = ()

    @property
    def key(self) -> int:
        """Return the key of the value, 0 while it has none."""
        return 0 if self.present is None else int(self.present.key)


class Lists:
    """
    The lists of a service by name, and the columns in which records hold values.

    A service that has rules of its own overrides what is named for them; by default there are none.
    They are asked in a unit of work that holds the list, and later the value, against other edits.
    """

    def __init__(
        self,
        definitions: Mapping[str, ListDefinition],
        holders: Sequence[Holder],
        *,
        path: str = "/v1/lists",
    ) -> None:
        self.definitions = definitions
        self.holders = holders
        self.path = path

    def called(self, name: str) -> ListDefinition:
        """Return the list of this name."""
        if name not in self.definitions:
            raise ListNotFound(
                f"There is no list {name[:40]!r}.", remedy=f"List them: GET {self.path}."
            )
        return self.definitions[name]

    def holders_of(self, definition: ListDefinition) -> list[Holder]:
        """Return the columns in which values of a list may be held, one per record."""
        return holders.holders_of(self.holders, definition)

    def referring_to(self, name: str) -> list[Reference]:
        """Return the facts, of whichever list, that name values of this one."""
        return [
            (one.name, fact)
            for one in self.definitions.values()
            for fact, other in one.references.items()
            if other == name
        ]

    async def hold_settings(self, definition: ListDefinition, uow: UnitOfWork) -> Settings:
        """Return the settings that may name a value of the list, held until the commit.

        Before the value is locked, since whoever changes a setting goes in that order.
        """
        return {}

    async def fill_settings(self, numbers: Mapping[str, int], uow: UnitOfWork) -> None:
        """Give settings that name no value yet the numbers of values just installed."""

    def completed(
        self, definition: ListDefinition, facts: Mapping[str, FactValue]
    ) -> Mapping[str, FactValue]:
        """Return the facts of a value with those that others of them decide where left out."""
        return facts

    async def check(self, proposal: Proposal, others: Sequence[Row[Any]], uow: UnitOfWork) -> None:
        """Refuse how a value is to stand by itself, or beside the others of its list."""

    async def before_change(
        self, proposal: Proposal, settings: Settings, uow: UnitOfWork, *, force: bool
    ) -> None:
        """Refuse what a value is to become for the sake of its holders, or let them follow it.

        With `force`, whom it leaves out is mended.
        """

    async def before_save(self, values: Sequence[Mapping[str, FactValue]], uow: UnitOfWork) -> None:
        """Do what values with these facts need before they are stored."""

    async def check_heir(
        self, definition: ListDefinition, row: Row[Any], heir: Row[Any], uow: UnitOfWork
    ) -> None:
        """Refuse a value to which the holders of another could not all go."""

    async def refuse_other_use(self, row: Row[Any], uow: UnitOfWork) -> None:
        """Refuse to delete a value that anything besides holders and references still uses."""

    async def hand_over(self, row: Row[Any], heir: Row[Any] | None, uow: UnitOfWork) -> None:
        """Give the heir what besides holders goes by a value, or drop it; the value goes next."""

    async def tell_moved(
        self,
        holder: Holder,
        ids: Sequence[UUID],
        heir: Row[Any],
        settings: Settings,
        uow: UnitOfWork,
    ) -> None:
        """Tell of records that hold another value from now on; some at a time."""
