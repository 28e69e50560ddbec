"""Tell of opportunities as they now stand, and of what became of them since."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.pipeline.domain.events import (
    OpportunityClosed,
    OpportunityDeleted,
    OpportunitySaved,
    OpportunityStageChanged,
)
from services.pipeline.domain.lists import Outcome
from services.pipeline.domain.opportunity import ProbabilitySource
from services.pipeline.persistence.opportunities import fetch_opportunities
from shared.chassis.messages import RecordedEvent
from shared.chassis.unit_of_work import UnitOfWork


async def tell_opportunities(
    opportunity_ids: Collection[UUID], uow: UnitOfWork
) -> dict[UUID, Row[Any]]:
    """Record these opportunities as they now stand; return their rows by id."""
    rows = await fetch_opportunities(uow.connection, opportunity_ids)
    uow.record_all(opportunity_told(row) for row in rows.values())
    return rows


async def tell_changes(
    opportunity_ids: Collection[UUID], before: Mapping[UUID, Row[Any]], uow: UnitOfWork
) -> dict[UUID, Row[Any]]:
    """
    Record these opportunities as they now stand, with changes of stage and of outcome.

    `before` is how they stood, of those that are not new. Returns their rows by id.
    """
    rows = await fetch_opportunities(uow.connection, opportunity_ids)
    for opportunity_id, row in rows.items():
        uow.record(opportunity_told(row))
        uow.record_all(_changes(before.get(opportunity_id), row, uow))
    return rows


def opportunity_told(row: Row[Any]) -> OpportunitySaved | OpportunityDeleted:
    """Return what the public is to know of an opportunity: its state, or that it is deleted."""
    if row.deleted_at is not None:
        return OpportunityDeleted(row.opportunity_id, row.version)
    return OpportunitySaved(
        opportunity_id=row.opportunity_id,
        version=row.version,
        customer_id=row.customer_id,
        project_source=row.project_source,
        project_ref=row.project_ref,
        name=row.name,
        value=row.value,
        currency=row.currency,
        expected_close=row.expected_close,
        pipeline=row.pipeline_number,
        stage=row.stage_number,
        outcome=Outcome(row.outcome),
        closed=row.closed,
        closed_on=row.closed_on,
        probability=row.probability,
        probability_source=ProbabilitySource(row.probability_source),
        rejection=row.rejection_number,
        type=row.type_number,
        source=row.origin_number,
        contacts=tuple(row.contacts),
        sellers=tuple(zip(row.sellers, row.weights, strict=True)),
        rule_violated=row.rule_violated,
    )


def _changes(before: Row[Any] | None, row: Row[Any], uow: UnitOfWork) -> Iterator[RecordedEvent]:
    if before is None or before.stage != row.stage:
        yield OpportunityStageChanged(
            opportunity_id=row.opportunity_id,
            version=row.version,
            customer_id=row.customer_id,
            pipeline=row.pipeline_number,
            from_stage=None if before is None else before.stage_number,
            stage=row.stage_number,
            outcome=Outcome(row.outcome),
            at=uow.now,
        )
    # Not for a day that was mended: each word of it is a milestone for good.
    if row.outcome != (Outcome.OPEN if before is None else before.outcome):
        yield OpportunityClosed(
            opportunity_id=row.opportunity_id,
            version=row.version,
            customer_id=row.customer_id,
            name=row.name,
            outcome=Outcome(row.outcome),
            closed_on=row.closed_on,
            at=uow.now,
            value=row.value,
            currency=row.currency,
        )
