"""The statement of a forecast: one reading of amounts and of how many, whatever it goes by.

Both come from the rollups; by a list of customers they are asked of the opportunities themselves,
in the same terms (rollups.py), so that the numbers are the same. Amounts are converted once per row
of `forecast_share`, rounded half up; what customers have of such a row is what the first so many of
them make, less what came before, as shares are split. So all ways of adding up agree.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.forecasts import Dimension, Question
from services.pipeline.domain.lists import OPPORTUNITY_TYPE, PIPELINE, STAGE
from services.pipeline.domain.money import OTHER_DIGITS, USUAL_DIGITS
from services.pipeline.persistence.groups import subtree_members
from services.pipeline.persistence.rollups import shared_of, shares_of
from shared.projection.groups import memberships
from shared.projection.held import COVERS, STANDING

LINE, TOTAL, UNRATED = "line", "total", "unrated"
FILTERS = {PIPELINE: "pipeline", STAGE: "stage", OPPORTUNITY_TYPE: "type"}
"""The lists by whose values a forecast is narrowed, each with its column."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What a dimension adds: the columns it reads, the key of a line and a join to these rows."""

    reads: tuple[str, ...]
    key: str
    join: str = ""


async def forecast_lines(
    connection: AsyncConnection,
    question: Question,
    *,
    keys: Mapping[str, Sequence[int]],
    house: str,
    limit: int,
) -> Sequence[Row[Any]]:
    """
    Return rows of `kind`, `first`, `second`, `currency`, won, weighted, open, committed and
    opportunities.

    A LINE has the texts of its keys, empty for none of it; a TOTAL of a currency has each
    opportunity once. An UNRATED row says in `currency` and `first` that there is no rate of a
    currency on a day: no amount is right then. `keys` are those of wanted values, by list; rates
    are in the currency of the house.
    """
    raw = bool(question.customer_lists)
    parts = [_part(name, place) for place, name in enumerate(question.by)]
    reads = tuple(dict.fromkeys(column for part in parts for column in part.reads))
    narrowed = [f"{FILTERS[name]} = ANY(CAST(:{name} AS int[]))" for name in keys]
    who = [
        condition
        for asked, condition in (
            (question.sellers, "who.seller = ANY(CAST(:sellers AS text[]))"),
            (question.group_id, _IN_GROUP),
        )
        if asked
    ]
    beside = ("customer_id", "opportunity_id") if raw else ()
    source = (shares_of(_OF_PERIOD, beside=beside), shared_of(_OF_PERIOD, beside=beside))
    shares, shared = source if raw else ("forecast_share", "forecast_shared")
    statement = f"""
        WITH RECURSIVE {_SHARED},
        {_amounts(shares, reads, narrowed, who, question.currency, raw=raw)},
        {_repeats(shared, reads, narrowed, who, question.currency)},
        share_line AS (
            SELECT {_TEXTS}, currency, won, weighted, open, committed, opportunities
            FROM (SELECT {_keys(parts)}, currency, {_SUMS}
                  FROM {_held("amounts", reads)} AS found {_joins(parts)} GROUP BY 1, 2, 3) AS line
            LIMIT :limit
        ), repeated_line AS (
            SELECT {_TEXTS}, currency, {_REPEATED}
            FROM (SELECT {_keys(parts)}, currency, id, opportunities, count(*) AS times
                  FROM {_held("repeats", reads)} AS found {_joins(parts)}
                  GROUP BY 1, 2, 3, 4, 5) AS line
            GROUP BY first, second, currency
        ), repeated_total AS (
            SELECT currency, {_REPEATED}
            FROM (SELECT id, opportunities, currency, count(*) AS times FROM repeats
                  GROUP BY id, opportunities, currency) AS each GROUP BY 1
        )
        SELECT '{LINE}' AS kind, first, second, currency, won, weighted, open, committed,
               opportunities - coalesce(repeated, 0) AS opportunities
        FROM share_line LEFT JOIN repeated_line USING (first, second, currency)
        UNION ALL
        SELECT '{TOTAL}', '', '', currency, won, weighted, open, committed,
               opportunities - coalesce(repeated, 0)
        FROM (SELECT currency, {_SUMS} FROM amounts GROUP BY currency) AS total
        LEFT JOIN repeated_total USING (currency)
        {_UNRATED if question.currency else ""}
    """
    values = {
        **{name: list(one) for name, one in keys.items()},
        **{f"list_{place}": name for place, name in enumerate(question.by)},
        "since": question.since,
        "until": question.until,
        "today": question.today,
        "sellers": list(question.sellers),
        "group_id": question.group_id,
        "committed_from": question.committed_from,
        "currency": question.currency,
        "house": house,
        "currencies": list(OTHER_DIGITS),
        "digits": list(OTHER_DIGITS.values()),
        "limit": limit,
    }
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    # What is aggregated by hash in memory takes half the time of sorting keys that are texts.
    await connection.execute(text("SET LOCAL work_mem = '32MB'"))
    return (await connection.execute(text(statement), used)).all()


