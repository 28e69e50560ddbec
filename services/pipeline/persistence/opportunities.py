"""Statements on opportunities: many at a time, each a constant number of statements.

Nothing else writes them. What follows from them (forecasts, what was believed when, history) is
written by triggers.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.opportunity import StaleReason

COLUMNS = """
    opportunity.opportunity_id, opportunity.version, opportunity.customer_id,
    opportunity.project_source, opportunity.project_ref, opportunity.rule_violated,
    opportunity.name, opportunity.memo, opportunity.value, opportunity.currency,
    opportunity.lines, opportunity.expected_close, opportunity.pipeline, opportunity.stage,
    opportunity.outcome, opportunity.closed, opportunity.closed_on, opportunity.entered_at,
    opportunity.probability, opportunity.probability_source, opportunity.rejection,
    opportunity.type, opportunity.origin, opportunity.contacts, opportunity.sellers,
    opportunity.weights, opportunity.position, opportunity.last_activity_at,
    opportunity.stale_reason, opportunity.source, opportunity.ref, opportunity.created_at,
    opportunity.updated_at, opportunity.deleted_at,
    (SELECT number FROM list_value WHERE key = opportunity.pipeline) AS pipeline_number,
    (SELECT number FROM list_value WHERE key = opportunity.stage) AS stage_number,
    (SELECT number FROM list_value WHERE key = opportunity.rejection) AS rejection_number,
    (SELECT number FROM list_value WHERE key = opportunity.type) AS type_number,
    (SELECT number FROM list_value WHERE key = opportunity.origin) AS origin_number
"""


async def fetch_opportunities(
    connection: AsyncConnection, opportunity_ids: Collection[UUID], *, lock: bool = False
) -> dict[UUID, Row[Any]]:
    """Return these opportunities by id, deleted ones too; locked in one order if asked."""
    result = await connection.execute(
        text(
            f"SELECT {COLUMNS} FROM opportunity WHERE opportunity_id = ANY(CAST(:ids AS uuid[])) "
            f"ORDER BY opportunity_id {'FOR NO KEY UPDATE OF opportunity' if lock else ''}"
        ),
        {"ids": list(opportunity_ids)},
    )
    return {row.opportunity_id: row for row in result}


async def next_opportunities(
    connection: AsyncConnection, *, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """Return ids of opportunities behind one, deleted ones too."""
    result = await connection.execute(
        text(
            "SELECT opportunity_id FROM opportunity WHERE CAST(:after AS uuid) IS NULL "
            "OR opportunity_id > :after ORDER BY opportunity_id LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return result.scalars().all()


async def count_recorded(connection: AsyncConnection) -> int:
    """Return how many opportunities there are and were."""
    return int((await connection.execute(text("SELECT count(*) FROM opportunity"))).scalar_one())


async def insert_opportunities(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """
    Add opportunities; values of lists go by key.

    One without a `position` comes to the end of its stage; several do so in their order.
    """
    await connection.execute(_INSERT, {"rows": _as_json(rows), "now": now})


async def update_opportunities(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """
    Replace what these opportunities say; nothing about them is stale then, but an open one of
    whose day it was told that it has passed, if it is still that day.

    One without a `position` stays where it is, or comes to the end of the stage that it enters;
    several do so in their order.
    """
    await connection.execute(_UPDATE, {"rows": _as_json(rows), "now": now})


def as_stored(row: Row[Any]) -> dict[str, Any]:
    """Return an opportunity as a row to update it with: it stays as it is, where it is."""
    return {**row._mapping, "position": None}


async def set_deleted(
    connection: AsyncConnection,
    opportunity_ids: Collection[UUID],
    *,
    deleted: bool,
    now: datetime,
) -> None:
    """Delete opportunities softly, or bring them back."""
    await connection.execute(
        text(
            """
            UPDATE opportunity
            SET deleted_at = CASE WHEN :deleted THEN CAST(:now AS timestamptz) END,
                version = version + 1, updated_at = :now, stale_reason = NULL
            WHERE opportunity_id = ANY(CAST(:ids AS uuid[]))
            """
        ),
        {"ids": list(opportunity_ids), "deleted": deleted, "now": now},
    )


async def known_references(
    connection: AsyncConnection, source: str, refs: Collection[str]
) -> dict[str, UUID]:
    """Return the opportunities that were recorded under these keys of a source, deleted too."""
    result = await connection.execute(
        text(
            "SELECT ref, opportunity_id FROM opportunity "
            "WHERE source = :source AND ref = ANY(CAST(:refs AS text[]))"
        ),
        {"source": source, "refs": list(refs)},
    )
    return {row.ref: row.opportunity_id for row in result}


async def find_projects(
    connection: AsyncConnection, projects: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Row[Any]]:
    """Return these projects by (source, ref), each with who stands for its customer now."""
    result = await connection.execute(
        text(
            """
            SELECT project.source, project.project_ref, project.violated_rule,
                   coalesce(survivor_of(project.customer_id), project.customer_id) AS customer_id
            FROM unnest(CAST(:sources AS text[]), CAST(:refs AS text[]))
                 AS wanted (source, project_ref)
            JOIN project USING (source, project_ref)
            """
        ),
        {
            "sources": [source for source, _ in projects],
            "refs": [ref for _, ref in projects],
        },
    )
    return {(row.source, row.project_ref): row for row in result}


async def projects_called(
    connection: AsyncConnection, refs: Collection[str]
) -> dict[str, list[str]]:
    """Return, by reference, the sources that have a project called so."""
    result = await connection.execute(
        text(
            """
            SELECT project_ref, array_agg(source ORDER BY source) AS sources FROM project
            WHERE project_ref = ANY(CAST(:refs AS text[])) GROUP BY project_ref
            """
        ),
        {"refs": list(refs)},
    )
    return {row.project_ref: row.sources for row in result}


def _as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps([{**row, "place": place} for place, row in enumerate(rows)], default=str)


_RECORD = """
    jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (
        place int, opportunity_id uuid, customer_id uuid, project_source text, project_ref text,
        rule_violated text, name text, memo text, value bigint, currency text, lines jsonb,
        expected_close date, pipeline int, stage int, outcome text, closed boolean,
        closed_on date, probability smallint, probability_source text, rejection int, type int,
        origin int, contacts uuid[], sellers text[], weights smallint[], position numeric,
        source text, ref text)
