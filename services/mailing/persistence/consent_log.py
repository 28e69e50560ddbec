"""The consent log: appended to under the lock of its end, read by position, never changed."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.consent_log import Fact, Record, chained, written
from shared.chassis.unit_of_work import UnitOfWork


async def append(uow: UnitOfWork, facts: Sequence[Fact]) -> int:
    """
    Write facts at the end of the log; return the position before the first of them.

    The end stays locked until the commit: take no other lock after this. A message handler says
    `append_last` instead, for others may follow it in its unit.
    """
    if not facts:
        return 0
    head = (await uow.connection.execute(_HEAD)).one()
    records = chained(
        facts, position=head.position, previous=head.hash, at=uow.now, actor=uow.actor
    )
    await uow.connection.execute(
        _APPEND,
        {
            "records": json.dumps(records),
            "position": records[-1]["position"],
            "hash": records[-1]["hash"],
        },
    )
    return int(head.position)


def append_last(uow: UnitOfWork, facts: Sequence[Fact]) -> None:
    """Write facts at the end of the log when all else in this unit is done."""

    async def last() -> None:
        await append(uow, facts)

    if facts:
        uow.do_last(last)


async def page(connection: AsyncConnection, *, after: int, limit: int) -> list[Record]:
    """Return the records that follow a position, in their order."""
    result = await connection.execute(_PAGE, {"after": after, "limit": limit})
    return [_record(row) for row in result]


async def take_check(connection: AsyncConnection, check: str) -> str | None:
    """Hold the end of the log and keep what the secret makes; return what was kept before."""
    before: str | None = (await connection.execute(_CHECK)).scalar_one()
    if before is None:
        await connection.execute(_KEEP_CHECK, {"check": check})
    return before


def _record(row: Row[Any]) -> Record:
    record: Record = dict(row._mapping)
    record["at"] = written(row.at)
    record["ends_at"] = written(row.ends_at) if row.ends_at else None
    return record


_COLUMNS = """position, at, what, channel, key, subject, customers, topic, ends_at, purpose,
              campaign, source, how, actor, text_version, evidence, consent_seq, previous, hash"""
_HEAD = text("SELECT position, hash FROM consent_head WHERE id = 1 FOR UPDATE")
# One statement, so that 500 hand-offs hold the end for one round trip and the commit.
_APPEND = text(
    f"""
    WITH written AS (
        INSERT INTO consent_log ({_COLUMNS})
        SELECT {_COLUMNS} FROM json_to_recordset(CAST(:records AS json)) AS new (
            position bigint, at timestamptz, what text, channel text, key text, subject text,
            customers text[], topic text, ends_at timestamptz, purpose text, campaign text,
            source text, how text, actor text, text_version text, evidence text,
            consent_seq bigint, previous text, hash text))
    UPDATE consent_head SET position = :position, hash = :hash WHERE id = 1
    """
)
_PAGE = text(
    f"SELECT {_COLUMNS} FROM consent_log WHERE position > :after ORDER BY position LIMIT :limit"
)
_CHECK = text("SELECT key_check FROM consent_head WHERE id = 1 FOR UPDATE")
_KEEP_CHECK = text("UPDATE consent_head SET key_check = :check WHERE id = 1")
