"""List the recipients of a segment as a stream: chunk by chunk, each asked of the gate anew."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.engine import Row

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.gate import refuses_channel
from services.mailing.domain.refusals import channel_refusal
from services.mailing.handlers.evaluate_rule import find_segment, members_of
from services.mailing.persistence import segments
from services.mailing.persistence.gate import read_consent
from shared.chassis.spreadsheet import csv_lines
from shared.chassis.unit_of_work import UnitOfWorkFactory

CHUNK = 10_000

Format = Literal["csv", "ndjson"]

_PERSON = ("contact_id", "first_name", "last_name", "language")
_COLUMNS = {
    Channel.EMAIL: (*_PERSON, "email"),
    Channel.SMS: (*_PERSON, "mobile"),
    Channel.POST: (*_PERSON, "street", "postal_code", "city", "country"),
    Channel.CALL: (*_PERSON, "mobile", "phone"),
}


@dataclass(frozen=True, slots=True)
class Export:
    """Whom to list, and how."""

    segment_id: UUID
    channel: Channel
    purpose: Purpose
    format: Format


async def export_recipients(
    command: Export, units: UnitOfWorkFactory, *, limit_seconds: float, chunk: int = CHUNK
) -> AsyncIterator[bytes]:
    """
    Return the stream of recipients; refusals come before the stream, as errors.

    No transaction stays open while the reader reads. A ban that comes meanwhile, or a change of
    what the rule asks about, is heeded from the next chunk on, and when the consent news grows too
    old the stream breaks off.
    """
    first = await _chunk(command, units, None, limit_seconds, chunk)

    async def stream() -> AsyncIterator[bytes]:
        rows = first
        if command.format == "csv":
            yield csv_lines([_COLUMNS[command.channel]])
        while rows:
            yield _written(command, rows)
            if len(rows) < chunk:
                return
            after = rows[-1].contact_id
            rows = await _chunk(command, units, after, limit_seconds, chunk)

    return stream()


async def _chunk(
    command: Export,
    units: UnitOfWorkFactory,
    after: UUID | None,
    limit_seconds: float,
    chunk: int,
) -> Sequence[Row[Any]]:
    async with units.engine.connect() as connection:
        consent = await read_consent(connection, limit_seconds=limit_seconds)
        refused = refuses_channel(command.channel, command.purpose, consent)
        if refused is not None:
            raise channel_refusal(refused)
        # Anew for each chunk: the set that a reader began with may have been replaced since.
        segment = await find_segment(command.segment_id, connection)
        return await segments.recipients(
            connection,
            await members_of(segment, connection),
            command.channel,
            after=after,
            limit=chunk,
            now=units.clock(),
        )


def _written(command: Export, rows: Sequence[Row[Any]]) -> bytes:
    columns = _COLUMNS[command.channel]
    heeded = command.purpose is Purpose.MARKETING
    values_of = attrgetter(*columns)
    values = [
        ["" if value is None else str(value) for value in values_of(row)]
        for row in rows
        if not (heeded and row.banned)
    ]
    if command.format == "csv":
        return csv_lines(values)
    lines = (
        json.dumps(dict(zip(columns, line, strict=True)), ensure_ascii=False) for line in values
    )
    return "".join(f"{line}\n" for line in lines).encode()
