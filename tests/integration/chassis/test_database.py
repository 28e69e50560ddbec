"""Connections of a pool: how the server treats them, and after it has hung up."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.chassis.database import connect
from shared.chassis.testing.servers import Postgres
from shared.chassis.testing.waiting import eventually


async def _nothing(engine: AsyncEngine) -> None:
    return None


async def test_the_first_statement_after_a_server_restart_succeeds(postgres: Postgres) -> None:
    async with postgres.database("empty", _nothing) as url:
        engine = connect(url, name="restarted")
        administrator = create_async_engine(url)
        try:
            async with engine.connect() as connection:
                pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None
            async with administrator.connect() as admin:
                await admin.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await eventually(driver.is_closed)

            async with engine.connect() as connection:
                again = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()

            assert again != pid
        finally:
            await engine.dispose()
            await administrator.dispose()


async def test_no_statement_is_compiled(postgres: Postgres) -> None:
    async with postgres.database("empty", _nothing) as url:
        engine = connect(url, name="uncompiled")
        try:
            async with engine.connect() as connection:
                jit = (await connection.execute(text("SHOW jit"))).scalar_one()
            assert jit == "off"
        finally:
            await engine.dispose()
