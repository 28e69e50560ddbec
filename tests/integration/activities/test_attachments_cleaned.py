"""Bytes that nothing refers to are removed, and no others: after crashes, and in races."""

import asyncio
import hashlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from services.activities.domain.attachments import AttachmentKind
from services.activities.handlers.clean_attachments import AttachmentCleaner
from services.activities.handlers.keep_attachments import Attach, announce, attach
from services.activities.messaging.publications import translate
from services.activities.persistence.attachments import announce_blob, remove_deleted
from services.activities.persistence.blob_store import INCOMING, FileBlobStore
from shared.chassis.service import Service
from shared.chassis.testing.waiting import eventually
from shared.chassis.unit_of_work import UnitOfWorkFactory
from tests.integration.activities.attaching import attached, files
from tests.system.processes import KEY, ROOT, free_port

RETENTION = timedelta(days=30)


def cleaner(service: Service, store: Path, *, later: timedelta) -> AttachmentCleaner:
    """Return who cleans as if so much time had passed."""
    units = UnitOfWorkFactory(service.engine, lambda: datetime.now(UTC) + later, translate)
    return AttachmentCleaner(units, FileBlobStore(store), retention=RETENTION)


async def blobs(service: Service) -> int:
    async with service.engine.connect() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM blob"))).scalar_one())


@pytest.mark.requirement("LE-03")
async def test_deleted_attachments_go_after_the_retention(
    api: httpx.AsyncClient,
    activities: Service,
    activity: str,
    store: Path,
) -> None:
    one, other = [await attached(api, activity, b"same", name) for name in ("a.pdf", "b.pdf")]

    async def delete(body: dict[str, Any]) -> None:
        path = f"{activity}/attachments/{body['attachment_id']}"
        assert (await api.delete(path, headers={"If-Match": '"1"'})).status_code == 200

    await delete(one)
    await cleaner(activities, store, later=timedelta(days=31)).clean()
    assert (await api.get(other["content"])).content == b"same", "another refers to the same bytes"
    gone = (await api.get(f"{activity}/attachments", params={"deleted": True})).json()
    assert gone["items"] == []

    await delete(other)
    await cleaner(activities, store, later=timedelta(days=29)).clean()
    assert len(files(store)) == 1
    await cleaner(activities, store, later=timedelta(days=31)).clean()
    assert (files(store), await blobs(activities)) == ([], 0)

    again = await attached(api, activity, b"same")
    assert (await api.get(again["content"])).content == b"same"


async def test_bytes_go_if_the_attachment_is_not_committed(
    activities: Service,
    activity: str,
    store: Path,
) -> None:
    volume = FileBlobStore(store)

    async def once() -> Any:
        yield b"lost"

    received = await volume.receive(once())
    async with activities.units() as unit:
        await announce(received, unit)
    command = Attach(UUID(activity[-36:]), AttachmentKind.MEMO, "a.txt", "text/plain")
    with pytest.raises(RuntimeError):
        async with activities.units() as unit:
            await attach(command, received, volume, unit)
            raise RuntimeError
    assert len(files(store)) == 1
    await cleaner(activities, store, later=timedelta(minutes=59)).clean()
    assert len(files(store)) == 1, "somebody may be about to attach them"
    await cleaner(activities, store, later=timedelta(minutes=61)).clean()
    assert (files(store), await blobs(activities)) == ([], 0)


async def test_an_upload_that_nobody_finished_goes(activities: Service, store: Path) -> None:
    volume = FileBlobStore(store)

    async def once() -> Any:
        yield b"begun"

    received = await volume.receive(once())
    await cleaner(activities, store, later=timedelta(minutes=59)).clean()
    assert files(store) == [Path(received.place).name]
    await cleaner(activities, store, later=timedelta(minutes=61)).clean()
    assert files(store) == []


@pytest.mark.parametrize("point", ["attachment.kept", "unit.before-commit"])
@pytest.mark.requirement("LE-03")
async def test_a_kill_between_bytes_and_row_leaves_nothing_for_good(
    api: httpx.AsyncClient,
    activities: Service,
    activity: str,
    store: Path,
    tmp_path: Path,
    point: str,
) -> None:
    port = free_port()
    # The first unit announces the bytes, the second one attaches them.
    program = (
        "from shared.chassis.crash_points import arm;"
        "from services.activities.bootstrap import build;"
        "from services.activities.settings import Settings;"
        "from shared.chassis.bus.in_process import InProcessBus;"
        "from shared.chassis.http.app import create_app;"
        "import uvicorn; settings = Settings.read();"
        "app = create_app([build(settings, InProcessBus())], api_key=settings.api_key,"
        " title='x', version='0');"
        f"arm({point!r}, {2 if point.startswith('unit') else 1});"
        f"uvicorn.run(app, port={port}, lifespan='off')"
    )
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                "SUHDE_DATABASE_URL": activities.engine.url.render_as_string(False),
                "SUHDE_BROKER_URL": "amqp://unused",
                "SUHDE_API_KEY": KEY,
                "SUHDE_ATTACHMENTS_PATH": str(store),
            },
        )
    try:
        transport = httpx.AsyncHTTPTransport(retries=6)
        async with httpx.AsyncClient(transport=transport, timeout=20) as client:
            with pytest.raises(httpx.TransportError):
                await client.post(
                    f"http://127.0.0.1:{port}{activity}/attachments",
                    params={"name": "a.pdf"},
                    content=b"lost",
                    headers={"Authorization": f"Bearer {KEY}"},
                )
        async with asyncio.timeout(20):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == -signal.SIGKILL, (tmp_path / "log").read_text()
    assert len(files(store)) == 1, "the bytes were there already"
    assert (await api.get(f"{activity}/attachments")).json()["items"] == []

    await cleaner(activities, store, later=timedelta(hours=2)).clean()
    assert (files(store), await blobs(activities)) == ([], 0)
    again = await attached(api, activity, b"lost")
    assert (await api.get(again["content"])).content == b"lost"


