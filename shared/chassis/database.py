"""One service's PostgreSQL database: a pool in which every wait has a deadline."""

import asyncio
from time import monotonic
from typing import Any

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 20.0
LOCK_SECONDS = 5.0
PLAN_SECONDS = 1.0

# Deadlock, serialisation, lock timeout, out of resources, connection and shutdown: the work was
# undone and may succeed when it is done again; nothing is wrong with the message that met it.
_LOCK_NOT_AVAILABLE = "55P03"
_TRANSIENT_STATES = ("40001", "40P01", _LOCK_NOT_AVAILABLE)
_TRANSIENT_CLASSES = ("08", "53", "57P")


def connect(
    url: str, *, name: str, pool_size: int = 8, command_seconds: float = COMMAND_SECONDS
) -> AsyncEngine:
    """Return an engine on `url` whose every connect, checkout, statement and lock wait is bounded.

    `name` shows in `pg_stat_activity`. No connection is opened yet.
    """
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        pool_recycle=1800,
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": command_seconds,
            "server_settings": {
                "application_name": name,
                # Later than our own deadline, which is the one that counts as nobody's fault.
                "statement_timeout": str(int(command_seconds * 1500)),
                "lock_timeout": str(int(LOCK_SECONDS * 1000)),
                "idle_in_transaction_session_timeout": "30000",
                # Compiling costs more than it saves in statements as short as ours: a count over
                # 100,000 contacts took 2.2 s with it and 0.8 s without.
                "jit": "off",
                "timezone": "UTC",
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "checkout", _forget_old_plans)
    return engine


def _refuse_closed(connection: Any, record: object, proxy: object) -> None:
    # The driver knows when the server has hung up. Asking the server at each checkout instead would
    # be one more round trip for every batch.
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed this connection")


def _forget_old_plans(connection: Any, record: Any, proxy: object) -> None:
    # The server keeps the plan of a statement until the statistics of its tables change, which
    # takes minutes. One made while an inbox was empty would read the whole inbox at each batch.
    # Planning each statement anew is no way out: that goes for every check of a foreign key too.
    now = monotonic()
    if now - record.info.setdefault("planned_at", now) < PLAN_SECONDS:
        return
    record.info["planned_at"] = now
    try:
        connection.run_async(lambda driver: driver.execute("DISCARD PLANS"))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise DisconnectionError("the server does not answer on this connection") from error


def is_transient(error: BaseException) -> bool:
    """Tell whether doing the whole unit again may succeed without anybody changing anything."""
    if isinstance(error, PoolTimeout | TimeoutError | OSError | asyncpg.InterfaceError):
        return True
    if isinstance(error, asyncpg.PostgresError):
        # Of a COPY, which the driver does by itself.
        return _passes(error.sqlstate)
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    state = getattr(error.orig, "sqlstate", None) or ""
    return _passes(state) if state else isinstance(error, OperationalError)


def _passes(state: str | None) -> bool:
    return state is not None and (
        state in _TRANSIENT_STATES or state.startswith(_TRANSIENT_CLASSES)
    )


def is_lock_timeout(error: DBAPIError) -> bool:
    """Tell whether a statement waited for a lock as long as it may (`lock_timeout`)."""
    return getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE


async def is_writable(engine: AsyncEngine, *, within: float = 2.0) -> bool:
    """Tell whether the database accepts writes right now: a replica or a frozen server does not."""
    try:
        async with asyncio.timeout(within), engine.connect() as connection:
            await connection.execute(text("CREATE TEMPORARY TABLE IF NOT EXISTS probe (one int)"))
            await connection.execute(text("INSERT INTO probe VALUES (1)"))
            await connection.rollback()
            return True
    except (DBAPIError, PoolTimeout, TimeoutError, OSError, asyncpg.InterfaceError):
        return False
