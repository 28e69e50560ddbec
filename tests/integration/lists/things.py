"""A made-up service that sorts things by lists: what a second service needs, and no more."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from sqlalchemy import ARRAY, BigInteger, Column, Connection, Integer, MetaData, Table, text
from sqlalchemy.dialects.postgresql import UUID as UUIDColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.chassis.clock import system_clock
from shared.chassis.database import connect
from shared.chassis.errors import InvalidField
from shared.chassis.http.problems import install_problems
from shared.chassis.messages import Publication
from shared.chassis.tables import NAMING, add_chassis_tables, moment
from shared.chassis.testing.servers import Postgres
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.history.api import Histories, HistoryEntry
from shared.history.migration import keep_history_of
from shared.history.tables import add_history_table
from shared.lists.api import Shapes, lists_routers
from shared.lists.definition import Fact, FactKind, ListDefinition
from shared.lists.events import ListValueRemoved, ListValueSaved
from shared.lists.holders import Holder
from shared.lists.lists import Lists, Proposal, Settings
from shared.lists.profiles_api import profiles_router
from shared.lists.seeds import read_profiles
from shared.lists.tables import add_list_tables

metadata = MetaData(naming_convention=NAMING)
add_chassis_tables(metadata)
add_list_tables(metadata)
add_history_table(metadata)
Table(
    "thing",
    metadata,
    Column("thing_id", UUIDColumn(as_uuid=True), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("classifications", ARRAY(Integer), nullable=False),
    moment("updated_at", nullable=False),
    moment("deleted_at"),
)

DEFINITIONS = {
    one.name: one
    for one in (
        ListDefinition("thing_kind", "thing-kinds", "of what kind a thing is", held_by=("thing",)),
        ListDefinition(
            "thing_category",
            "thing-categories",
            "what is chosen first, and brings its kind",
            held_by=("thing",),
            compulsory=True,
            facts={
                "kind": Fact(FactKind.REFERENCE, "what it brings", list="thing_kind"),
                "other_kind": Fact(FactKind.REFERENCE, "what else", list="thing_kind"),
                "allow_selection": Fact(FactKind.FLAG, "another kind may be chosen"),
                "size": Fact(FactKind.CHOICE, "how large", choices=("s", "l"), preset="l"),
                "default": Fact(FactKind.FLAG, "what a new thing gets"),
            },
        ),
        ListDefinition("thing_target", "thing-targets", "for whom", tree=True),
    )
}
SEEDS = Path(__file__).parent / "seeds"


class ThingLists(Lists):
    """The lists of things: a category that fixes the kind has to name one."""

    def __init__(self) -> None:
        super().__init__(
            DEFINITIONS, [Holder("thing", "things", "thing_id")], path="/v1/thing-lists"
        )
        self.moved: list[UUID] = []

    async def check(self, proposal: Proposal, others: Sequence[Any], uow: UnitOfWork) -> None:
        facts = proposal.facts
        if facts.get("allow_selection") is False and facts.get("size") == "s" and not facts["kind"]:
            raise InvalidField("kind", "is needed", "Name a kind, or allow selection.")

    async def tell_moved(
        self, holder: Holder, ids: Sequence[UUID], heir: Any, settings: Settings, uow: UnitOfWork
    ) -> None:
        self.moved += ids


class ListShown(BaseModel):
    name: str
    path: str
    tree: bool
    held_by_things: bool
    own_tab: bool
    version: int


class UsageShown(BaseModel):
    number: int
    things: int = 0


class DeletionShown(BaseModel):
    archived: bool
    moved_things: int


class EntryShown(HistoryEntry):
    what: Literal["created", "changed", "deleted", "restored"]


@dataclass
class Things:
    """The service: its lists, its units of work, a client of its routes, what it told."""

    lists: ThingLists
    units: UnitOfWorkFactory
    api: httpx.AsyncClient
    engine: AsyncEngine
    told: list[ListValueSaved | ListValueRemoved] = field(default_factory=list)

    async def hold(self, *keys: int, deleted: bool = False) -> UUID:
        """Add a thing that holds values of these keys."""
        thing_id = uuid4()
        async with self.engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO thing (thing_id, version, classifications, updated_at, "
                    "deleted_at) VALUES (:id, 1, CAST(:keys AS int[]), now(), "
                    "CASE WHEN :deleted THEN now() END)"
                ),
                {"id": thing_id, "keys": list(keys), "deleted": deleted},
            )
        return thing_id

    async def key(self, name: str, number: int) -> int:
        """Return by which key things hold a value."""
        async with self.engine.connect() as connection:
            found = await connection.execute(
                text("SELECT key FROM list_value WHERE list = :name AND number = :number"),
                {"name": name, "number": number},
            )
            return int(found.scalar_one())

    async def held(self, thing_id: UUID) -> list[int]:
        """Return the keys that a thing holds."""
        async with self.engine.connect() as connection:
            found = await connection.execute(
                text("SELECT classifications FROM thing WHERE thing_id = :id"), {"id": thing_id}
            )
            return list(found.scalar_one())

    async def add(self, path: str, **body: Any) -> dict[str, Any]:
        """Add a value."""
        answer = await self.api.post(f"/v1/{path}", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def fetch(self, path: str, number: int) -> dict[str, Any]:
        """Fetch a value."""
        return dict((await self.api.get(f"/v1/{path}/{number}")).json())

    async def put(self, path: str, number: int, **body: Any) -> httpx.Response:
        """Change a value as it stands."""
        match = {"If-Match": f'"{(await self.fetch(path, number))["version"]}"'}
        return await self.api.put(f"/v1/{path}/{number}", json=body, headers=match)

    async def delete(self, path: str, number: int, **query: Any) -> httpx.Response:
        """Delete a value as it stands."""
        match = {"If-Match": f'"{(await self.fetch(path, number))["version"]}"'}
        return await self.api.delete(f"/v1/{path}/{number}", params=query, headers=match)


@asynccontextmanager
async def things_on(postgres: Postgres) -> AsyncIterator[Things]:
    """Yield the service on a database of its own."""
    async with postgres.database("things", _build) as url:
        engine = connect(url, name="things", pool_size=5)
        told: list[ListValueSaved | ListValueRemoved] = []

        def translate(event: Any) -> Publication:
            told.append(event)
            return Publication("things.value-saved.v1", f"value/{event.value_id}", b"{}")

        units = UnitOfWorkFactory(engine, system_clock, translate)
        lists = ThingLists()
        app = FastAPI()
        install_problems(app)
        histories = APIRouter(prefix="/v1")
        Histories(units, EntryShown).add_values_of(lists, histories)
        shapes = Shapes(ListShown, UsageShown, DeletionShown)
        profiles = profiles_router(
            units,
            lists,
            read_profiles(SEEDS, DEFINITIONS),
            about="List the profiles.",
            path="/v1/thing-profiles",
        )
        for router in (*lists_routers(lists, shapes, units), histories, profiles):
            app.include_router(router)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://suhde") as api:
            yield Things(lists, units, api, engine, told)
        await engine.dispose()


async def _build(engine: AsyncEngine) -> None:
    def create(connection: Connection) -> None:
        metadata.create_all(connection)
        op = Operations(MigrationContext.configure(connection))
        keep_history_of(op, {"thing": "thing_id", "list_value": "value_id"})

    async with engine.begin() as connection:
        await connection.run_sync(create)
