"""Servers for the whole run, and the account of what could not run for want of one."""

import importlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.chassis.testing.servers import NoServer, Postgres, find_postgres, find_rabbitmq

_not_run: list[str] = []


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[Postgres]:
    """A PostgreSQL server; the run cannot go without one."""
    started: list[Any] = []

    def embedded() -> str:
        module = importlib.import_module("apps.embedded.postgres")
        home = Path(tempfile.mkdtemp(prefix="suhde-test-"))
        # Run as root, PostgreSQL runs as another user, who must be let through.
        home.chmod(0o711)
        server = module.EmbeddedPostgres(home / "postgres")
        url: str = server.start()
        started.append((server, home))
        return url

    try:
        server = await find_postgres(embedded)
    except (NoServer, ModuleNotFoundError) as error:
        pytest.exit(f"no PostgreSQL to test with: {error}", returncode=3)
    try:
        yield server
    finally:
        await server.close()
        for one, home in started:
            one.stop()
            shutil.rmtree(home)


@pytest.fixture(scope="session")
async def rabbit_url() -> AsyncIterator[str]:
    """The URL of a vhost of this run's own; skips what asks for it where there is no broker."""
    try:
        server = await find_rabbitmq()
    except NoServer as error:
        pytest.skip(f"needs RabbitMQ: {error}")
    async with server.vhost() as url:
        yield url


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and "rabbitmq" in report.keywords:
        _not_run.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    # The workers of a parallel run tell the one that started them, who decides.
    is_worker = hasattr(session.config, "workerinput")
    if _not_run and _in_ci() and not is_worker and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not _not_run:
        return
    verdict = "an error in CI" if _in_ci() else "they count as not proven"
    terminalreporter.section(f"{len(_not_run)} broker tests NOT RUN: {verdict}")
    for name in _not_run:
        terminalreporter.write_line(f"not run: {name}")
