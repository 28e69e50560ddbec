"""Schema migrations: one linear history per service, shipped inside its package, run by program."""

from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine

ENVIRONMENT = Path(__file__).parent / "alembic"


def _config(versions: Path, metadata: MetaData, connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ENVIRONMENT))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "os")
    config.attributes["metadata"] = metadata
    config.attributes["connection"] = connection
    return config


async def upgrade(engine: AsyncEngine, versions: Path, metadata: MetaData) -> None:
    """Bring the database to the newest version; processes that race for it wait for each other."""

    def run(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(8433301)"))
        command.upgrade(_config(versions, metadata, connection), "head")

    async with engine.begin() as connection:
        await connection.run_sync(run)


async def is_current(engine: AsyncEngine, versions: Path, metadata: MetaData) -> bool:
    """Tell whether the database has exactly the newest version of the code's schema."""
    heads = set(ScriptDirectory.from_config(_config(versions, metadata)).get_heads())

    def current(connection: Connection) -> set[str]:
        return set(MigrationContext.configure(connection).get_current_heads())

    async with engine.connect() as connection:
        return await connection.run_sync(current) == heads


def differences(connection: Connection, metadata: MetaData) -> Sequence[object]:
    """
    Return how the database differs from the declared tables; empty when they agree.

    Indexes named in `metadata.info["accelerators"]` may be there or not.
    """
    from alembic.autogenerate import compare_metadata

    accelerators = metadata.info.get("accelerators", ())

    def counts(_: object, name: str | None, kind: str, *__: object) -> bool:
        return kind != "index" or name not in accelerators

    found: Sequence[object] = compare_metadata(
        MigrationContext.configure(connection, opts={"include_object": counts}), metadata
    )
    return found


def new_revision(connection: Connection, versions: Path, metadata: MetaData, message: str) -> None:
    """Write a new migration file with what changed in the declared tables, for a person to edit."""
    command.revision(_config(versions, metadata, connection), message=message, autogenerate=True)
