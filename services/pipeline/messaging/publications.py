"""What we tell: each domain event translated, field by field and on purpose, into its contract."""

from functools import singledispatch

from services.pipeline.domain import events
from services.pipeline.domain.money import to_major
from shared.chassis.messages import Publication
from shared.contracts import pipeline as told
from shared.contracts.types import EARLIEST
from shared.contracts.wiring import publication
from shared.lists.events import ListValueRemoved, ListValueSaved

SOURCE = "/suhde/pipeline"


@singledispatch
def translate(event: object) -> Publication:
    """Return the public form of a domain event."""
    raise TypeError(f"{type(event).__name__} has no publication")


@translate.register
def _(event: events.OpportunitySaved) -> Publication:
    return publication(
        told.OpportunitySaved(
            opportunity_id=event.opportunity_id,
            version=event.version,
            customer_id=event.customer_id,
            project_source=event.project_source,
            project_ref=event.project_ref,
            name=event.name,
            value=to_major(event.value, event.currency),
            currency=event.currency,
            expected_close=event.expected_close,
            pipeline=event.pipeline,
            stage=event.stage,
            outcome=event.outcome.value,
            closed=event.closed,
            closed_on=event.closed_on,
            probability=event.probability,
            probability_source=event.probability_source.value,
            rejection=event.rejection,
            type=event.type,
            source=event.source,
            contacts=list(event.contacts),
            sellers=[
                told.SellerShare(seller=seller, weight=weight) for seller, weight in event.sellers
            ],
            rule_violated=event.rule_violated,
        ),
        subject=f"opportunity/{event.opportunity_id}",
    )


@translate.register
def _(event: events.OpportunityDeleted) -> Publication:
    return publication(
        told.OpportunityDeleted(opportunity_id=event.opportunity_id, version=event.version),
        subject=f"opportunity/{event.opportunity_id}",
    )


@translate.register
def _(event: events.OpportunityStageChanged) -> Publication:
    return publication(
        told.OpportunityStageChanged(
            opportunity_id=event.opportunity_id,
            version=event.version,
            customer_id=event.customer_id,
            pipeline=event.pipeline,
            from_stage=event.from_stage,
            stage=event.stage,
            outcome=event.outcome.value,
            at=event.at,
        ),
        subject=f"opportunity/{event.opportunity_id}",
    )


@translate.register
def _(event: events.OpportunityClosed) -> Publication:
    return publication(
        told.OpportunityClosed(
            opportunity_id=event.opportunity_id,
            version=event.version,
            customer_id=event.customer_id,
            name=event.name,
            outcome=event.outcome.value,
            closed_on=event.closed_on,
            at=event.at,
            value=to_major(event.value, event.currency),
            currency=event.currency,
        ),
        subject=f"opportunity/{event.opportunity_id}",
    )


@translate.register
def _(event: events.OpportunityWentStale) -> Publication:
    return publication(
        told.OpportunityWentStale(
            opportunity_id=event.opportunity_id,
            version=event.version,
            customer_id=event.customer_id,
            reason=event.reason.value,
            since=event.since,
        ),
        subject=f"opportunity/{event.opportunity_id}",
    )


@translate.register
def _(event: events.UserGroupSaved) -> Publication:
    return publication(
        told.UserGroupSaved(
            group_id=event.group_id,
            version=event.version,
            title=event.title,
            kind=event.kind.value,
            parent_id=event.parent_id,
            members=[
                told.Membership(
                    seller=one.seller,
                    since=None if one.since == EARLIEST else one.since,
                    until=one.until,
                )
                for one in event.members
            ],
            removed=event.removed,
        ),
        subject=f"user-group/{event.group_id}",
    )


@translate.register
def _(event: ListValueSaved) -> Publication:
    return publication(
        told.ClassificationSaved(
            list_name=event.list_name,
            value_id=event.value_id,
            version=event.version,
            number=event.number,
            title=event.title,
            titles=dict(event.titles),
            order=event.order,
            archived=event.archived,
            parent=event.parent,
            flags=event.flags,
            facts=event.texts,
        ),
        subject=f"classification/{event.value_id}",
    )


@translate.register
def _(event: ListValueRemoved) -> Publication:
    return publication(
        told.ClassificationSaved(
            list_name=event.list_name,
            value_id=event.value_id,
            version=event.version,
            number=event.number,
            title=event.title,
            removed=True,
        ),
        subject=f"classification/{event.value_id}",
    )
