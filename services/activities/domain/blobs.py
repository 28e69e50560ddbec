"""The port behind which the bytes of attachments are kept, by their checksum."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class BlobUnavailable(Exception):
    """The bytes are missing or are not those that were stored."""


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes that were taken in whole and are durable, but not yet kept; `place` is the store's."""

    sha256: bytes
    size: int
    place: str


class BlobStore(Protocol):
    """Keeps bytes by their checksum, each content once. It never looks inside."""

    async def receive(self, parts: AsyncIterator[bytes]) -> Received:
        """Take bytes in as they come, a few at a time; if they break off, nothing stays."""

    async def keep(self, received: Received) -> None:
        """Keep what was received, in place of the same bytes if they are there; all or nothing."""

    async def discard(self, received: Received) -> None:
        """Forget what was received and not kept; what was kept stays."""

    async def open(self, sha256: bytes, size: int) -> "Blob":
        """Open bytes to be read; raise `BlobUnavailable` unless there are so many of them."""

    async def remove(self, sha256s: Collection[bytes]) -> None:
        """Remove bytes; those that are not there are no matter."""

    async def remove_unfinished(self, before: datetime) -> int:
        """Remove what was begun to be received before then and never kept; return how many."""


class Blob(Protocol):
    """Bytes that are open to be read, once; they stay whole even if they are removed meanwhile."""

    def whole(self) -> AsyncIterator[bytes]:
        """Yield all bytes and close; raise before the last ones if the checksum does not hold."""

    def part(self, first: int, last: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `first` to `last`, both included, and close."""
