"""Statements on how far sellers and groups are with their targets.

A target holds in a period if none of the same subject, category and kind of period begins between
it and the period. A group is all groups below it, whatever circles were told; a seller counts for
it on the days on which he is a member of any of them, once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.periods import Period
from services.activities.domain.targets import Place, Progress

PERIODS_BACK = 60
"""Of a changed target or group, so many periods are told anew, and all that were told before."""

DEEPEST = 32


@dataclass(frozen=True, slots=True, order=True)
class Share:
    """One period of one target."""

    target_id: UUID
    first_day: date


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose target it is: a seller's or a group's."""

    seller: str | None = None
    group_id: UUID | None = None

    @property
    def key(self) -> str:
        """Return what rows of targets are found by."""
        return self.seller if self.seller is not None else str(self.group_id)


async def shares_at(connection: AsyncConnection, places: Iterable[Place]) -> list[Share]:
    """Return the periods of targets to which these places count: the sellers' and their groups'."""
    places = list(places)
    result = await connection.execute(
        _AT_PLACES,
        {
            "sellers": [place.seller for place in places],
            "categories": [place.category for place in places],
            "days": [place.day for place in places],
        },
    )
    return [Share(*row) for row in result]


async def shares_of(
    connection: AsyncConnection, target_ids: Collection[UUID], *, today: date
) -> list[Share]:
    """Return the periods of targets up to today: the last ones, and all that were told."""
    result = await connection.execute(
        _OF_TARGETS, {"ids": list(target_ids), "today": today, "back": PERIODS_BACK}
    )
    return [Share(*row) for row in result]


async def shares_in(
    connection: AsyncConnection,
    period: Period,
    first_day: date,
    last_day: date,
    *,
    subject: Subject | None = None,
    category: int | None = None,
) -> list[Share]:
    """Return the targets, unless ended, that hold in periods beginning between two days, in order.

    Of everybody, or of one subject; of all categories, or of one.
    """
    mine = "" if subject is None else f"AND {_SUBJECT.format(row='target')} = :subject"
    result = await connection.execute(
        text(_IN_PERIODS.format(mine=mine)),
        {
            "period": period,
            "step": f"1 {period}",
            "first": first_day,
            "last": last_day,
            "category": category,
            **({} if subject is None else {"subject": subject.key}),
        },
    )
    return [Share(*row) for row in result]


async def shares_of_groups(
    connection: AsyncConnection, group_ids: Collection[UUID], *, today: date
) -> list[Share]:
    """Return what may have changed with groups: theirs, of those above, and what they except."""
    result = await connection.execute(_TARGETS_OF_GROUPS, {"ids": list(group_ids)})
    shares = await shares_of(connection, list(result.scalars()), today=today)
    excepted = await connection.execute(_EXCEPTED, {"today": today})
    return [*shares, *(Share(*row) for row in excepted)]


async def read_progress(
    connection: AsyncConnection, shares: Collection[Share], *, until: date | None = None
) -> Sequence[Row[Any]]:
    """
    Return, for each share in order, its target and what is done (up to a day), wanted and told.

    `wanted` is the target's, 0 where another one holds by now; `percent` is the part of it that the
    most specific exception leaves: the seller's, that of the nearest group, everybody's.
    """
    result = await connection.execute(
        _READ,
        {
            "ids": [share.target_id for share in shares],
            "days": [share.first_day for share in shares],
            "until": until,
            "deepest": DEEPEST,
        },
    )
    return result.all()


async def claim_shares(connection: AsyncConnection, shares: Collection[Share]) -> None:
    """Lock what was told of these shares until the commit, in one order for all who tell."""
    ordered = sorted(shares)
    await connection.execute(
        _CLAIM,
        {
            "ids": [share.target_id for share in ordered],
            "days": [share.first_day for share in ordered],
        },
    )


async def save_told(
    connection: AsyncConnection, told: Mapping[Share, tuple[int, Progress]]
) -> None:
    """Keep what is told of shares, and under which version."""
    await connection.execute(
        _SAVE,
        {
            "ids": [share.target_id for share in told],
            "days": [share.first_day for share in told],
            "versions": [version for version, _ in told.values()],
            "done": [progress.done for _, progress in told.values()],
            "wanted": [progress.wanted for _, progress in told.values()],
        },
    )


async def week_percents(
    connection: AsyncConnection, subject: Subject, weeks: Collection[date]
) -> dict[date, int]:
    """Return which part exceptions leave to a subject of those of these weeks that have one."""
    result = await connection.execute(
        _WEEKS,
        {
            "seller": subject.seller,
            "group_id": subject.group_id,
            "days": list(weeks),
            "deepest": DEEPEST,
        },
    )
    return {row.first_day: row.percent for row in result if row.percent is not None}


async def members_on(connection: AsyncConnection, group_id: UUID, day: date) -> set[str]:
    """Return who is a member of a group, or of one below it, on a day."""
    result = await connection.execute(_MEMBERS, {"ids": [group_id], "day": day})
    return set(result.scalars())


