"""Clients of server-sent events, which may leave, and statements of other processes."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI

from shared.chassis.service import Service

WITHIN = 10.0


class Stream:
    """One client of a stream, which may leave."""

    def __init__(
        self, app: FastAPI, path: str, query: str, key: str, headers: Mapping[str, str]
    ) -> None:
        self._app = app
        self._path = path
        self._query = query
        self._headers = {"authorization": f"Bearer {key}", "host": "suhde", **headers}
        self._left = asyncio.Event()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.task = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "path": self._path,
            "raw_path": self._path.encode(),
            "query_string": self._query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in self._headers.items()],
            "scheme": "http",
            "server": ("suhde", 80),
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await self._left.wait()
            return {"type": "http.disconnect"}

        await self._app(scope, receive, self._said.put)

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN):
            return await self._said.get()

    async def text(self) -> str:
        return bytes((await self.next())["body"]).decode()

    def leave(self) -> None:
        self._left.set()


@asynccontextmanager
async def streaming(
    app: FastAPI, path: str, query: str, *, key: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Stream]:
    """Ask for a stream, and leave it at the end."""
    stream = Stream(app, path, query, key, headers or {})
    try:
        yield stream
    finally:
        stream.leave()
        stream.task.cancel()
        with suppress(asyncio.CancelledError):
            await stream.task


async def elsewhere(service: Service, statement: str) -> None:
    """Run a statement on the service's database in a process of its own."""
    url = service.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    script = (
        "import asyncio, asyncpg, sys\n"
        "async def main():\n"
        "    connection = await asyncpg.connect(sys.argv[1])\n"
        "    await connection.execute(sys.argv[2])\n"
        "    await connection.close()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, url, statement)
    assert await process.wait() == 0
