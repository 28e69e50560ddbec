"""The route of statistics, as JSON and as a table for spreadsheets."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from services.activities.api.shapes import EARLIEST, LATEST, SellerKey
from services.activities.domain.statistics import Question
from services.activities.handlers.count_activities import (
    Line,
    Statistics,
    TooManyLines,
    count_activities,
)
from shared.chassis.http.description import may_refuse, streams
from shared.chassis.http.shapes import Number
from shared.chassis.spreadsheet import CSV, csv_lines
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.lists.api import Language

Day = Annotated[date, Field(ge=EARLIEST, le=LATEST)]
By = Annotated[
    str,
    StringConstraints(pattern="^[a-z_]{1,40}$"),
    Query(
        description="kind, type, category, attribute, seller, group, day, week, month, or a list "
        "that customers are sorted by",
        examples=["category"],
    ),
]
Numbers = Annotated[list[Number] | None, Query(max_length=100, description="one of these numbers")]
Token = Annotated[str, StringConstraints(pattern="^[a-z_]{1,40}/[0-9]{1,10}$")]
HEADER = ("by", "label", "and", "and_label", "activities", "done", "open")


class StatisticsLine(BaseModel):
    """How many activities there are of one thing, or of a pair; null is none of it."""

    by: str | None = Field(description="number, key or id; of a week or month its first day")
    label: str | None = Field(description="what people call it, in the language asked for")
    and_by: str | None = None
    and_label: str | None = None
    activities: int
    done: int
    open: int


class StatisticsTotal(BaseModel):
    """How many activities there are in all, each counted once."""

    activities: int
    done: int
    open: int


class StatisticsOutput(BaseModel):
    """Counts of live activities of a period."""

    since: date
    until: date
    lines: list[StatisticsLine]
    total: StatisticsTotal
    adds_up: bool = Field(
        description="whether the lines make the total; they do not where an activity is on several"
    )


def _line(line: Line) -> StatisticsLine:
    first, second = line.names[0], line.names[1] if len(line.names) > 1 else None
    return StatisticsLine(
        by=first and first.key,
        label=first and first.label,
        and_by=second and second.key,
        and_label=second and second.label,
        activities=line.done + line.open,
        done=line.done,
        open=line.open,
    )


def _output(question: Question, found: Statistics) -> StatisticsOutput:
    total = found.done + found.open
    return StatisticsOutput(
        since=question.since,
        until=question.until,
        lines=[_line(one) for one in found.lines],
        total=StatisticsTotal(activities=total, done=found.done, open=found.open),
        adds_up=sum(one.done + one.open for one in found.lines) == total,
    )


def _table(output: StatisticsOutput) -> Response:
    rows = [
        [getattr(one, column) for column in StatisticsLine.model_fields] for one in output.lines
    ]
    headers = {"Content-Disposition": 'attachment; filename="activity-statistics.csv"'}
    return Response(csv_lines([HEADER, *rows]), media_type=CSV, headers=headers)


def statistics_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the route /v1/activity-statistics."""
    router = APIRouter(prefix="/v1/activity-statistics", tags=["activity-statistics"])

    @router.get(
        "",
        response_model=StatisticsOutput,
        responses={**streams(CSV), **may_refuse(TooManyLines)},
    )
    async def count(
        since: Annotated[Day, Query(description="the first day", examples=["2026-01-01"])],
        until: Annotated[Day, Query(description="the last day", examples=["2026-03-31"])],
        by: By,
        and_by: Annotated[By | None, Query(alias="and", description="count pairs of two")] = None,
        seller: Annotated[
            list[SellerKey] | None, Query(max_length=100, description="one of these sellers")
        ] = None,
        group: Annotated[
            list[UUID] | None, Query(max_length=100, description="or below one of these groups")
        ] = None,
        category: Numbers = None,
        kind: Numbers = None,
        type: Numbers = None,
        attribute: Numbers = None,
        held: Annotated[
            list[Token] | None,
            Query(
                max_length=100,
                description="the customer holds one of these values, or one below it",
                examples=[["customer_status/2"]],
            ),
        ] = None,
        language: Language = None,
        format: Annotated[Literal["json", "csv"], Query(description="JSON, or a table")] = "json",
    ) -> Any:
        """Count activities that are not deleted by one thing or by pairs of two (LE-08).

        Groups and trees of customers' lists count what is below them too. What was recorded for a
        merged customer is of who stands for it now.
        """
        question = Question(
            since=since,
            until=until,
            by=(by,) if and_by is None else (by, and_by),
            sellers=tuple(seller or ()),
            groups=tuple(group or ()),
            categories=tuple(category or ()),
            kinds=tuple(kind or ()),
            types=tuple(type or ()),
            attributes=tuple(attribute or ()),
            held=tuple(held or ()),
        )
        async with units.engine.connect() as connection:
            found = await count_activities(question, connection, language=language)
        output = _output(question, found)
        return output if format == "json" else _table(output)

    return router