_SUBJECT = "coalesce({row}.seller, CAST({row}.group_id AS text))"
_ON = "member.since <= {day} AND (member.until IS NULL OR member.until >= {day})"
# Groups that lie below `top`, itself included; UNION ends circles.
_BELOW = """
    below (top, group_id) AS (
        SELECT group_id, group_id FROM user_group WHERE group_id IN ({tops}) AND NOT removed
        UNION
        SELECT below.top, user_group.group_id
        FROM below JOIN user_group ON user_group.parent_id = below.group_id
        WHERE NOT user_group.removed)"""
# The groups that a subject of `asked` is in when its period begins, from the nearest outwards.
_ABOVE = f"""
    above (subject, first_day, group_id, distance) AS (
        (SELECT asked.subject, asked.first_day, member.group_id, 0
         FROM asked JOIN user_group_member AS member
           ON member.seller = asked.seller AND {_ON.format(day="asked.first_day")}
         UNION
         SELECT asked.subject, asked.first_day, asked.group_id, 0
         FROM asked WHERE asked.group_id IS NOT NULL)
        UNION
        SELECT above.subject, above.first_day, user_group.parent_id, above.distance + 1
        FROM above JOIN user_group USING (group_id)
        WHERE NOT user_group.removed AND user_group.parent_id IS NOT NULL
          AND above.distance < CAST(:deepest AS int))"""
_PERCENT = """
    (SELECT exception.percent
     FROM target_exception AS exception
     LEFT JOIN above ON above.group_id = exception.group_id
                    AND above.subject = asked.subject AND above.first_day = asked.first_day
     WHERE exception.period = asked.period AND exception.first_day = asked.first_day
       AND (exception.seller = asked.seller OR above.group_id IS NOT NULL
            OR (exception.seller IS NULL AND exception.group_id IS NULL))
     ORDER BY CASE WHEN exception.seller IS NOT NULL THEN -1
                   ELSE coalesce(above.distance, :deepest + 1) END, exception.percent
     LIMIT 1) AS percent"""
_REPLACED = f"""
    EXISTS (SELECT FROM target AS later
            WHERE {_SUBJECT.format(row="later")} = {_SUBJECT.format(row="target")}
              AND later.category = target.category AND later.period = target.period
              AND later.first_day > target.first_day AND later.first_day <= {{day}})"""

