"""Search customers: a page, its total and its facets; and the same as a stream."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.attribute_values import VALUED
from services.customers.domain.lists import CUSTOMER, CUSTOMER_ATTRIBUTE, LISTS, STATUS_GROUP
from services.customers.domain.search import COUNTED_AT_MOST, CustomerFilter, Sort
from services.customers.persistence import search as store
from services.customers.persistence.attributes import attributes_of
from services.customers.persistence.customers import fetch_references
from shared.chassis.errors import InvalidField
from shared.chassis.spreadsheet import MOST_ROWS, TooManyRows, csv_lines, xlsx_stream
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.store import values_of

CHUNK = 1000

Format = Literal["csv", "ndjson", "xlsx"]
After = tuple[Any, UUID]


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search. Counts are exact up to `COUNTED_AT_MOST`, unless the fragment is so
    common that only its first hits are counted.
    """

    rows: Sequence[Row[Any]]
    references: Mapping[UUID, list[tuple[str, str]]]
    total: int
    hidden_ended: int
    facets: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    all_counted: bool = True

    @property
    def total_is_exact(self) -> bool:
        """Tell whether there are no more than the total says."""
        return self.all_counted and self.total <= COUNTED_AT_MOST


async def search_customers(
    wanted: CustomerFilter,
    connection: AsyncConnection,
    *,
    sort: Sort,
    after: After | None,
    limit: int,
    facets: Sequence[str] = (),
) -> Found:
    """Return one page of the matches, with counts over all of them; refuse unknown lists."""
    check_lists(wanted, facets)
    query = await store.prepare(connection, wanted)
    if query is None:
        return Found([], {}, 0, 0, {name: {} for name in facets})
    rows = await store.find_customers(connection, query, sort=sort, after=after, limit=limit)
    total, hidden = await store.count_matches(connection, query)
    return Found(
        rows=rows,
        references=await fetch_references(connection, [row.customer_id for row in rows]),
        total=total,
        hidden_ended=hidden,
        facets=await store.count_facets(connection, query, facets) if facets else {},
        all_counted=query.is_countable,
    )


async def export_customers(
    wanted: CustomerFilter,
    units: UnitOfWorkFactory,
    *,
    sort: Sort,
    format: Format,
    chunk: int = CHUNK,
) -> AsyncIterator[bytes]:
    """
    Return the matches as a stream; refusals come before it, as errors.

    No transaction stays open while the reader reads, so each chunk is as of its own moment.
    """
    check_lists(wanted, ())
    lists = [one.name for one in LISTS.values() if CUSTOMER in one.held_by]
    async with units.engine.connect() as connection:
        query = await store.prepare(connection, wanted)
        attributes = [
            str(one.number)
            for one in (await attributes_of(connection, CUSTOMER_ATTRIBUTE)).values()
            if one.value_type in VALUED
        ]
        if format == "xlsx" and query is not None:
            # Told before minutes are spent on a workbook that cannot be.
            found = await store.count_customers(connection, query, up_to=MOST_ROWS)
            if found > MOST_ROWS:
                raise TooManyRows(f"More than {MOST_ROWS} customers match.")

    async def chunks() -> AsyncIterator[Sequence[Row[Any]]]:
        after: After | None = None
        while query is not None:
            async with units.engine.connect() as connection:
                rows = await store.find_customers(
                    connection, query, sort=sort, after=after, limit=chunk
                )
            if rows:
                yield rows
            if len(rows) < chunk:
                return
            after = rows[-1].sort_key, rows[-1].customer_id

    async def tables() -> AsyncIterator[list[list[object]]]:
        async for rows in chunks():
            async with units.engine.connect() as connection:
                titles = await _titles(connection, rows)
            yield [_cells(row, lists, attributes, titles) for row in rows]

    if format == "ndjson":
        return _ndjson(chunks())
    header = [*_COLUMNS, *lists, *(f"attribute_values.{number}" for number in attributes)]
    return await xlsx_stream(header, tables()) if format == "xlsx" else _csv(header, tables())


_COLUMNS = (
    "customer_id",
    "number",
    "name",
    "business_id",
    "email",
    "phone",
    "headcount",
    "street",
    "postal_code",
    "city",
    "country",
    "started_on",
    "start_source",
    "ended_on",
)


async def _titles(
    connection: AsyncConnection, rows: Sequence[Row[Any]]
) -> dict[tuple[str, int], str]:
    held = {key for row in rows for key in row.classifications}
    values = await values_of(connection, held)
    return {(value.list, value.number): value.title for value in values.values()}


def _cells(
    row: Row[Any],
    lists: Sequence[str],
    attributes: Sequence[str],
    titles: Mapping[tuple[str, int], str],
) -> list[object]:
    classified = row.classified or {}
    return [
        *(getattr(row, name) for name in _COLUMNS),
        *(
            "; ".join(titles.get((name, one), str(one)) for one in classified[name])
            if classified.get(name)
            else None
            for name in lists
        ),
        *(row.attribute_values.get(number) for number in attributes),
    ]


async def _csv(
    header: Sequence[str], tables: AsyncIterator[list[list[object]]]
) -> AsyncIterator[bytes]:
    yield csv_lines([header])
    async for rows in tables:
        yield csv_lines(rows)


async def _ndjson(chunks: AsyncIterator[Sequence[Row[Any]]]) -> AsyncIterator[bytes]:
    async for rows in chunks:
        yield "".join(
            json.dumps(
                {name: getattr(row, name) for name in _COLUMNS}
                | {
                    "classifications": row.classified or {},
                    "attribute_values": row.attribute_values,
                },
                ensure_ascii=False,
                default=str,
            )
            + "\n"
            for row in rows
        ).encode()


def check_lists(wanted: CustomerFilter, facets: Sequence[str]) -> None:
    """Refuse a search by lists that customers are not sorted by."""
    known = [one.name for one in LISTS.values() if CUSTOMER in one.held_by]
    for field_name, names in (
        ("having", wanted.having),
        ("lacking", wanted.lacking),
        ("facets", facets),
    ):
        allowed = known if field_name == "facets" else [*known, STATUS_GROUP]
        for name in names:
            if name not in allowed:
                raise InvalidField(
                    f"{field_name}.{name}"[:100],
                    "customers are not sorted by such a list",
                    f"The lists are: {', '.join(allowed)}.",
                )
