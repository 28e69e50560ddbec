"""Statements on what others told: the newest word on each project and document holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project as it is to stand."""

    source: str
    project_ref: str
    version: int
    customer_id: UUID
    name: str
    active: bool
    violated_rule: str | None


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document as it is to stand; of one version, what was recorded last holds."""

    source: str
    kind: str
    document_id: str
    version: int
    recorded_at: datetime
    customer_id: UUID
    voided: bool
    document_date: date | None
    currency: str | None
    net_amount: int | None


async def save_projects(connection: AsyncConnection, rows: Sequence[ProjectRow]) -> None:
    """Take over the projects that are newer than what stands; one row per key, please."""
    await connection.execute(
        _PROJECTS,
        {
            "sources": [row.source for row in rows],
            "refs": [row.project_ref for row in rows],
            "versions": [row.version for row in rows],
            "customers": [row.customer_id for row in rows],
            "names": [row.name for row in rows],
            "active": [row.active for row in rows],
            "rules": [row.violated_rule for row in rows],
        },
    )


async def save_documents(connection: AsyncConnection, rows: Sequence[DocumentRow]) -> None:
    """Take over the documents that are newer than what stands; one row per key, please."""
    await connection.execute(
        _DOCUMENTS,
        {
            "sources": [row.source for row in rows],
            "kinds": [row.kind for row in rows],
            "ids": [row.document_id for row in rows],
            "versions": [row.version for row in rows],
            "recorded": [row.recorded_at for row in rows],
            "customers": [row.customer_id for row in rows],
            "voided": [row.voided for row in rows],
            "dates": [row.document_date for row in rows],
            "currencies": [row.currency for row in rows],
            "amounts": [row.net_amount for row in rows],
        },
    )


_PROJECTS = text(
    """
    INSERT INTO project (source, project_ref, version, customer_id, name, active, violated_rule)
    SELECT source, project_ref, version, customer_id, name, active, rule FROM unnest(
        CAST(:sources AS text[]), CAST(:refs AS text[]), CAST(:versions AS bigint[]),
        CAST(:customers AS uuid[]), CAST(:names AS text[]), CAST(:active AS boolean[]),
        CAST(:rules AS text[]))
        AS new (source, project_ref, version, customer_id, name, active, rule)
    ORDER BY source COLLATE "C", project_ref COLLATE "C"
    ON CONFLICT (source, project_ref) DO UPDATE SET
        version = EXCLUDED.version, customer_id = EXCLUDED.customer_id, name = EXCLUDED.name,
        active = EXCLUDED.active, violated_rule = EXCLUDED.violated_rule
    WHERE EXCLUDED.version > project.version
    """
)
_DOCUMENTS = text(
    """
    INSERT INTO document (source, kind, document_id, document_version, recorded_at, customer_id,
                          voided, document_date, currency, net_amount)
    SELECT source, kind, document_id, version, recorded_at, customer_id, voided, day, currency,
           amount
    FROM unnest(
        CAST(:sources AS text[]), CAST(:kinds AS text[]), CAST(:ids AS text[]),
        CAST(:versions AS bigint[]), CAST(:recorded AS timestamptz[]), CAST(:customers AS uuid[]),
        CAST(:voided AS boolean[]), CAST(:dates AS date[]), CAST(:currencies AS text[]),
        CAST(:amounts AS bigint[]))
        AS new (source, kind, document_id, version, recorded_at, customer_id, voided, day, currency,
                amount)
    ORDER BY source COLLATE "C", kind COLLATE "C", document_id COLLATE "C"
    ON CONFLICT (source, kind, document_id) DO UPDATE SET
        document_version = EXCLUDED.document_version, recorded_at = EXCLUDED.recorded_at,
        customer_id = EXCLUDED.customer_id, voided = EXCLUDED.voided,
        document_date = EXCLUDED.document_date, currency = EXCLUDED.currency,
        net_amount = EXCLUDED.net_amount
    WHERE (EXCLUDED.document_version, EXCLUDED.recorded_at)
          >= (document.document_version, document.recorded_at)
    """
)