async def test_bytes_are_kept_by_who_refers_to_them_whatever_was_announced(
    api: httpx.AsyncClient,
    activities: Service,
    activity: str,
    store: Path,
) -> None:
    body = await attached(api, activity)
    async with activities.units() as unit:
        await announce_blob(
            unit.connection,
            bytes.fromhex(body["sha256"]),
            body["size"],
            now=unit.now,
            expires_at=unit.now,
        )
    await cleaner(activities, store, later=timedelta(hours=2)).clean()
    assert (await api.get(body["content"])).content == b"%PDF"


async def expired(service: Service, content: bytes) -> None:
    """Announce bytes whose time is over, and that nothing refers to."""
    async with service.units() as unit:
        await announce_blob(
            unit.connection,
            hashlib.sha256(content).digest(),
            len(content),
            now=unit.now,
            expires_at=unit.now,
        )


async def test_cleaning_passes_over_what_is_being_attached(
    api: httpx.AsyncClient, activities: Service, activity: str, store: Path
) -> None:
    volume = FileBlobStore(store)
    command = Attach(UUID(activity[-36:]), AttachmentKind.MEMO, "a.txt", "text/plain")

    async def once() -> AsyncIterator[bytes]:
        yield b"same"

    received = await volume.receive(once())
    await expired(activities, b"same")
    async with activities.units() as unit:
        await attach(command, received, volume, unit)
        async with asyncio.timeout(4):
            await cleaner(activities, store, later=timedelta(hours=2)).clean()
    await cleaner(activities, store, later=timedelta(hours=2)).clean()
    (shown,) = (await api.get(f"{activity}/attachments")).json()["items"]
    assert (await api.get(shown["content"])).content == b"same"


class HaltedStore(FileBlobStore):
    """Halts before it removes files, until it is told to go on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.halted, self.go_on = asyncio.Event(), asyncio.Event()

    async def remove(self, sha256s: Collection[bytes]) -> None:
        """Remove files when told to."""
        self.halted.set()
        await self.go_on.wait()
        await super().remove(sha256s)


async def test_an_upload_waits_for_the_removal_of_the_same_content(
    api: httpx.AsyncClient, activities: Service, activity: str, store: Path
) -> None:
    await expired(activities, b"same")
    volume = HaltedStore(store)
    cleaning = asyncio.create_task(
        AttachmentCleaner(activities.units, volume, retention=RETENTION).clean()
    )
    async with asyncio.timeout(10):
        await volume.halted.wait()
    upload = asyncio.create_task(attached(api, activity, b"same"))

    async def is_done_or_waits() -> bool:
        async with activities.engine.connect() as connection:
            waits = await connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                    "AND datname = current_database()"
                )
            )
            return upload.done() or bool(waits.scalar_one())

    await eventually(is_done_or_waits)
    volume.go_on.set()
    async with asyncio.timeout(10):
        await cleaning
        body = await upload
    answer = await api.get(body["content"])
    assert (answer.status_code, answer.content) == (200, b"same")


@pytest.mark.requirement("LE-03")
async def test_the_same_content_uploaded_deleted_and_cleaned_at_once(
    api: httpx.AsyncClient,
    activities: Service,
    activity: str,
    store: Path,
) -> None:
    chance = random.Random(7)
    contents = [b"one", b"two"]
    path = f"{activity}/attachments"
    sweep = cleaner(activities, store, later=timedelta())
    made: asyncio.Queue[str | None] = asyncio.Queue()
    uploads_done = asyncio.Event()

    async def upload() -> None:
        for number in range(25):
            content = chance.choice(contents)
            answer = await api.post(path, params={"name": f"{number}.txt"}, content=content)
            # The last attachment with this content was just being removed: asked to try again.
            assert answer.status_code in (201, 503), answer.text
            if answer.status_code == 201:
                made.put_nowait(answer.json()["attachment_id"])

    async def delete() -> None:
        while attachment_id := await made.get():
            one = f"{path}/{attachment_id}"
            answer = await api.delete(one, headers={"If-Match": '"1"'})
            assert answer.status_code == 200, answer.text
            if not chance.randrange(4):
                await api.post(f"{one}/restore", headers={"If-Match": '"2"'})

    async def clean() -> None:
        while not uploads_done.is_set():
            async with activities.units() as unit:
                # As if their retention were over at once.
                await remove_deleted(unit.connection, before=unit.now, now=unit.now, limit=3)
            await sweep.clean()

    work = [asyncio.create_task(one()) for one in (clean, clean, delete)]
    await asyncio.gather(upload(), upload(), upload())
    made.put_nowait(None)
    uploads_done.set()
    await asyncio.gather(*work)
    await attached(api, activity, b"one", "last.txt")
    await sweep.clean()

    shown = (await api.get(path, params={"limit": 500})).json()["items"]
    for one in shown:
        answer = await api.get(one["content"])
        assert answer.status_code == 200, answer.text
        assert answer.content in contents
    deleted = (await api.get(path, params={"limit": 500, "deleted": True})).json()["items"]
    referred = {one["sha256"] for one in (*shown, *deleted)}
    assert files(store) == sorted(referred)
    assert await blobs(activities) == len(referred)
    assert not list((store / INCOMING).iterdir())