def _amounts(
    source: str,
    reads: Sequence[str],
    narrowed: Sequence[str],
    who: Sequence[str],
    currency: str | None,
    *,
    raw: bool,
) -> str:
    """Return the subqueries that end with `amounts`: sums by what is read and currency."""
    columns = _base(reads)
    share = f"""
        share AS (
            SELECT who.* FROM ({_placed(source, narrowed)}) AS who
            WHERE {" AND ".join((*who, "true"))}
        )
    """
    rows = "share"
    if currency:
        rows = "exchanged"
        share += f", {_EXCHANGED.format(**_converted(raw))}"
    return f"""
        {share}, amounts AS MATERIALIZED (
            SELECT {"".join(f"{one}, " for one in columns)} currency,
                   coalesce(sum(value) FILTER (WHERE won), 0) AS won, sum(weighted) AS weighted,
                   coalesce(sum(value) FILTER (WHERE NOT won), 0) AS open,
                   coalesce(sum(value) FILTER (WHERE won OR probability >= :committed_from), 0)
                       AS committed,
                   sum(opportunities) AS opportunities
            FROM {rows} GROUP BY {"".join(f"{one}, " for one in columns)} currency
        )
    """


def _repeats(
    source: str,
    reads: Sequence[str],
    narrowed: Sequence[str],
    who: Sequence[str],
    currency: str | None,
) -> str:
    """Return the subqueries that end with `repeats`: what is shared, once per wanted seller."""
    wanted = [one for one in _base(reads) if one != "seller"]
    columns = "".join(f"{one}, " for one in dict.fromkeys((*wanted, "asked_on", "sellers")))
    told = "CAST(:currency AS text)" if currency else "currency"
    return f"""
        numbers AS (
            SELECT row_number() OVER () AS id, {columns} {told} AS currency,
                   sum(opportunities) AS opportunities
            FROM ({_placed(source, narrowed)}) AS placed GROUP BY {columns} {told}
        ), repeats AS MATERIALIZED (
            SELECT who.* FROM (
                SELECT numbers.*, one.seller
                FROM numbers CROSS JOIN LATERAL unnest(sellers) AS one (seller)
            ) AS who WHERE {" AND ".join((*who, "true"))}
        )
    """


def _placed(source: str, narrowed: Sequence[str]) -> str:
    """Return the rows of the period, each with the day as of which its sellers' groups count."""
    return f"""
        SELECT source.*, pipeline, won, month, quarter,
               CASE WHEN won THEN calendar.members_since ELSE CAST(:today AS date) END AS asked_on
        FROM {source} AS source JOIN stage_of USING (stage) JOIN calendar USING (day)
        WHERE {" AND ".join(("day BETWEEN :since AND :until", *narrowed))}
    """


def _base(reads: Sequence[str]) -> list[str]:
    # Many customers hold the same: first by customer, then by what is held.
    return ["customer_id" if one == "held" else one for one in reads]


def _held(rows: str, reads: Sequence[str]) -> str:
    if "held" not in reads:
        return rows
    return f"(SELECT {rows}.*, held FROM {rows} JOIN standing USING (customer_id))"


def _keys(parts: Sequence[_Part]) -> str:
    first, second = (*(part.key for part in parts), "''", "''")[:2]
    return f"{first} AS first, {second} AS second"


def _joins(parts: Sequence[_Part]) -> str:
    return " ".join(part.join for part in parts)


def _part(name: str, place: int) -> _Part:
    match name:
        case Dimension.MONTH | Dimension.QUARTER | Dimension.PIPELINE | Dimension.STAGE:
            return _Part((name,), f"found.{name}")
        case Dimension.TYPE:
            return _Part((name,), "nullif(found.type, 0)")
        case Dimension.SELLER:
            return _Part((name,), "found.seller")
        case Dimension.GROUP:
            return _Part(
                ("seller", "asked_on"),
                "membership.group_id",
                "LEFT JOIN membership ON membership.seller = found.seller "
                "AND membership.days @> found.asked_on",
            )
    value = f"value_{place}"
    return _Part(
        ("held",),
        f"{value}.token",
        f"LEFT JOIN LATERAL ({_VALUES.format(list=f':list_{place}')}) AS {value} ON true",
    )


def _converted(raw: bool) -> dict[str, str]:
    """Return what the subquery `exchanged` has of value and weighted, and from where."""
    half_up: Callable[[str], str] = (
        "CASE WHEN mine = theirs THEN {0} ELSE div(2 * {0} * mine + theirs, 2 * theirs) END"
    ).format
    if not raw:
        return {
            "customer": "",
            "value": half_up("value"),
            "weighted": half_up("weighted"),
            "window": "",
        }
    reached = {one: f"(sum({one}) OVER whole)" for one in ("value", "weighted")}
    parts = {
        one: f"{half_up(upto)} - {half_up(f'({upto} - {one})')}" for one, upto in reached.items()
    }
    return {"customer": "customer_id,", "window": _WINDOW, **parts}


