"""The stream of recipients: it heeds what happens while it is read, and costs little."""

import asyncio
import socket
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.refusals import ConsentNotFresh
from services.mailing.handlers.ban_address import BanAddress, ban_address
from services.mailing.handlers.export_recipients import Export, Format, export_recipients
from services.mailing.persistence import segments
from shared.chassis.http.app import create_app
from shared.chassis.testing.waiting import eventually
from tests.integration.mailing.conftest import KEY
from tests.integration.mailing.rig import HASH_OF, Rig, bans_changed

EVERYBODY = {"name": "Everybody", "rule": {"op": "all", "rules": []}}


async def everybody(rig: Rig, api: httpx.AsyncClient, *, people: int) -> UUID:
    """Fill the projection with contacts numbered in the order of the list; return a segment."""
    await rig.change(
        """
        INSERT INTO contact (contact_id, version, first_name, last_name, email, email_key,
                             hashed_version)
        SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 1, 'Aino', 'Virtanen', mail, mail, 1
        FROM generate_series(1, :people) AS n, format('n%s@example.fi', n) AS mail
        """,
        people=people,
    )
    await rig.change("ANALYZE contact")
    return UUID((await api.post("/v1/segments", json=EVERYBODY)).json()["segment_id"])


async def stream(
    rig: Rig,
    segment: UUID,
    *,
    chunk: int,
    purpose: Purpose = Purpose.MARKETING,
    format: Format = "ndjson",
) -> AsyncIterator[bytes]:
    return await export_recipients(
        Export(segment, Channel.EMAIL, purpose, format),
        rig.service.units,
        limit_seconds=rig.limit_seconds,
        chunk=chunk,
    )


@pytest.mark.requirement("LS-26", "LS-A6")
async def test_a_ban_is_heeded_from_the_next_chunk_on(rig: Rig, api: httpx.AsyncClient) -> None:
    segment = await everybody(rig, api, people=9)
    await rig.refresh()
    parts = await stream(rig, segment, chunk=3)
    told = (await anext(parts)).decode()
    # The whole second chunk, which does not end the list.
    await rig.hear(*[bans_changed(seq, contact=UUID(int=3 + seq)) for seq in (1, 2, 3)])
    async with rig.service.units() as uow:
        await ban_address(BanAddress(Channel.EMAIL, "n8@example.fi", "test"), uow, hash_of=HASH_OF)
    told += "".join([part.decode() async for part in parts])
    assert [n for n in range(1, 10) if f'"n{n}@example.fi"' in told] == [1, 2, 3, 7, 9]


@pytest.mark.requirement("LS-A5")
async def test_the_stream_breaks_off_when_the_news_grows_old(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    segment = await everybody(rig, api, people=9)
    await rig.refresh()
    parts = await stream(rig, segment, chunk=3)
    service = await stream(rig, segment, chunk=3, purpose=Purpose.SERVICE)
    await anext(parts)
    await rig.change("UPDATE consent_position SET confirmed_seq = 1")
    with pytest.raises(ConsentNotFresh):
        await anext(parts)
    assert len(b"".join([part async for part in service]).splitlines()) == 9


@pytest.mark.parametrize("format", ["csv", "ndjson"])
async def test_a_long_list_needs_no_more_memory_than_a_short_one(
    rig: Rig, api: httpx.AsyncClient, format: Format
) -> None:
    async def most(people: int) -> int:
        await rig.change("TRUNCATE contact")
        segment = await everybody(rig, api, people=people)
        parts = await stream(rig, segment, chunk=200, purpose=Purpose.SERVICE, format=format)
        lines = 0
        tracemalloc.start()
        try:
            async for part in parts:
                lines += part.count(b"@example.fi")
            assert lines == people
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    await most(400)
    assert await most(16_000) < 2 * await most(800)


async def test_who_does_not_read_gets_no_more_and_who_leaves_ends_the_work(
    rig: Rig, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = await everybody(rig, api, people=40_000)
    await rig.refresh()
    asked = 0
    recipients = segments.recipients

    async def counted(*args: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        return await recipients(*args, **options)

    monkeypatch.setattr(segments, "recipients", counted)
    app = create_app([rig.service], api_key=SecretStr(KEY), title="mailing", version="0")
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical"))
    with socket.socket() as listening:
        # Small buffers, so that a few chunks fill them.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        listening.bind(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await eventually(lambda: server.started)
            with socket.socket() as leaving:
                leaving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                leaving.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(leaving, listening.getsockname())
                path = f"/v1/segments/{segment}/recipients?channel=email&purpose=service"
                head = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n\r\n"
                await loop.sock_sendall(leaving, head.encode())
                assert await loop.sock_recv(leaving, 15) == b"HTTP/1.1 200 OK"
                (connection,) = server.server_state.connections
                flow = connection.flow  # type: ignore[union-attr]
                await eventually(lambda: flow.write_paused)
                assert asked < 5, "there are 20 chunks; none is to be fetched before its time"
            await eventually(lambda: not server.server_state.tasks)
            assert asked < 6
        finally:
            server.should_exit = True
            await serving
