"""Take over opportunities, for segments that ask what may be sold."""

from services.mailing.domain.facts import OpportunityFacts
from services.mailing.handlers.news import news_of
from services.mailing.handlers.touch import touch
from services.mailing.persistence.projection_facts import save_opportunities
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.pipeline import OpportunityDeleted, OpportunitySaved


async def on_opportunity_saved(batch: Batch[OpportunitySaved], uow: UnitOfWork) -> None:
    """Project opportunities; older versions than what stands change nothing."""
    changed = await save_opportunities(uow.connection, news_of(batch, uow, _saved))
    await touch(changed, uow)


async def on_opportunity_deleted(batch: Batch[OpportunityDeleted], uow: UnitOfWork) -> None:
    """Project deletions as tombstones, so that a late older message brings nothing back."""
    changed = await save_opportunities(uow.connection, news_of(batch, uow, _deleted))
    await touch(changed, uow)


def _saved(message: Message[OpportunitySaved]) -> OpportunityFacts:
    data = message.data
    return OpportunityFacts(
        opportunity_id=data.opportunity_id,
        version=data.version,
        told_customer_id=data.customer_id,
        customer_id=data.customer_id,
        contacts=tuple(data.contacts),
        name=data.name,
        pipeline=data.pipeline,
        stage=data.stage,
        type=data.type,
        source=data.source,
        outcome=data.outcome,
        closed=data.closed,
        closed_on=data.closed_on,
        expected_close=data.expected_close,
        value=data.value,
        currency=data.currency,
        sellers=tuple(share.seller for share in data.sellers),
    )


def _deleted(message: Message[OpportunityDeleted]) -> OpportunityFacts:
    return OpportunityFacts(message.data.opportunity_id, message.data.version, deleted=True)
