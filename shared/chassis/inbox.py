"""The inbox: every message is stored before it is acknowledged, and worked on afterwards.

Storing looks at size and envelope only. What cannot be read is stored too, parked with the reason,
so that nothing vanishes. `source` and `id` identify a message: the same message again is absorbed,
in whatever form; the same identity with other content is parked beside the first and alarmed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic_core import from_json
from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.chassis.clock import Clock
from shared.chassis.crash_points import crash_point
from shared.chassis.logs import get_logger
from shared.chassis.messages import Incoming, ReadData

MAX_MESSAGE = 1_048_576
KEPT_OF_TOO_LARGE = 4_096
MAX_HEADERS = 16_384

ENTRANCE = "suhde-entrance"
"""Header in which an entrance says where a message came in; the sender cannot set it."""

log = get_logger(__name__)


class Stored(Enum):
    """What became of one message at the door."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    PARKED = "parked"


class UnreadableMessage(ValueError):
    """The message has no envelope that can be read; carries a stable reason and a remedy."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Label:
    """What a message says about itself on the outside."""

    source: str
    message_id: str
    type: str
    subject: str | None
    time: datetime | None
    structured: bool


ReadLabel = Callable[[bytes, Mapping[str, Any]], Label]
"""Read a label from body and headers; raise `UnreadableMessage` where there is none."""

BodyHash = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class _Row:
    source: str
    message_id: str
    type: str
    ordering_key: str | None
    time: datetime | None
    structured: bool
    body: bytes
    body_hash: bytes
    headers: str
    reason: str | None = None
    detail: str | None = None


class Inbox:
    """One service's inbox: takes messages in, safely, and wakes the worker."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        *,
        read_label: ReadLabel,
        read_data: ReadData,
        body_hash: BodyHash,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._read_label = read_label
        self._read_data = read_data
        self._body_hash = body_hash
        self._wakes: list[Callable[[], None]] = []

    def when_stored(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit that brought new messages."""
        self._wakes.append(wake)

    async def store(self, messages: Sequence[Incoming]) -> list[Stored]:
        """
        Store messages in one transaction and return what became of each, in order.

        When this returns they are safe and may be acknowledged; when it raises, none is stored.
        """
        rows = [self._row(message) for message in messages]
        crash_point("inbox.received")
        async with self._engine.begin() as connection:
            fates = await self._insert(connection, rows)
            crash_point("inbox.before-commit")
        crash_point("inbox.committed")
        for wake in self._wakes:
            wake()
        return fates

    def _row(self, message: Incoming) -> _Row:
        body = message.body
        size = len(body)
        hash_ = self._body_hash(body)
        headers = _headers_json(message.headers)
        if size > MAX_MESSAGE:
            return _unreadable(
                body[:KEPT_OF_TOO_LARGE],
                hash_,
                headers,
                "message_too_large",
                f"body: {size} bytes, more than {MAX_MESSAGE}; its first {KEPT_OF_TOO_LARGE} bytes "
                "are kept. Send fewer lines per document, or split the message.",
            )
        try:
            label = self._read_label(body, message.headers)
        except UnreadableMessage as error:
            return _unreadable(body, hash_, headers, error.reason, error.detail)
        return _Row(
            source=label.source,
            message_id=label.message_id,
            type=label.type,
            ordering_key=f"{label.source} {label.subject}" if label.subject else None,
            time=label.time,
            structured=label.structured,
            body=body,
            body_hash=hash_,
            headers=headers,
        )

    async def _insert(self, connection: AsyncConnection, rows: Sequence[_Row]) -> list[Stored]:
        now = self._clock()
        inserted = await _insert_rows(connection, rows, now)
        fates: list[Stored] = []
        repeated: list[tuple[int, _Row]] = []
        for place, row in enumerate(rows):
            if (row.source, row.message_id) in inserted:
                inserted.remove((row.source, row.message_id))
                fates.append(Stored.PARKED if row.reason else Stored.ACCEPTED)
            else:
                fates.append(Stored.DUPLICATE)
                repeated.append((place, row))
        if repeated:
            firsts = await _firsts(connection, [row for _, row in repeated])
            impostors = [
                (place, row)
                for (place, row), first in zip(repeated, firsts, strict=True)
                if not self._is_same(row, first)
            ]
            if impostors:
                await _insert_rows(connection, [_impostor(row) for _, row in impostors], now)
                for place, row in impostors:
                    fates[place] = Stored.PARKED
                    log.error("message_id_reused", source=row.source, message_id=row.message_id)
        return fates

    def _is_same(self, row: _Row, first: Row[Any]) -> bool:
        """Tell whether a message says what the first one of its identity has said."""
        if row.type != first.type:
            return False
        # Bytes are all that most duplicates need. An ERP may send an event again in an array, in
        # the other mode or freshly serialised: then the data decides.
        return first.other_body is None or self._content(row.body, row.structured) == self._content(
            first.other_body, first.structured
        )

    def _content(self, body: bytes, structured: bool) -> str | bytes:
        try:
            return json.dumps(from_json(self._read_data(body, structured)), sort_keys=True)
        except ValueError:
            return body


def _unreadable(body: bytes, hash_: bytes, headers: str, reason: str, detail: str) -> _Row:
    # Without a readable identity the content is the identity, so that a redelivery is absorbed.
    return _Row(
        source="unreadable",
        message_id=hash_.hex(),
        type="unreadable",
        ordering_key=None,
        time=None,
        structured=True,
        body=body,
        body_hash=hash_,
        headers=headers,
        reason=reason,
        detail=detail,
    )


def _impostor(row: _Row) -> _Row:
    return _Row(
        source=row.source,
        message_id=f"{row.message_id}~{row.body_hash.hex()}",
        type=row.type,
        ordering_key=None,
        time=row.time,
        structured=row.structured,
        body=row.body,
        body_hash=row.body_hash,
        headers=row.headers,
        reason="message_id_reused",
        detail=f"id: {row.message_id!r} came before from the same source with other content. "
        "Give every message an id of its own; the first one holds.",
    )


def _headers_json(headers: Mapping[str, Any]) -> str:
    written = json.dumps(dict(headers), default=_text)
    if len(written) > MAX_HEADERS or "\\u0000" in written:
        return '{"dropped": "headers too large or not storable"}'
    return written


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


async def _insert_rows(
    connection: AsyncConnection, rows: Sequence[_Row], now: datetime
) -> set[tuple[str, str]]:
    result = await connection.execute(
        _INSERT,
        {
            "sources": [row.source for row in rows],
            "ids": [row.message_id for row in rows],
            "types": [row.type for row in rows],
            "ordering_keys": [row.ordering_key for row in rows],
            "times": [row.time for row in rows],
            "structured": [row.structured for row in rows],
            "bodies": [row.body for row in rows],
            "hashes": [row.body_hash for row in rows],
            "headers": [row.headers for row in rows],
            "reasons": [row.reason for row in rows],
            "details": [row.detail for row in rows],
            "now": now,
        },
    )
    return {(source, message_id) for source, message_id in result}


async def _firsts(connection: AsyncConnection, rows: Sequence[_Row]) -> Sequence[Row[Any]]:
    """Return for each row what is stored under its identity; the body only where it differs."""
    result = await connection.execute(
        _FIRSTS,
        {
            "sources": [row.source for row in rows],
            "ids": [row.message_id for row in rows],
            "hashes": [row.body_hash for row in rows],
        },
    )
    return result.all()


# Numbered in order of arrival, but inserted in order of identity: two batches that hold the same
# messages in another order would lock each other out.
_INSERT = text(
    """
    INSERT INTO inbox (seq, source, message_id, type, ordering_key, time, structured, body,
                       body_hash, headers, state, reason, detail, received_at, available_at)
    OVERRIDING SYSTEM VALUE
    SELECT seq, source, message_id, type, ordering_key, time, structured, body, body_hash,
           CAST(headers AS jsonb), CASE WHEN reason IS NULL THEN 'pending' ELSE 'parked' END,
           reason, detail, :now, :now
    FROM (
        SELECT nextval('inbox_seq_seq') AS seq, row.*
        FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[]), CAST(:types AS text[]),
                    CAST(:ordering_keys AS text[]), CAST(:times AS timestamptz[]),
                    CAST(:structured AS boolean[]), CAST(:bodies AS bytea[]),
                    CAST(:hashes AS bytea[]), CAST(:headers AS text[]), CAST(:reasons AS text[]),
                    CAST(:details AS text[]))
             WITH ORDINALITY AS row (source, message_id, type, ordering_key, time, structured, body,
                                     body_hash, headers, reason, detail, place)
        ORDER BY place
    ) AS arrived
    ORDER BY source, message_id, seq
    ON CONFLICT (source, message_id) DO NOTHING
    RETURNING source, message_id
    """
)
_FIRSTS = text(
    """
    SELECT first.type, first.structured,
           CASE WHEN first.body_hash <> again.body_hash THEN first.body END AS other_body
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[]), CAST(:hashes AS bytea[]))
         WITH ORDINALITY AS again (source, message_id, body_hash, place)
    LEFT JOIN inbox AS first USING (source, message_id)
    ORDER BY place
    """
)
