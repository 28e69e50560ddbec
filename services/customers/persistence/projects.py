"""Statements on projects of ERPs and on the rules that were broken when customers were picked."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.events import RuleViolated
from services.customers.domain.projects import ProjectState


class ProjectMeanwhile(TimeoutError):
    """A project became known between being looked for and being saved; done again, it is found."""


async def lock_projects(
    connection: AsyncConnection, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], ProjectState]:
    """Lock those projects that are known and return them, each at the survivor of its customer."""
    wanted = list(keys)
    result = await connection.execute(
        _LOCK,
        {"sources": [source for source, _ in wanted], "refs": [ref for _, ref in wanted]},
    )
    states = (ProjectState(**row._mapping) for row in result)
    return {state.key: state for state in states}


async def insert_projects(connection: AsyncConnection, states: Sequence[ProjectState]) -> None:
    """Insert projects that were not known; if another worker was faster, all is to be done anew."""
    result = await connection.execute(_INSERT, _columns(states))
    if result.rowcount < len(states):
        raise ProjectMeanwhile("A project was saved by another worker just now.")


async def update_projects(connection: AsyncConnection, states: Sequence[ProjectState]) -> None:
    """Replace projects that are locked."""
    await connection.execute(_UPDATE, _columns(states))


async def next_projects(
    connection: AsyncConnection, *, after: ProjectState | None, limit: int
) -> Sequence[ProjectState]:
    """Lock the next projects in the order of their keys and return them as they were recorded."""
    source, ref = after.key if after else ("", "")
    result = await connection.execute(_NEXT, {"source": source, "ref": ref, "limit": limit})
    return [ProjectState(**row._mapping) for row in result]


async def keep_violations(
    connection: AsyncConnection, violations: Sequence[RuleViolated], *, now: datetime
) -> None:
    """Keep that rules were broken, for good, and in the histories of the customers as well."""
    await connection.execute(
        _KEEP,
        {
            "customers": [one.customer_id for one in violations],
            "purposes": [one.purpose.value for one in violations],
            "rules": [one.rule for one in violations],
            "numbers": [one.status.number if one.status else None for one in violations],
            "titles": [one.status.title if one.status else None for one in violations],
            "sources": [one.project_source for one in violations],
            "refs": [one.project_ref for one in violations],
            "events": [one.event_id for one in violations],
            "said_at": [one.said_at for one in violations],
            "now": now,
        },
    )


async def fetch_violations(
    connection: AsyncConnection, customer_id: UUID | None, *, before: int | None, limit: int
) -> Sequence[Row[Any]]:
    """Return violations older than `before`, the newest first, of all customers or of one."""
    given = {"before": before, "limit": limit}
    if customer_id is None:
        result = await connection.execute(_VIOLATIONS, given)
    else:
        result = await connection.execute(_VIOLATIONS_OF, {**given, "id": customer_id})
    return result.all()


def _columns(states: Sequence[ProjectState]) -> dict[str, list[Any]]:
    # In one order, so that no two workers wait for each other.
    ordered = sorted(states, key=lambda state: state.key)
    return {
        "sources": [state.source for state in ordered],
        "refs": [state.project_ref for state in ordered],
        "versions": [state.version for state in ordered],
        "said_at": [state.said_at for state in ordered],
        "customers": [state.customer_id for state in ordered],
        "names": [state.name for state in ordered],
        "active": [state.active for state in ordered],
        "rules": [state.violated_rule for state in ordered],
    }


_LOCK = text(
    """
    SELECT source, project_ref, version, said_at, customer_survivor(customer_id) AS customer_id,
           name, active, violated_rule
    FROM unnest(CAST(:sources AS text[]), CAST(:refs AS text[])) AS wanted (source, project_ref)
    JOIN erp_project AS project USING (source, project_ref)
    ORDER BY source, project_ref FOR NO KEY UPDATE OF project
    """
)
_STATE = "source, project_ref, version, said_at, customer_id, name, active, violated_rule"
_NEXT = text(
    f"""
    SELECT {_STATE} FROM erp_project WHERE (source, project_ref) > (:source, :ref)
    ORDER BY source, project_ref LIMIT :limit FOR SHARE
    """
)
_TOLD = f"""
    unnest(CAST(:sources AS text[]), CAST(:refs AS text[]), CAST(:versions AS bigint[]),
           CAST(:said_at AS timestamptz[]), CAST(:customers AS uuid[]), CAST(:names AS text[]),
           CAST(:active AS boolean[]), CAST(:rules AS text[])) AS told ({_STATE})
