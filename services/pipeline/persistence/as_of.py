"""The statement of forecasts as of a moment: states that held then, added up."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.as_of import AsOf
from services.pipeline.domain.forecasts import Dimension
from services.pipeline.persistence.groups import subtree_members
from services.pipeline.persistence.standing import COUNTED, DAY, EXPECTED, Who, cut, cuts, held_at

_KEYS = {
    Dimension.MONTH: "to_char(part.day, 'YYYY-MM')",
    Dimension.QUARTER: "to_char(part.day, 'YYYY-\"Q\"Q')",
    Dimension.SELLER: "nullif(part.seller, '')",
    Dimension.GROUP: "CAST(membership.group_id AS text)",
    Dimension.PIPELINE: "CAST(part.pipeline AS text)",
    Dimension.STAGE: "CAST(part.stage AS text)",
    Dimension.TYPE: "CAST(part.type AS text)",
}
_MEMBERSHIP = f"""
    LEFT JOIN (SELECT asked.group_id, found.*
               FROM user_group AS asked
               CROSS JOIN LATERAL {subtree_members("asked.group_id")} AS found
               WHERE asked.deleted_at IS NULL) AS membership
      ON membership.seller = part.seller
     AND part.member_on BETWEEN membership.since AND coalesce(membership.until, 'infinity')
"""


async def forecast_as_of(
    connection: AsyncConnection, asked: AsOf, *, limit: int
) -> Sequence[Row[Any]]:
    """
    Return lines of `key`, `currency`, `opportunities`, `won`, `weighted`, `best`, `committed`.

    Those with `total` add up each currency, each opportunity once; there are as many besides as
    asked for. A key is a month, a quarter, a seller, or the key or id of what it is by; null is
    none of it.
    """
    who = Who(asked.seller, asked.group)
    by_seller = asked.by in (Dimension.SELLER, Dimension.GROUP)
    statement = f"""
        WITH {who.members} held AS (
            SELECT opportunity_id, currency, pipeline, stage, type, outcome, probability, value,
                   CASE outcome WHEN 'won' THEN value ELSE {EXPECTED} END AS expected,
                   sellers, weights, {DAY} AS day,
                   coalesce(closed_on, CAST(:today AS date)) AS member_on
            FROM opportunity_state
            WHERE {held_at(":at")} AND {COUNTED} AND {DAY} BETWEEN :first AND :last
        ), part AS MATERIALIZED (
            SELECT held.*, cut.seller, {cut("value")} AS amount, {cut("expected")} AS likely
            FROM held CROSS JOIN LATERAL
                 {cuts("held", who, day="held.member_on", by_seller=by_seller)} AS cut
        ), line AS (
            SELECT {_KEYS[asked.by]} AS key, {_SUMS}
            FROM part {_MEMBERSHIP if asked.by is Dimension.GROUP else ""}
            GROUP BY 1, 2 ORDER BY 1, 2 LIMIT :limit
        )
        SELECT false AS total, line.* FROM line
        UNION ALL
        SELECT true, NULL, {_SUMS} FROM part GROUP BY currency
        ORDER BY 1, 2, 3
    """
    result = await connection.execute(
        text(statement),
        {
            "at": asked.at,
            "today": asked.day,
            "first": asked.months.first,
            "last": asked.months.last,
            "committed": asked.committed_from,
            "limit": limit,
            **who.values,
        },
    )
    return result.all()


_SUMS = """
    currency, CAST(count(DISTINCT opportunity_id) AS int) AS opportunities,
    CAST(coalesce(sum(amount) FILTER (WHERE outcome = 'won'), 0) AS bigint) AS won,
    CAST(sum(likely) AS bigint) AS weighted, CAST(sum(amount) AS bigint) AS best,
    CAST(coalesce(sum(amount) FILTER (WHERE outcome = 'won' OR probability >= :committed), 0)
         AS bigint) AS committed
"""