def _rate(currency: str) -> str:
    return f"""
        CASE WHEN {currency} = :house THEN 1 ELSE (
            SELECT rate FROM exchange_rate
            WHERE exchange_rate.currency = {currency} AND valid_from <= rated_on
            ORDER BY valid_from DESC LIMIT 1) END
    """


def _units(currency: str) -> str:
    """Return how many minor units make one of a currency."""
    return f"""
        CAST('1e' || coalesce(
            (SELECT digits FROM unnest(CAST(:currencies AS text[]), CAST(:digits AS int[]))
                 AS other (currency, digits) WHERE other.currency = {currency}),
            {USUAL_DIGITS}) AS numeric)
    """


_SUMS = """
    sum(won) AS won, sum(weighted) AS weighted, sum(open) AS open, sum(committed) AS committed,
    sum(opportunities) AS opportunities
"""
_TEXTS = """
    coalesce(CAST(first AS text), '') AS first, coalesce(CAST(second AS text), '') AS second
"""
# One of three that are all wanted is two too many.
_REPEATED = "sum(opportunities * (times - 1)) AS repeated"
_OF_PERIOD = """
    (SELECT opportunity.* FROM opportunity
     WHERE deleted_at IS NULL AND (outcome = 'open' AND expected_close BETWEEN :since AND :until
                                   OR outcome = 'won' AND closed_on BETWEEN :since AND :until))
"""
# An amount times `mine` through `theirs` is what it comes to, both being whole in one sense: what
# one minor unit of each currency is worth. Dividing last, and without fractions, rounds rightly.
_EXCHANGED = f"""
    dated AS (
        SELECT share.*, CASE WHEN won THEN day ELSE CAST(:today AS date) END AS rated_on FROM share
    ), rated AS (
        SELECT currency, rated_on,
               CASE WHEN currency = :currency THEN 1
                    ELSE {_rate("traded.currency")} * {_units("CAST(:currency AS text)")} END
                    AS mine,
               CASE WHEN currency = :currency THEN 1
                    ELSE {_rate("CAST(:currency AS text)")} * {_units("traded.currency")} END
                    AS theirs
        FROM (SELECT DISTINCT currency, rated_on FROM dated) AS traded
    ), exchanged AS (
        SELECT month, quarter, seller, asked_on, won, pipeline, stage, type, probability,
               opportunities, {{customer}} CAST(:currency AS text) AS currency,
               {{value}} AS value, {{weighted}} AS weighted
        FROM dated JOIN rated USING (currency, rated_on) {{window}}
    )
"""
_WINDOW = """
    WINDOW whole AS (PARTITION BY day, seller, currency, stage, type, probability
                     ORDER BY opportunity_id)
"""
_UNRATED = f"""
    UNION ALL
    (SELECT '{UNRATED}', CAST(rated_on AS text), '',
            CASE WHEN mine IS NULL THEN currency ELSE :currency END, 0, 0, 0, 0, 0
     FROM rated WHERE mine IS NULL OR theirs IS NULL ORDER BY rated_on, currency LIMIT 1)
"""
# Between two days on which somebody comes or goes, members are the same: the first stands for all.
_SHARED = f"""
    turn AS (
        SELECT since AS day FROM user_group_member UNION SELECT until + 1 FROM user_group_member
    ), calendar AS MATERIALIZED (
        SELECT each.day, CAST(date_trunc('month', each.at) AS date) AS month,
               CAST(date_trunc('quarter', each.at) AS date) AS quarter,
               coalesce(max(turn.day) OVER (ORDER BY each.at), each.first_day)
                   AS members_since
        FROM (SELECT CAST(:since AS date) AS first_day, CAST(:since AS date) + n AS day,
                     CAST(CAST(:since AS date) + n AS timestamp) AS at
              FROM generate_series(0, CAST(:until AS date) - CAST(:since AS date)) AS n) AS each
        LEFT JOIN turn ON turn.day = each.day
    ),
    stage_of AS (
        SELECT key AS stage, parent AS pipeline, facts ->> 'outcome' = 'won' AS won
        FROM list_value WHERE list = '{STAGE}'
    ), member AS MATERIALIZED (
        SELECT seller, since, until
        FROM {subtree_members("CAST(:group_id AS uuid)")} AS below
    ), {memberships("{group}.deleted_at IS NULL")}, {COVERS}, {STANDING}
"""
_IN_GROUP = """
    EXISTS (SELECT FROM member WHERE member.seller = who.seller AND who.asked_on >= member.since
                                 AND (member.until IS NULL OR who.asked_on <= member.until))
"""
_VALUES = """
    SELECT DISTINCT covers.above AS token FROM covers
    WHERE covers.token = ANY(found.held) AND split_part(covers.above, '/', 1) = {list}
"""
