"""Parameters of what was believed and of reports: moments, days, months, and whose they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, StringConstraints

from services.pipeline.api.fields import BoundedDay, SellerKey
from services.pipeline.domain.periods import PATTERN
from shared.chassis.http.paging import BadCursor, read_cursor
from shared.chassis.http.shapes import Number
from shared.chassis.spreadsheet import CSV, csv_lines
from shared.contracts.types import EARLIEST, LATEST


def _in_range(value: datetime) -> datetime:
    if not EARLIEST <= value.date() <= LATEST:
        raise ValueError(f"lies outside {EARLIEST} to {LATEST}; send the real time")
    return value


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
PeriodName = Annotated[str, StringConstraints(pattern=PATTERN)]
From = Annotated[
    PeriodName, Query(alias="from", description="the first month or quarter", examples=["2026-11"])
]
To = Annotated[PeriodName, Query(description="the last month or quarter", examples=["2027-10"])]
Since = Annotated[BoundedDay, Query(examples=["2026-01-01"])]
Until = Annotated[BoundedDay, Query(examples=["2026-12-31"])]
OfSeller = Annotated[SellerKey | None, Query(description="the parts of this seller")]
OfGroup = Annotated[
    UUID | None, Query(description="the parts of who is in this user group, or in one below it")
]
OfPipeline = Annotated[Number | None, Query(description="number of a pipeline; all if left out")]
CommittedFrom = Annotated[
    int, Query(ge=0, le=100, description="per cent from which an open one is committed")
]
Into = Annotated[
    str | None,
    Query(pattern="^[A-Z]{3}$", description="convert all amounts into it, at rates of one day"),
]
Format = Annotated[Literal["json", "csv"], Query(description="JSON, or a table")]


def table(name: str, shape: type[BaseModel], rows: Sequence[BaseModel]) -> Response:
    """Return rows of one shape as CSV, with the names of its fields on top."""
    cells = [list(row.model_dump().values()) for row in rows]
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(csv_lines([list(shape.model_fields), *cells]), media_type=CSV, headers=headers)


def read_place(cursor: str | None) -> tuple[int, UUID, str] | None:
    """Return the amount, id and currency that a cursor names; refuse a foreign one."""
    key = read_cursor(cursor, int, str, str)
    if key is None:
        return None
    try:
        return int(key[0]), UUID(str(key[1])), str(key[2])
    except ValueError:
        raise BadCursor("The cursor belongs to another list.") from None
