"""Services as operating-system processes, over a vhost and databases of their own."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from shared.chassis.testing.waiting import eventually

ROOT = Path(__file__).parents[2]
KEY = "a-key-for-tests-of-enough-length"


@dataclass
class ServiceProcess:
    """One service in a process that can be armed to kill itself at a crash point."""

    name: str
    database_url: str
    broker_url: str
    log: Path
    port: int = field(default_factory=lambda: free_port())
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {KEY}"}

    async def start(self, *, crash_point: str | None = None, hit: int = 1) -> None:
        arm = f"arm({crash_point!r}, {hit})" if crash_point else "None"
        program = (
            "from shared.chassis.crash_points import arm;"
            f"from services.{self.name}.main import main;"
            f"{arm}; raise SystemExit(main())"
        )
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                program,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "SUHDE_DATABASE_URL": self.database_url,
                    "SUHDE_BROKER_URL": self.broker_url,
                    "SUHDE_API_KEY": KEY,
                    "SUHDE_LINK_KEY": KEY,
                    "SUHDE_PORT": str(self.port),
                },
            )

    async def ready(self, *, within: float = 90.0) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=6) as client:

            async def is_ready() -> bool:
                assert self.process is not None
                if self.process.returncode is not None:
                    raise ChildProcessError(
                        f"{self.name} ended: {self.log.read_text(errors='replace')[-3000:]}"
                    )
                try:
                    answer = await client.get("/health/ready")
                except httpx.TransportError as error:
                    raise AssertionError(repr(error)) from None
                assert answer.status_code == 200, answer.text
                return True

            await eventually(is_ready, within=within)

    async def killed(self, *, within: float = 90.0) -> None:
        """Wait until the process has died of its crash point."""
        assert self.process is not None
        async with asyncio.timeout(within):
            await self.process.wait()
        assert self.process.returncode == -signal.SIGKILL, self.log.read_text()[-3000:]

    async def stop(self) -> int:
        """Stop as an operator would; return the exit code."""
        if self.process is None or self.process.returncode is not None:
            return 0 if self.process is None else int(self.process.returncode or 0)
        self.process.terminate()
        async with asyncio.timeout(25):
            return await self.process.wait()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@asynccontextmanager
async def stopping(*processes: ServiceProcess) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for process in processes:
            if process.process is not None and process.process.returncode is None:
                process.process.kill()
                await process.process.wait()
