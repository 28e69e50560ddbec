"""Files on their way in: few at once, kept while they are read, and gone afterwards."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from hashlib import sha256

import pytest

from shared.chassis.errors import Kind, Refusal
from shared.imports.uploads import MOST_AT_ONCE, Uploads


class TooMany(Refusal):
    kind = Kind.UNAVAILABLE
    slug = "too_many_uploads"
    remedy = "Try again."


async def body(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken() -> AsyncIterator[bytes]:
    yield b"ref,na"
    raise ConnectionError("gone")


async def test_a_body_is_a_file_with_a_digest_until_it_was_read() -> None:
    async with Uploads(TooMany).receive(body(b"ref,", b"name\n")) as (path, digest):
        assert path.read_bytes() == b"ref,name\n"
        assert digest == sha256(b"ref,name\n").digest()
    assert not path.exists()


async def test_one_file_too_many_is_refused_until_another_is_done() -> None:
    uploads = Uploads(TooMany)
    async with AsyncExitStack() as stack:
        for _ in range(MOST_AT_ONCE):
            await stack.enter_async_context(uploads.receive(body(b"x")))
        with pytest.raises(TooMany, match="are being read"):
            await stack.enter_async_context(uploads.receive(body(b"x")))
    async with uploads.receive(body(b"x")) as (path, _):
        assert path.exists()


async def test_whoever_breaks_off_takes_no_place() -> None:
    uploads = Uploads(TooMany)
    for _ in range(MOST_AT_ONCE + 1):
        with pytest.raises(ConnectionError):
            async with uploads.receive(broken()):
                pass
