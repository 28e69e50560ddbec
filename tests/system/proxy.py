"""A TCP proxy that can be frozen: connections stay open, but nothing comes through any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import make_url

CHUNK = 65_536


class Proxy:
    """Forwards to the server of a URL, until frozen."""

    def __init__(self, url: str, *, default_port: int) -> None:
        self._url = make_url(url)
        self._port = self._url.port or default_port
        self._flows = asyncio.Event()
        self._flows.set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.url = ""

    def freeze(self) -> None:
        """Take what is sent and forward none of it; new connections are taken, too."""
        self._flows.clear()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(self._url.host, self._port)
        for source, target in ((reader, to_there), (there, writer)):
            pump = asyncio.create_task(self._pump(source, target))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await source.read(CHUNK):
                    await self._flows.wait()
                    target.write(data)
                    await target.drain()
                # A frozen network does not tell that the other side has hung up either.
                await self._flows.wait()
        finally:
            target.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self.connect, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = self._url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        try:
            yield self
        finally:
            server.close()
            for pump in list(self._pumps):
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)