_AT_PLACES = text(
    f"""
    WITH RECURSIVE place AS (
        SELECT seller, category, day
        FROM unnest(CAST(:sellers AS text[]), CAST(:categories AS int[]), CAST(:days AS date[]))
             AS given (seller, category, day)),
    up (seller, day, group_id) AS (
        SELECT place.seller, place.day, member.group_id
        FROM place JOIN user_group_member AS member
          ON member.seller = place.seller AND {_ON.format(day="place.day")}
        UNION
        SELECT up.seller, up.day, user_group.parent_id
        FROM up JOIN user_group USING (group_id)
        WHERE NOT user_group.removed AND user_group.parent_id IS NOT NULL),
    concerned (subject, category, day) AS (
        SELECT seller, category, day FROM place
        UNION
        SELECT CAST(up.group_id AS text), place.category, place.day
        FROM up JOIN place USING (seller, day))
    SELECT DISTINCT held.target_id, begun.first_day
    FROM concerned
    CROSS JOIN LATERAL (VALUES ('week', CAST(date_trunc('week', concerned.day) AS date)),
                               ('month', CAST(date_trunc('month', concerned.day) AS date)))
         AS begun (period, first_day)
    CROSS JOIN LATERAL (
        SELECT target_id FROM target
        WHERE {_SUBJECT.format(row="target")} = concerned.subject
          AND category = concerned.category AND period = begun.period
          AND first_day <= begun.first_day
        ORDER BY first_day DESC LIMIT 1) AS held
    """
)
_OF_TARGETS = text(
    f"""
    SELECT target_id, first_day FROM target_progress
    WHERE target_id = ANY(CAST(:ids AS uuid[]))
    UNION
    SELECT target.target_id, CAST(begun.day AS date)
    FROM target
    CROSS JOIN LATERAL generate_series(
        greatest(CAST(target.first_day AS timestamp),
                 date_trunc(target.period, CAST(CAST(:today AS date) AS timestamp))
                     - CAST(:back AS int) * CAST('1 ' || target.period AS interval)),
        CAST(CAST(:today AS date) AS timestamp),
        CAST('1 ' || target.period AS interval)) AS begun (day)
    WHERE target.target_id = ANY(CAST(:ids AS uuid[]))
      AND NOT {_REPLACED.format(day="begun.day")}
    """
)
_IN_PERIODS = f"""
    SELECT target.target_id, CAST(begun.day AS date)
    FROM generate_series(CAST(CAST(:first AS date) AS timestamp),
                         CAST(CAST(:last AS date) AS timestamp),
                         CAST(CAST(:step AS text) AS interval)) AS begun (day)
    JOIN target ON target.first_day <= begun.day AND target.period = :period {{mine}}
    WHERE target.wanted > 0 AND (CAST(:category AS int) IS NULL OR target.category = :category)
      AND NOT {_REPLACED.format(day="begun.day")}
    ORDER BY begun.day, target.category, target.target_id
"""
_TARGETS_OF_GROUPS = text(
    """
    WITH RECURSIVE up (group_id) AS (
        SELECT unnest(CAST(:ids AS uuid[]))
        UNION
        SELECT user_group.parent_id FROM up JOIN user_group USING (group_id)
        WHERE user_group.parent_id IS NOT NULL)
    SELECT target_id FROM target WHERE group_id IN (SELECT group_id FROM up)
    """
)
_EXCEPTED = text(
    f"""
    SELECT target.target_id, begun.first_day
    FROM (SELECT DISTINCT period, first_day FROM target_exception
          WHERE group_id IS NOT NULL AND first_day <= :today) AS begun
    JOIN target ON target.period = begun.period AND target.first_day <= begun.first_day
    WHERE NOT {_REPLACED.format(day="begun.first_day")}
    """
)
_READ = text(
    f"""
    WITH RECURSIVE asked AS (
        SELECT given.place, target.target_id, target.seller, target.group_id,
               {_SUBJECT.format(row="target")} AS subject, target.category, target.period,
               given.first_day,
               least(CAST(:until AS date), CAST(
                   given.first_day + CASE target.period WHEN 'week' THEN interval '6 days'
                                     ELSE interval '1 month - 1 day' END AS date)) AS last_day,
               CASE WHEN {_REPLACED.format(day="given.first_day")} THEN 0
                    ELSE target.wanted END AS wanted
        FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[])) WITH ORDINALITY
             AS given (target_id, first_day, place)
        JOIN target USING (target_id)),
    {_BELOW.format(tops="SELECT group_id FROM asked")},
    {_ABOVE},
    among (top, seller, days) AS (
        SELECT below.top, member.seller, range_agg(daterange(member.since, member.until, '[]'))
        FROM below JOIN user_group_member AS member USING (group_id)
        GROUP BY below.top, member.seller)
    SELECT asked.target_id, asked.seller, asked.group_id, asked.category, asked.period,
           asked.first_day, asked.wanted, value.number AS category_number, value.title,
           coalesce(told.version, 0) AS version, coalesce(told.done, 0) AS told_done,
           coalesce(told.wanted, 0) AS told_wanted,
           CAST(coalesce(CASE WHEN asked.seller IS NOT NULL THEN (
               SELECT sum(tally.done) FROM tally
               WHERE tally.seller = asked.seller AND tally.category = asked.category
                 AND tally.day BETWEEN asked.first_day AND asked.last_day)
           ELSE (
               SELECT sum(tally.done)
               FROM among CROSS JOIN LATERAL unnest(among.days) AS stretch
               CROSS JOIN LATERAL (
                   SELECT tally.done FROM tally
                   WHERE tally.seller = among.seller AND tally.category = asked.category
                     AND tally.day BETWEEN asked.first_day AND asked.last_day
                     AND tally.day <@ stretch) AS tally
               WHERE among.top = asked.group_id)
           END, 0) AS int) AS done,
           {_PERCENT}
    FROM asked
    JOIN list_value AS value ON value.key = asked.category
    LEFT JOIN target_progress AS told USING (target_id, first_day)
    ORDER BY asked.place
    """
)
_CLAIM = text(
    """
    INSERT INTO target_progress (target_id, first_day, version, done, wanted)
    SELECT target_id, first_day, 0, 0, 0
    FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[])) WITH ORDINALITY
         AS claimed (target_id, first_day, place)
    ORDER BY place
    ON CONFLICT (target_id, first_day) DO UPDATE SET version = target_progress.version
    """
)
_SAVE = text(
    """
    UPDATE target_progress SET version = told.version, done = told.done, wanted = told.wanted
    FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[]), CAST(:versions AS bigint[]),
                CAST(:done AS int[]), CAST(:wanted AS int[]))
         AS told (target_id, first_day, version, done, wanted)
    WHERE target_progress.target_id = told.target_id
      AND target_progress.first_day = told.first_day
    """
)
_WEEKS = text(
    f"""
    WITH RECURSIVE asked AS (
        SELECT CAST(:seller AS text) AS seller, CAST(:group_id AS uuid) AS group_id,
               coalesce(CAST(:seller AS text), CAST(CAST(:group_id AS uuid) AS text)) AS subject,
               'week' AS period, first_day
        FROM unnest(CAST(:days AS date[])) AS given (first_day)),
    {_ABOVE}
    SELECT asked.first_day, {_PERCENT} FROM asked
    """
)
_MEMBERS = text(
    f"""
    WITH RECURSIVE {_BELOW.format(tops="SELECT unnest(CAST(:ids AS uuid[]))")}
    SELECT DISTINCT member.seller
    FROM below JOIN user_group_member AS member USING (group_id)
    WHERE {_ON.format(day="CAST(:day AS date)")}
    """
)
