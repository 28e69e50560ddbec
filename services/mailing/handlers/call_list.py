"""Give the call list of a segment: whom to telephone, by customer (VF-32, VF-35)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Purpose
from services.mailing.handlers.evaluate_rule import (
    UnknownValue,
    find_segment,
    members_of,
    refuse_not_told,
    unknown_values,
)
from services.mailing.persistence.call_list import After, CallPage, call_page
from shared.chassis.logs import get_logger
from shared.chassis.spreadsheet import csv_lines
from shared.chassis.unit_of_work import UnitOfWorkFactory

CHUNK = 10_000
COLUMNS = (
    "phone", "first_name", "last_name", "role", "customer_name", "customer_number", "contact_id",
    "customer_id", "also",
)  # fmt: skip

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallList:
    """One page of a call list, and the values that the rule names in vain."""

    page: CallPage
    unknown: list[UnknownValue]


async def show_call_list(
    segment_id: UUID,
    purpose: Purpose,
    units: UnitOfWorkFactory,
    *,
    after: After | None,
    limit: int,
) -> CallList:
    """Return one page; the purpose is kept in the log with the segment."""
    async with units.engine.connect() as connection:
        segment = await find_segment(segment_id, connection)
        page = await _page(segment_id, purpose, units.clock(), connection, after=after, limit=limit)
        (unknown,) = await unknown_values([segment.rule], connection)
    _log(segment_id, purpose, page)
    return CallList(page, unknown)


async def export_call_list(
    segment_id: UUID, purpose: Purpose, units: UnitOfWorkFactory, *, chunk: int = CHUNK
) -> tuple[CallPage, AsyncIterator[bytes]]:
    """
    Return the first page, for its totals, and the whole list as CSV.

    No transaction stays open while the reader reads: who is deleted or bans calls meanwhile is left
    out from the next chunk on.
    """
    async with units.engine.connect() as connection:
        first = await _page(segment_id, purpose, units.clock(), connection, after=None, limit=chunk)
    _log(segment_id, purpose, first)

    async def stream() -> AsyncIterator[bytes]:
        yield csv_lines([COLUMNS])
        rows = first.rows
        while rows:
            yield csv_lines(_cells(row) for row in rows)
            if len(rows) < chunk:
                return
            async with units.engine.connect() as connection:
                page = await _page(
                    segment_id,
                    purpose,
                    units.clock(),
                    connection,
                    after=place_of(rows[-1]),
                    limit=chunk,
                )
            rows = page.rows

    return first, stream()


def place_of(row: Row[Any]) -> After:
    """Return where a row stands in the list."""
    return After(
        row.at_customer, row.customer_key, row.customer_id_key, row.person_key, row.contact_id
    )


async def _page(
    segment_id: UUID,
    purpose: Purpose,
    now: datetime,
    connection: AsyncConnection,
    *,
    after: After | None,
    limit: int,
) -> CallPage:
    # The telephone came with the classifications: without them it would seem that there is none.
    await refuse_not_told(connection, contacts=True)
    condition = await members_of(await find_segment(segment_id, connection), connection)
    return await call_page(
        connection,
        condition,
        marketing=purpose is Purpose.MARKETING,
        now=now,
        after=after,
        limit=limit,
    )


def _cells(row: Row[Any]) -> tuple[object, ...]:
    named = [f"{_person(one)} ({one['customer_name'] or ''})" for one in row.also]
    if row.sharing > len(named):
        named.append(f"and {row.sharing - len(named)} more")
    return (
        row.phone, row.first_name, row.last_name, row.role, row.name, row.number, row.contact_id,
        row.customer_id, "; ".join(named),
    )  # fmt: skip


def _person(one: dict[str, Any]) -> str:
    return f"{one['first_name']} {one['last_name']}".strip()


def _log(segment_id: UUID, purpose: Purpose, page: CallPage) -> None:
    log.info(
        "call_list_given", segment_id=str(segment_id), purpose=purpose.value, numbers=page.numbers
    )
