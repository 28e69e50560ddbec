"""The embedded PostgreSQL server: it starts from nothing, keeps its data and shares nothing."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from apps.embedded.postgres import (
    AlreadyRunning,
    EmbeddedPostgres,
    PostgresError,
    Unreachable,
    ensure_databases,
    usable_data,
)
from shared.chassis.testing.waiting import eventually

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="concerns root only")


@pytest.fixture
def place() -> Iterator[Path]:
    # Not tmp_path: pytest makes that unreachable for the user the server runs as.
    with tempfile.TemporaryDirectory(prefix="suhde-test-") as name:
        os.chmod(name, 0o711)
        yield Path(name)


async def _connect(base: str, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(f"{base.replace('+asyncpg', '')}/{database}")


async def test_keeps_data_over_a_restart(place: Path) -> None:
    with EmbeddedPostgres(place / "pg") as base:
        assert base.startswith("postgresql+asyncpg://suhde:")
        await ensure_databases(base, ["customers", "mailing"])
        connection = await _connect(base, "customers")
        await connection.execute("CREATE TABLE t (word text)")
        await connection.execute("INSERT INTO t VALUES ('Äijä')")
        await connection.close()
    with EmbeddedPostgres(place / "pg") as base:
        await ensure_databases(base, ["customers", "mailing", "third"])
        connection = await _connect(base, "customers")
        assert await connection.fetchval("SELECT upper(word) FROM t") == "ÄIJÄ"
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert await connection.fetchval("SHOW unix_socket_directories") == ""
        await connection.close()
        await (await _connect(base, "third")).close()


async def test_a_wrong_password_is_refused_and_the_right_one_is_private(place: Path) -> None:
    with EmbeddedPostgres(place / "pg") as base:
        port = base.rpartition(":")[2]
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"postgresql://suhde:wrong@127.0.0.1:{port}/postgres")
    assert stat.S_IMODE((place / "pg" / "password").stat().st_mode) == 0o600
    assert not (place / "pg" / "password.initdb").exists()


def test_a_second_instance_is_refused(place: Path) -> None:
    with EmbeddedPostgres(place / "pg"), pytest.raises(AlreadyRunning, match="already runs"):
        EmbeddedPostgres(place / "pg").start()
    # And no trace of the refused one is left.
    with EmbeddedPostgres(place / "pg"):
        pass


def test_a_pid_file_that_a_crash_left_does_not_prevent_a_start(place: Path) -> None:
    with EmbeddedPostgres(place / "pg"):
        lines = (place / "pg/cluster/postmaster.pid").read_text().splitlines()
    lines[0] = str(os.getpid())
    (place / "pg/cluster/postmaster.pid").write_text("\n".join(lines))
    with EmbeddedPostgres(place / "pg"):
        pass


def test_a_first_start_that_was_cut_short_is_repeated(place: Path) -> None:
    (place / "pg" / "cluster.unfinished" / "base").mkdir(parents=True)
    with EmbeddedPostgres(place / "pg"):
        pass
    assert not (place / "pg" / "cluster.unfinished").exists()


def test_the_error_shows_the_log(place: Path) -> None:
    with EmbeddedPostgres(place / "pg"):
        pass
    (place / "pg/cluster/PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresError, match="incompatible"):
        EmbeddedPostgres(place / "pg").start()


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
async def test_the_server_dies_with_a_killed_parent(place: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path;"
        "from apps.embedded.postgres import EmbeddedPostgres;"
        "print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True); time.sleep(60)"
    )
    # It is started and left alone: nothing here waits for it in the loop.
    parent = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", code, str(place / "pg")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline().startswith("postgresql+asyncpg://")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    pid_file = place / "pg" / "cluster" / "postmaster.pid"
    await eventually(lambda: not pid_file.exists())


async def test_a_bad_database_name_is_refused(place: Path) -> None:
    with EmbeddedPostgres(place / "pg") as base:
        with pytest.raises(ValueError, match="not a database name"):
            await ensure_databases(base, ['x"; DROP DATABASE postgres; --'])
        # Two processes may want the same one at the same time.
        await asyncio.gather(*(ensure_databases(base, ["same"]) for _ in range(3)))


@as_root
def test_root_is_told_that_a_private_directory_cannot_be_used(place: Path) -> None:
    home = place / "home"
    home.mkdir(mode=0o700)
    with pytest.raises(Unreachable, match="choose a data directory"):
        EmbeddedPostgres(home / "pg").start()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert usable_data(home / "pg").is_relative_to("/var/lib/suhde")
    assert usable_data(place / "pg") == place / "pg"
