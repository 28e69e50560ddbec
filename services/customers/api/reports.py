"""Routes of the reports on customers."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.api.shapes import BoundedDay
from services.customers.domain.lists import CUSTOMER, CUSTOMER_GROUP, LISTS
from services.customers.persistence import reports as store
from shared.chassis.errors import InvalidField
from shared.chassis.http.description import streams
from shared.chassis.http.shapes import Number
from shared.chassis.spreadsheet import CSV, XLSX, csv_lines, xlsx_stream
from shared.chassis.unit_of_work import UnitOfWorkFactory

By = Annotated[
    str,
    Query(
        max_length=40, description="a list that customers are sorted by", examples=["customer_type"]
    ),
]
Since = Annotated[BoundedDay | None, Query()]
Format = Annotated[Literal["json", "csv", "xlsx"], Query(description="JSON, or a table to keep")]
Statuses = Annotated[
    Annotated[list[Number], Field(max_length=100)] | None,
    Query(description="numbers of statuses: report on the customers in one of them"),
]
Groups = Annotated[
    Annotated[list[Number], Field(max_length=100)] | None,
    Query(description="numbers of status groups: the same with the statuses of a group"),
]
AS_TABLE = streams(CSV, XLSX)


class CountOutput(BaseModel):
    """How many live customers hold a value, or a pair; null is none of the list."""

    by: int | None
    and_by: int | None = None
    customers: int


class EndingOutput(BaseModel):
    """How many relationships ended in a month, by reason, or by status where there is none."""

    month: date
    reason: int | None
    status: int | None
    customers: int


class TurnoverOutput(BaseModel):
    """Net invoices minus credit notes of the customers of one value, subtree included."""

    number: int
    title: str
    currency: str
    customers: int
    invoices: int
    turnover: Decimal
    margin: Decimal | None = Field(description="null where the ERP tells none")


def _sorting(field: str, name: str) -> str:
    if name not in LISTS or CUSTOMER not in LISTS[name].held_by:
        known = ", ".join(one.name for one in LISTS.values() if CUSTOMER in one.held_by)
        raise InvalidField(field, f"customers are not sorted by {name!r}", f"Choose of: {known}.")
    return name


async def _table(name: str, kind: type[BaseModel], rows: Sequence[Any], format: str) -> Response:
    header = list(kind.model_fields)
    cells = [[getattr(row, column) for column in header] for row in rows]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"'}
    if format == "csv":
        return Response(csv_lines([header, *cells]), media_type=CSV, headers=headers)

    async def once() -> AsyncIterator[list[list[Any]]]:
        yield cells

    stream = await xlsx_stream(header, once())
    return StreamingResponse(stream, media_type=XLSX, headers=headers)


async def _among(
    connection: AsyncConnection, statuses: Sequence[int] | None, groups: Sequence[int] | None
) -> list[int] | None:
    if statuses is None and groups is None:
        return None
    return await store.find_statuses(connection, statuses or (), groups or ())


def reports_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes below /v1/reports."""
    router = APIRouter(prefix="/v1/reports", tags=["reports"])

    @router.get("/customers", response_model=list[CountOutput], responses=AS_TABLE)
    async def counts(
        by: By,
        and_by: By | None = None,
        status: Statuses = None,
        status_group: Groups = None,
        format: Format = "json",
    ) -> Any:
        """Count live customers by the values of a list, or by pairs of two lists (LS-04)."""
        _sorting("by", by)
        if and_by is not None:
            _sorting("and_by", and_by)
        async with units.engine.connect() as connection:
            among = await _among(connection, status, status_group)
            rows = await store.count_by(connection, by, and_by, among=among)
        items = [
            CountOutput(by=row.first, and_by=row.second, customers=row.customers) for row in rows
        ]
        return items if format == "json" else await _table("customers", CountOutput, items, format)

    @router.get("/endings", response_model=list[EndingOutput], responses=AS_TABLE)
    async def endings(
        since: Since = None,
        until: Since = None,
        status: Statuses = None,
        status_group: Groups = None,
        format: Format = "json",
    ) -> Any:
        """Count ended relationships by month and reason, the most typical first (VF-38)."""
        async with units.engine.connect() as connection:
            among = await _among(connection, status, status_group)
            rows = await store.count_endings(connection, since, until, among=among)
        items = [EndingOutput(**row._mapping) for row in rows]
        return items if format == "json" else await _table("endings", EndingOutput, items, format)

    @router.get("/turnover", response_model=list[TurnoverOutput], responses=AS_TABLE)
    async def turnover(
        by: By = CUSTOMER_GROUP,
        since: Since = None,
        until: Since = None,
        status: Statuses = None,
        status_group: Groups = None,
        format: Format = "json",
    ) -> Any:
        """Sum turnover and margin by value, the largest first (LS-07, LS-13)."""
        _sorting("by", by)
        async with units.engine.connect() as connection:
            among = await _among(connection, status, status_group)
            rows = await store.sum_turnover(connection, by, since, until, among=among)
        items = [TurnoverOutput(**row._mapping) for row in rows]
        return (
            items if format == "json" else await _table("turnover", TurnoverOutput, items, format)
        )

    return router
