"""Files that somebody sends: received, read, and their rows kept."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from shared.chassis.errors import InvalidField, Refusal
from shared.chassis.sheets import Sheet, read_csv
from shared.chassis.workbooks import OLD_OFFICE, ZIP, read_workbook

MAX_FILE = 50 * 1_048_576
MOST_AT_ONCE = 2
BATCH = 5000
_TAB = {"tab": "\t", "\\t": "\t", "": None}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody has sent, and what he says of it."""

    path: Path
    source: str
    name: str
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


class Uploads:
    """The files that a process receives and reads now: few, since each takes memory and time."""

    def __init__(self, too_many: type[Refusal]) -> None:
        self._too_many = too_many
        self._count = 0

    @asynccontextmanager
    async def receive(self, body: AsyncIterable[bytes]) -> AsyncIterator[tuple[Path, bytes]]:
        """Yield where a body lies as a file until the end, and its digest; refuse one too many."""
        if self._count >= MOST_AT_ONCE:
            raise self._too_many(f"{MOST_AT_ONCE} files are being read.")
        descriptor, kept = tempfile.mkstemp(prefix="suhde-import-")
        self._count += 1
        try:
            digest = hashlib.sha256()
            with os.fdopen(descriptor, "wb") as file:
                async for part in body:
                    digest.update(part)
                    file.write(part)
            yield Path(kept), digest.digest()
        finally:
            self._count -= 1
            os.unlink(kept)


def delimiter_of(said: str | None) -> str | None:
    """Return the delimiter that a caller names; a tab can be written in words."""
    return None if said is None else _TAB.get(said, said)


def read_upload(upload: Upload) -> Sheet:
    """Read a file by its content, whatever its name; one that cannot be read is refused."""
    with upload.path.open("rb") as file:
        head = file.read(8)
    if head.startswith(ZIP) or head == OLD_OFFICE:
        return read_workbook(upload.path, sheet=upload.sheet)
    return read_csv(upload.path, encoding=upload.encoding, delimiter=upload.delimiter)


async def keep_rows(
    sheet: Sheet, copy: Callable[[Sequence[tuple[int, list[str]]]], Awaitable[None]]
) -> int:
    """Copy rows of a file with their lines, batch by batch; return how many, refuse if none."""
    count = 0
    while batch := await asyncio.to_thread(lambda: list(islice(sheet.rows, BATCH))):
        await copy(batch)
        count += len(batch)
    if count == 0:
        raise InvalidField("file", "has a header and no rows", "Send a file with rows.")
    return count
