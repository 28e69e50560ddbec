"""Bytes of attachments as files: `aa/bb/<sha256>` below one directory, readable by us alone.

A file is written in `incoming/` of the same volume, forced to the disk, and renamed: under its
checksum there is a whole file or none.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from services.activities.domain.blobs import BlobUnavailable, Received
from shared.chassis.ids import new_id
from shared.chassis.logs import get_logger

INCOMING = "incoming"
PIECE = 1_048_576

log = get_logger(__name__)


class FileBlobStore:
    """A `BlobStore` on a file system; several processes may share its directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / INCOMING

    async def receive(self, parts: AsyncIterator[bytes]) -> Received:
        """Take bytes in as they come, a piece at a time; if they break off, nothing stays."""
        path = self._incoming / str(new_id())
        file = await asyncio.to_thread(self._begin, path)
        digest, size, piece = hashlib.sha256(), 0, bytearray()
        try:
            async for part in parts:
                piece += part
                size += len(part)
                if len(piece) >= PIECE:
                    await asyncio.to_thread(_write, file, digest, bytes(piece))
                    piece.clear()
            await asyncio.to_thread(_finish, file, digest, bytes(piece))
        except BaseException:
            # Not awaited: whoever was cancelled would not come back to it.
            file.close()
            path.unlink(missing_ok=True)
            raise
        return Received(digest.digest(), size, str(path))

    def _begin(self, path: Path) -> BinaryIO:
        # The mode is of the last directory only.
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._incoming.mkdir(mode=0o700, exist_ok=True)
        return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    async def keep(self, received: Received) -> None:
        """Rename what was received to its checksum; the rename is on the disk on return."""
        await asyncio.to_thread(self._keep, Path(received.place), self._path(received.sha256))

    def _keep(self, place: Path, path: Path) -> None:
        outer = path.parent.parent
        for directory in (outer, path.parent):
            directory.mkdir(mode=0o700, exist_ok=True)
        # The same bytes again: one that was damaged is mended, and whoever reads it reads on.
        os.replace(place, path)
        for directory in (path.parent, outer, self._root):
            _force(directory)

    async def discard(self, received: Received) -> None:
        """Remove what was received and not renamed."""
        await asyncio.to_thread(Path(received.place).unlink, missing_ok=True)

    async def open(self, sha256: bytes, size: int) -> "FileBlob":
        """Open a file of this checksum; raise `BlobUnavailable` unless it has this size."""
        return await asyncio.to_thread(self._open, sha256, size)

    def _open(self, sha256: bytes, size: int) -> "FileBlob":
        try:
            file = self._path(sha256).open("rb")
        except FileNotFoundError:
            raise BlobUnavailable(f"{sha256.hex()} is missing") from None
        found = os.fstat(file.fileno()).st_size
        if found != size:
            file.close()
            raise BlobUnavailable(f"{sha256.hex()} has {found} bytes, not {size}")
        return FileBlob(file, sha256)

    async def remove(self, sha256s: Collection[bytes]) -> None:
        """Remove files; their directories stay, at most 65,536."""
        await asyncio.to_thread(self._remove, [self._path(one) for one in sha256s])

    def _remove(self, paths: Collection[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
        for directory in {path.parent for path in paths}:
            with suppress(FileNotFoundError):
                _force(directory)

    async def remove_unfinished(self, before: datetime) -> int:
        """Remove files that a process began before then and did not live to rename."""
        return await asyncio.to_thread(self._remove_unfinished, before.timestamp())

    def _remove_unfinished(self, before: float) -> int:
        removed = 0
        with suppress(FileNotFoundError), os.scandir(self._incoming) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_mtime < before:
                        os.unlink(entry)
                        removed += 1
        return removed

    def _path(self, sha256: bytes) -> Path:
        name = sha256.hex()
        return self._root / name[:2] / name[2:4] / name


class FileBlob:
    """An open file of the store."""

    def __init__(self, file: BinaryIO, sha256: bytes) -> None:
        self._file = file
        self._sha256 = sha256

    async def whole(self) -> AsyncIterator[bytes]:
        """Yield the file a piece at a time, each when the next is read: the last when all hold."""
        digest = hashlib.sha256()
        held = b""
        try:
            while piece := await asyncio.to_thread(_read, self._file, digest):
                if held:
                    yield held
                held = piece
            if digest.digest() != self._sha256:
                log.error("attachment_damaged", sha256=self._sha256.hex())
                raise BlobUnavailable(f"{self._sha256.hex()} has another checksum")
            yield held
        finally:
            self._file.close()

    async def part(self, first: int, last: int) -> AsyncIterator[bytes]:
        """Yield some of the file; its checksum is not looked at."""
        left = last - first + 1
        try:
            self._file.seek(first)
            while left and (piece := await asyncio.to_thread(self._file.read, min(PIECE, left))):
                left -= len(piece)
                yield piece
        finally:
            self._file.close()


def _write(file: BinaryIO, digest: "hashlib._Hash", piece: bytes) -> None:
    digest.update(piece)
    file.write(piece)


def _finish(file: BinaryIO, digest: "hashlib._Hash", piece: bytes) -> None:
    with file:
        _write(file, digest, piece)
        file.flush()
        os.fsync(file.fileno())


def _read(file: BinaryIO, digest: "hashlib._Hash") -> bytes:
    piece = file.read(PIECE)
    digest.update(piece)
    return piece


def _force(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