"""
# Behind the last of the stage, each behind the one before it in `rows`.
_AT_THE_END = """
    coalesce((SELECT max(there.position) FROM opportunity AS there
              WHERE there.stage = new.stage AND there.deleted_at IS NULL), 0)
    + row_number() OVER (PARTITION BY new.stage ORDER BY new.place)
"""
_INSERT = text(
    f"""
    INSERT INTO opportunity (
        opportunity_id, version, customer_id, project_source, project_ref, rule_violated, name,
        memo, value, currency, lines, expected_close, pipeline, stage, outcome, closed, closed_on,
        entered_at, probability, probability_source, rejection, type, origin, contacts, sellers,
        weights, position, source, ref, created_at, updated_at)
    SELECT opportunity_id, 1, customer_id, project_source, project_ref, rule_violated, name,
           memo, value, currency, lines, expected_close, pipeline, stage, outcome, closed,
           closed_on, :now, probability, probability_source, rejection, type, origin, contacts,
           sellers, weights, coalesce(position, {_AT_THE_END}), source, ref, :now, :now
    FROM {_RECORD} ORDER BY place
    """
)
_UPDATE = text(
    f"""
    UPDATE opportunity
    SET version = version + 1, updated_at = :now,
        stale_reason = CASE WHEN opportunity.stale_reason = '{StaleReason.DATE_PASSED}'
                             AND new.outcome = 'open'
                             AND new.expected_close = opportunity.expected_close
                            THEN opportunity.stale_reason END,
        customer_id = new.customer_id, project_source = new.project_source,
        project_ref = new.project_ref, rule_violated = new.rule_violated, name = new.name,
        memo = new.memo, value = new.value, currency = new.currency, lines = new.lines,
        expected_close = new.expected_close, pipeline = new.pipeline, stage = new.stage,
        outcome = new.outcome, closed = new.closed, closed_on = new.closed_on,
        entered_at = CASE WHEN opportunity.stage = new.stage THEN opportunity.entered_at
                          ELSE :now END,
        probability = new.probability, probability_source = new.probability_source,
        rejection = new.rejection, type = new.type, origin = new.origin, contacts = new.contacts,
        sellers = new.sellers, weights = new.weights,
        position = CASE WHEN new.position IS NOT NULL THEN new.position
                        WHEN opportunity.stage = new.stage THEN opportunity.position
                        ELSE new.last END
    FROM (SELECT new.*, {_AT_THE_END} AS last FROM {_RECORD}) AS new
    WHERE opportunity.opportunity_id = new.opportunity_id
    """
)
