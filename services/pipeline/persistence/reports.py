"""The statements of reports on the sales process. Deleted opportunities are in none of them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.reports import AGES, Days, Filter
from services.pipeline.persistence.known_values import STEP
from services.pipeline.persistence.standing import Who, cut, cuts


async def closed_by_stage(
    connection: AsyncConnection, wanted: Filter, days: Days, *, language: str | None
) -> Sequence[Row[Any]]:
    """Return of each stage `cases`, closed in these days that were ever in it, `won`, `said`.

    `said` is the mean probability with which they left it, the last time.
    """
    return await _found(
        connection,
        wanted,
        f"""
        closed AS (
            SELECT opportunity_id, outcome FROM opportunity AS one
            WHERE deleted_at IS NULL AND closed_on BETWEEN :since AND :until
              AND {_meant(wanted, "one.closed_on")}
        ), visited AS (
            SELECT DISTINCT ON (opportunity_id, stage) opportunity_id, stage, probability
            FROM opportunity_state AS state JOIN closed USING (opportunity_id)
            WHERE NOT deleted AND state.outcome = 'open' AND {_in_pipeline(wanted)}
            ORDER BY opportunity_id, stage, since DESC
        ), {STEP}
        SELECT {_STAGE}, step.probability, CAST(count(*) AS int) AS cases,
               CAST(count(*) FILTER (WHERE closed.outcome = 'won') AS int) AS won,
               CAST(avg(visited.probability) AS float) AS said
        FROM visited JOIN closed USING (opportunity_id) JOIN step ON step.key = visited.stage
        GROUP BY {_STAGE}, step.probability, step.place ORDER BY step.place
        """,
        {"since": days.since, "until": days.until, "language": language},
    )


async def went_on(
    connection: AsyncConnection,
    wanted: Filter,
    begin: datetime,
    end: datetime,
    *,
    today: date,
    language: str | None,
) -> Sequence[Row[Any]]:
    """
    Return who entered a stage between two moments, each once, by where it went from there.

    `opportunities`, and how many of them are `won` now; `next` is a stage's number, with
    `next_pipeline` and `next_title`, or null for those that are still there.
    """
    entered = f"""
        opportunity_id IN (SELECT opportunity_id FROM opportunity_state
                           WHERE since >= :begin AND since < :end)
        AND opportunity_id IN (
            SELECT opportunity_id FROM opportunity AS one
            WHERE deleted_at IS NULL
              AND {_meant(wanted, "coalesce(one.closed_on, CAST(:today AS date))")})
    """
    return await _found(
        connection,
        wanted,
        f"""
        {_visits(entered)},
        last AS (
            SELECT DISTINCT ON (opportunity_id, stage) opportunity_id, stage, next_stage
            FROM visit AS state
            WHERE entered_at >= :begin AND entered_at < :end AND {_in_pipeline(wanted)}
            ORDER BY opportunity_id, stage, entered_at DESC
        ), {STEP}
        SELECT {_STAGE}, after.stage AS next, after.pipeline AS next_pipeline,
               after.title AS next_title,
               CAST(count(*) AS int) AS opportunities,
               CAST(count(*) FILTER (WHERE opportunity.outcome = 'won') AS int) AS won
        FROM last JOIN opportunity USING (opportunity_id) JOIN step ON step.key = last.stage
        LEFT JOIN step AS after ON after.key = last.next_stage
        GROUP BY {_STAGE}, step.place, after.stage, after.pipeline, after.title, after.place
        ORDER BY step.place, after.place
        """,
        {"begin": begin, "end": end, "language": language},
        {"today": today},
    )


async def speed(
    connection: AsyncConnection, wanted: Filter, days: Days, *, today: date, zone: str
) -> Sequence[Row[Any]]:
    """Return by currency what `Velocity` is made of; days are those of the zone."""
    return await _found(
        connection,
        wanted,
        f"""
        counted AS (
            SELECT one.*, {_share(wanted, "coalesce(one.closed_on, CAST(:today AS date))")}
                       AS part
            FROM opportunity AS one
            WHERE deleted_at IS NULL AND {_in_pipeline(wanted, "one")}
              AND (outcome = 'open' OR closed_on BETWEEN :since AND :until)
        )
        SELECT currency,
               CAST(count(*) FILTER (WHERE outcome = 'open') AS int) AS open,
               CAST(count(*) FILTER (WHERE outcome <> 'open') AS int) AS closed,
               CAST(count(*) FILTER (WHERE outcome = 'won') AS int) AS won,
               CAST(coalesce(sum(part) FILTER (WHERE outcome = 'won'), 0) AS bigint) AS won_value,
               CAST(coalesce(sum(greatest(
                   0, closed_on - CAST(created_at AT TIME ZONE :zone AS date)
               )) FILTER (WHERE outcome = 'won'), 0) AS bigint) AS won_days
        FROM counted WHERE part IS NOT NULL GROUP BY currency ORDER BY currency
        """,
        {"since": days.since, "until": days.until, "zone": zone},
        {"today": today},
    )


async def ages(
    connection: AsyncConnection,
    wanted: Filter,
    *,
    now: datetime,
    today: date,
    language: str | None,
) -> Sequence[Row[Any]]:
    """Return open ones by stage, `bucket` of days in it and currency: how many, and `value`."""
    return await _found(
        connection,
        wanted,
        f"""
        counted AS (
            SELECT stage, currency,
                   width_bucket(CAST(:now AS timestamptz) - entered_at, ARRAY[{_BOUNDS}]) AS bucket,
                   {_share(wanted, "CAST(:today AS date)")} AS part
            FROM opportunity AS one
            WHERE deleted_at IS NULL AND outcome = 'open' AND {_in_pipeline(wanted, "one")}
        ), {STEP}
        SELECT {_STAGE}, bucket, currency, CAST(count(*) AS int) AS opportunities,
               CAST(sum(part) AS bigint) AS value
        FROM counted JOIN step ON step.key = counted.stage WHERE part IS NOT NULL
        GROUP BY {_STAGE}, step.place, bucket, currency ORDER BY step.place, bucket, currency
        """,
        {"now": now, "language": language},
        {"today": today},
    )


async def put_off(
    connection: AsyncConnection,
    wanted: Filter,
    begin: datetime,
    end: datetime,
    *,
    by_seller: bool,
    today: date,
    language: str | None,
) -> Sequence[Row[Any]]:
    """
    Return how often and how far open ones were put off between two moments.

    `times`, `opportunities`, `days` in all, `longest`; by seller (null: nobody's; who shares one
    has it too), or by the stage that it was in.
    """
    held = "coalesce(moved.closed_by_now, CAST(:today AS date))"
    if by_seller:
        shown, named, grouped = "nullif(part.seller, '') AS seller", "", "1"
        ordered = "days DESC, 1"
    else:
        shown, named = _STAGE, "JOIN step ON step.key = moved.stage"
        grouped, ordered = f"{_STAGE}, step.place", "step.place"
    parts = cuts("moved", _who(wanted), day=held, by_seller=by_seller)
    parts = parts if by_seller else f"(SELECT true AS meant WHERE EXISTS (SELECT FROM {parts} x))"
    return await _found(
        connection,
        wanted,
        f"""
        moved AS (
            SELECT state.* FROM (
                SELECT state.*, opportunity.closed_on AS closed_by_now,
                       lag(state.expected_close) OVER one AS promised,
                       lag(state.outcome) OVER one AS outcome_before
                FROM opportunity_state AS state
                JOIN opportunity USING (opportunity_id)
                WHERE opportunity.deleted_at IS NULL AND opportunity_id IN (
                    SELECT opportunity_id FROM opportunity_state
                    WHERE since >= :begin AND since < :end)
                WINDOW one AS (PARTITION BY opportunity_id ORDER BY state.since)
            ) AS state
            WHERE since >= :begin AND since < :end AND expected_close > promised
              AND outcome = 'open' AND outcome_before = 'open' AND {_in_pipeline(wanted)}
        ) {"" if by_seller else f", {STEP}"}
        SELECT {shown}, CAST(count(*) AS int) AS times,
               CAST(count(DISTINCT opportunity_id) AS int) AS opportunities,
               CAST(sum(expected_close - promised) AS int) AS days,
               max(expected_close - promised) AS longest
        FROM moved CROSS JOIN LATERAL {parts} AS part {named}
        GROUP BY {grouped} ORDER BY {ordered}
        """,
        {"begin": begin, "end": end} | ({} if by_seller else {"language": language}),
        {"today": today},
    )


async def outcomes(
    connection: AsyncConnection, wanted: Filter, days: Days, *, language: str | None
) -> Sequence[Row[Any]]:
    """Return what was closed in these days by `outcome`, reason of rejection and currency."""
    return await _found(
        connection,
        wanted,
        f"""
        counted AS (
            SELECT outcome, rejection, currency, {_share(wanted, "one.closed_on")} AS part
            FROM opportunity AS one
            WHERE deleted_at IS NULL AND closed_on BETWEEN :since AND :until
              AND {_in_pipeline(wanted, "one")}
        )
        SELECT outcome, reason.number AS rejection,
               coalesce(reason.titles ->> CAST(:language AS text), reason.title) AS title,
               currency, CAST(count(*) AS int) AS opportunities, CAST(sum(part) AS bigint) AS value
        FROM counted LEFT JOIN list_value AS reason ON reason.key = counted.rejection
        WHERE part IS NOT NULL
        GROUP BY outcome, reason.value_id, currency
        ORDER BY array_position(ARRAY['won', 'lost', 'expired'], outcome), opportunities DESC,
                 reason.position, reason.number, currency
        """,
        {"since": days.since, "until": days.until, "language": language},
    )


async def stage_times(
    connection: AsyncConnection, opportunity_id: UUID, *, language: str | None, limit: int
) -> Sequence[Row[Any]]:
    """Return the stages an opportunity was in, the last first: `entered_at`, `left_at`."""
    result = await connection.execute(
        text(
            f"""
            WITH {_visits("opportunity_id = :id")}, {STEP}
            SELECT {_STAGE}, visit.outcome, entered_at, left_at
            FROM visit JOIN step ON step.key = visit.stage
            ORDER BY entered_at DESC LIMIT :limit
            """
        ),
        {"id": opportunity_id, "language": language, "limit": limit},
    )
    return result.all()


_STAGE = "step.pipeline, step.stage, step.title"
_BOUNDS = ", ".join(f"interval '{age + 1} days'" for age in AGES)


def _visits(condition: str) -> str:
    """Return the subquery `visit` of the times that opportunities were in a stage, one by one."""
    return f"""
        marked AS (
            SELECT opportunity_id, since, pipeline, stage, outcome,
                   stage IS DISTINCT FROM lag(stage) OVER (
                       PARTITION BY opportunity_id ORDER BY since) AS enters
            FROM opportunity_state WHERE {condition}
        ), visit AS (
            SELECT opportunity_id, pipeline, stage, outcome, since AS entered_at,
                   lead(since) OVER one AS left_at, lead(stage) OVER one AS next_stage
            FROM marked WHERE enters
            WINDOW one AS (PARTITION BY opportunity_id ORDER BY since)
        )
    """


def _who(wanted: Filter) -> Who:
    return Who(wanted.seller, wanted.group)


def _in_pipeline(wanted: Filter, table: str = "state") -> str:
    return "true" if wanted.pipeline is None else f"{table}.pipeline = :pipeline"


def _meant(wanted: Filter, day: str) -> str:
    """Return the condition that somebody who is meant has a part of a row called `one`."""
    who = _who(wanted)
    return "true" if who.everybody else f"EXISTS (SELECT FROM {cuts('one', who, day=day)} AS part)"


def _share(wanted: Filter, day: str) -> str:
    """Return what those who are meant have of the value of a row called `one`; null if nothing."""
    return f"(SELECT sum({cut('one.value')}) FROM {cuts('one', _who(wanted), day=day)} AS part)"


async def _found(
    connection: AsyncConnection,
    wanted: Filter,
    subqueries: str,
    values: Mapping[str, Any],
    if_used: Mapping[str, Any] | None = None,
) -> Sequence[Row[Any]]:
    """Run a statement that begins with its subqueries; those of `if_used` it may not name."""
    statement = f"WITH {_who(wanted).members} {subqueries}"
    asked = {**_who(wanted).values, **(if_used or {})}
    if wanted.pipeline is not None:
        asked["pipeline"] = wanted.pipeline
    used = {name: value for name, value in asked.items() if f":{name}" in statement}
    return (await connection.execute(text(statement), {**values, **used})).all()
