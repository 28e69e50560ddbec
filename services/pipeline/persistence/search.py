"""The search for opportunities, and opportunities as lists show them."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.search import COUNTED_AT_MOST, OpportunityFilter, Sort
from services.pipeline.persistence.conditions import conditions_of
from shared.projection.survivors import survivor_of

_KEYS = {
    Sort.EXPECTED_CLOSE: ("expected_close", "date"),
    Sort.VALUE: ("value", "bigint"),
    Sort.NAME: ("lower(name)", "text"),
    # Ids are in the order of creation.
    Sort.CREATED: ("opportunity_id", "uuid"),
    Sort.UPDATED: ("updated_at", "timestamptz"),
    Sort.DELETED: ("deleted_at", "timestamptz"),
}

Place = tuple[Any, UUID]
"""Where a row stands: what it is sorted by, and its id."""


async def search_opportunities(
    connection: AsyncConnection,
    wanted: OpportunityFilter,
    *,
    sort: Sort,
    descending: bool,
    after: Place | None,
    limit: int,
    today: date,
) -> tuple[list[Place], int]:
    """Return places of a page and one more, and how many there are, up to one beyond the bound."""
    query = await conditions_of(connection, wanted, today=today)
    counted = await connection.execute(
        text(
            f"SELECT count(*) FROM (SELECT FROM opportunity WHERE {query.where} LIMIT :most) AS one"
        ),
        {**query.values, "most": COUNTED_AT_MOST + 1},
    )
    key, cast = _KEYS[sort]
    way = "DESC" if descending else "ASC"
    if after is not None:
        query.add(
            f"({key}, opportunity_id) {'<' if descending else '>'} "
            f"(CAST(:place AS {cast}), CAST(:last AS uuid))",
            place=after[0],
            last=after[1],
        )
    result = await connection.execute(
        text(
            f"""
            SELECT {key} AS place, opportunity_id AS id FROM opportunity WHERE {query.where}
            ORDER BY {key} {way}, opportunity_id {way} LIMIT :limit
            """
        ),
        {**query.values, "limit": limit + 1},
    )
    return [(row.place, row.id) for row in result], int(counted.scalar_one())


async def matching(
    connection: AsyncConnection,
    wanted: OpportunityFilter,
    *,
    today: date,
    limit: int,
    among: Collection[UUID] | None = None,
) -> list[UUID]:
    """Return the ids of those (of some only, if they are named) that match, in order, so many."""
    query = await conditions_of(connection, wanted, today=today)
    if among is not None:
        query.add("opportunity_id = ANY(CAST(:among AS uuid[]))", among=list(among))
    result = await connection.execute(
        text(
            f"SELECT opportunity_id FROM opportunity WHERE {query.where} "
            "ORDER BY opportunity_id LIMIT :limit"
        ),
        {**query.values, "limit": limit},
    )
    return list(result.scalars())


async def fetch_shown(
    connection: AsyncConnection, opportunity_ids: Sequence[UUID], *, language: str | None
) -> Sequence[Row[Any]]:
    """Return opportunities in the order of these ids, what they name by its name; one statement."""
    result = await connection.execute(_SHOWN, {"ids": list(opportunity_ids), "language": language})
    return result.all()


def _value(column: str) -> str:
    return f"""
        (SELECT jsonb_build_object('number', number,
                                   'title', coalesce(titles ->> CAST(:language AS text), title))
         FROM list_value WHERE key = opportunity.{column})
    """


_SHOWN = text(
    f"""
    SELECT opportunity.opportunity_id, opportunity.version, opportunity.project_source,
           opportunity.project_ref, opportunity.rule_violated, opportunity.name,
           opportunity.value, opportunity.currency, opportunity.expected_close,
           opportunity.outcome, opportunity.closed, opportunity.closed_on,
           opportunity.entered_at, opportunity.probability, opportunity.probability_source,
           opportunity.last_activity_at, opportunity.stale_reason, opportunity.created_at,
           opportunity.updated_at, opportunity.deleted_at,
           jsonb_build_object('customer_id', stands.customer_id, 'number', stands.number,
                              'name', stands.name) AS customer,
           ARRAY(SELECT jsonb_build_object('contact_id', contact_id, 'name', name) FROM contact
                 WHERE contact_id = ANY(opportunity.contacts) ORDER BY name, contact_id)
               AS contacts,
           {_value("pipeline")} AS pipeline, {_value("stage")} AS stage,
           {_value("rejection")} AS rejection, {_value("type")} AS type,
           {_value("origin")} AS source,
           ARRAY(SELECT jsonb_build_object('seller', seller, 'weight', weight)
                 FROM unnest(opportunity.sellers, opportunity.weights)
                      WITH ORDINALITY AS share (seller, weight, place) ORDER BY place) AS sellers
    FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS page (opportunity_id, place)
    JOIN opportunity USING (opportunity_id)
    JOIN customer AS named ON named.customer_id = opportunity.customer_id
    JOIN customer AS stands ON stands.customer_id = {survivor_of("named")}
    ORDER BY page.place
    """
)
