"""Connections of a pool: how the server treats them, and after it has hung up."""

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.chassis import database
from shared.chassis.database import connect, is_transient
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


async def test_a_statement_planned_for_an_empty_table_does_not_read_the_whole_when_it_has_grown(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with postgres.database("empty", _nothing) as url:
        engine = connect(url, name="planned", pool_size=1)
        find = text("SELECT body FROM grown WHERE seq = ANY(CAST(:seqs AS bigint[]))")
        scans = text("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'grown'")
        try:
            async with engine.begin() as connection:
                await connection.execute(
                    text(
                        "CREATE TABLE grown (seq bigint PRIMARY KEY, body text) "
                        "WITH (autovacuum_enabled = off)"
                    )
                )
                await connection.execute(text("INSERT INTO grown VALUES (0, 'x')"))
                await connection.execute(text("ANALYZE grown"))
            async with engine.connect() as connection:
                # The server keeps one plan for all values when it has made five for some.
                for _ in range(10):
                    await connection.execute(find, {"seqs": [1, 2]})
                await connection.execute(
                    text(
                        "INSERT INTO grown SELECT n, repeat('x', 500) "
                        "FROM generate_series(1, 20000) AS n"
                    )
                )
                await connection.commit()
            monkeypatch.setattr(database, "PLAN_SECONDS", 0.0)

            async with engine.connect() as connection:
                before = (await connection.execute(scans)).scalar_one()
                rows = (await connection.execute(find, {"seqs": [1, 2]})).all()
                after = (await connection.execute(scans)).scalar_one()

            assert len(rows) == 2
            assert after == before
        finally:
            await engine.dispose()


async def test_a_copy_fails_for_what_may_pass_or_for_what_it_holds(postgres: Postgres) -> None:
    async with postgres.database("empty", _nothing) as url:
        engine = connect(url, name="copied")

        async def copied(value: int) -> None:
            async with engine.begin() as connection:
                await connection.execute(text("SET LOCAL lock_timeout = '10ms'"))
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None
                await driver.copy_records_to_table("copied", records=[(value,)])

        try:
            async with engine.begin() as connection:
                await connection.execute(text("CREATE TABLE copied (one int CHECK (one > 0))"))
            with pytest.raises(asyncpg.CheckViolationError) as refused:
                await copied(0)
            async with engine.begin() as connection:
                await connection.execute(text("LOCK TABLE copied"))
                with pytest.raises(asyncpg.LockNotAvailableError) as locked:
                    await copied(1)

            assert is_transient(locked.value)
            assert not is_transient(refused.value)
        finally:
            await engine.dispose()