"""
_INSERT = text(
    f"INSERT INTO erp_project ({_STATE}) SELECT {_STATE} FROM {_TOLD} ON CONFLICT DO NOTHING"
)
_UPDATE = text(
    f"""
    UPDATE erp_project AS project SET version = told.version, said_at = told.said_at,
        customer_id = told.customer_id, name = told.name, active = told.active,
        violated_rule = told.violated_rule
    FROM {_TOLD}
    WHERE project.source = told.source AND project.project_ref = told.project_ref
    """
)
_FACT = "customer_id, purpose, rule, status_number, status_title, source, project_ref, event_id"
_KEEP = text(
    f"""
    WITH kept AS (
        INSERT INTO rule_violation ({_FACT}, said_at, recorded_at)
        SELECT {_FACT}, said_at, :now
        FROM unnest(CAST(:customers AS uuid[]), CAST(:purposes AS text[]), CAST(:rules AS text[]),
                    CAST(:numbers AS integer[]), CAST(:titles AS text[]), CAST(:sources AS text[]),
                    CAST(:refs AS text[]), CAST(:events AS text[]),
                    CAST(:said_at AS timestamptz[]))
             WITH ORDINALITY AS told ({_FACT}, said_at, place)
        ORDER BY place
        RETURNING violation_id, {_FACT})
    INSERT INTO history (record, record_id, at, actor, before, after)
    SELECT 'customer', customer_id, :now, nullif(current_setting('suhde.actor', true), ''),
           '{{"rule_violated": null}}', jsonb_build_object('rule_violated', jsonb_build_object(
               'purpose', purpose, 'rule', rule,
               'status', CASE WHEN status_number IS NOT NULL THEN jsonb_build_object(
                   'number', status_number, 'title', status_title) END,
               'project', jsonb_build_object('source', source, 'ref', project_ref)))
    FROM kept ORDER BY violation_id
    """
)


def _newest(of: str) -> str:
    return f"""
        SELECT violation_id, {_FACT}, said_at, recorded_at FROM rule_violation AS violation
        WHERE {of} AND (CAST(:before AS bigint) IS NULL OR violation_id < :before)
        ORDER BY violation_id DESC LIMIT :limit
    """


_SHOWN = """
    SELECT violation_id, customer_survivor(violation.customer_id) AS customer_id, purpose, rule,
           status_number, status_title, source, project_ref, project.name AS project_name,
           project.active AS project_active, event_id, violation.said_at, recorded_at
    FROM ({}) AS violation JOIN erp_project AS project USING (source, project_ref)
    ORDER BY violation_id DESC LIMIT :limit
"""
_VIOLATIONS = text(_SHOWN.format(_newest("true")))
# Those of the customers that were merged into it are its own; of each the newest are looked at.
_VIOLATIONS_OF = text(
    "WITH RECURSIVE one AS (SELECT CAST(:id AS uuid) AS customer_id UNION "
    "SELECT customer.customer_id FROM one JOIN customer ON customer.merged_into = one.customer_id)"
    + _SHOWN.format(
        f"""
        SELECT newest.violation_id, {", ".join(f"newest.{one}" for one in _FACT.split(", "))},
               newest.said_at, newest.recorded_at
        FROM one CROSS JOIN LATERAL ({_newest("violation.customer_id = one.customer_id")}) AS newest
        """
    )
)
