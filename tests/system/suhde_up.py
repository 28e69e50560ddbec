"""`suhde up` as an operating-system process in a directory of its own, as somebody types it."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from shared.chassis.testing.waiting import eventually
from tests.system.processes import ROOT, free_port

STOPS_WITHIN = 20.0


@dataclass
class SuhdeUp:
    """A running installation: where it was started, where it listens, what it printed."""

    directory: Path
    port: int
    process: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        return (self.directory / ".suhde/up/api-key").read_text()

    @property
    def printed(self) -> str:
        return (self.directory / "printed").read_text()

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=10
        )

    async def greeted(self) -> None:
        async def is_there() -> bool:
            assert "Ctrl-C stops it" in self.printed, self.printed
            return True

        await eventually(is_there, within=60)

    async def settled(self) -> None:
        """Wait until all that came in was looked at."""
        async with self.client() as client:

            async def nothing_pending() -> bool:
                states = (await client.get("/v1/inboxes/customers")).json()["states"]
                assert states["pending"] == 0, states
                return True

            await eventually(nothing_pending)

    async def press_ctrl_c(self) -> int:
        """Stop it as a person does; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(STOPS_WITHIN):
            return await self.process.wait()


@asynccontextmanager
async def suhde_up() -> AsyncIterator[SuhdeUp]:
    """Start it, wait for the greeting, and leave nothing of it behind."""
    # Not tmp_path: pytest makes that unreachable for the user PostgreSQL runs as.
    directory = Path(tempfile.mkdtemp(prefix="suhde-test-"))
    os.chmod(directory, 0o711)
    port = free_port()
    with (directory / "printed").open("wb") as printed:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "apps.cli.main", "up", "--port", str(port)),
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=printed,
            stderr=printed,
        )
    one = SuhdeUp(directory, port, process)
    try:
        await one.greeted()
        yield one
    finally:
        if process.returncode is None:
            await one.press_ctrl_c()
        shutil.rmtree(directory, ignore_errors=True)
