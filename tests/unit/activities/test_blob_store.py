"""Bytes go through the store in pieces, however many there are."""

import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.activities.persistence.blob_store import INCOMING, PIECE, FileBlobStore

MANY = 32


@pytest.mark.requirement("LE-03")
async def test_memory_is_bounded_in_and_out(tmp_path: Path) -> None:
    store = FileBlobStore(tmp_path / "attachments")

    async def parts() -> AsyncIterator[bytes]:
        for number in range(MANY * 16):
            yield bytes([number % 256]) * (PIECE // 16)

    tracemalloc.start()
    received = await store.receive(parts())
    await store.keep(received)
    digest = hashlib.sha256()
    async for piece in (await store.open(received.sha256, received.size)).whole():
        digest.update(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert received.size == MANY * PIECE
    assert digest.digest() == received.sha256
    assert peak < 6 * PIECE


async def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    store = FileBlobStore(tmp_path)

    async def broken() -> AsyncIterator[bytes]:
        yield b"\x00" * 2 * PIECE
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await store.receive(broken())
    assert list((tmp_path / INCOMING).iterdir()) == []
