"""Take over activities; what was said in them is not told and not known here."""

from zoneinfo import ZoneInfo

from services.mailing.domain.facts import ActivityFacts
from services.mailing.handlers.news import news_of
from services.mailing.handlers.touch import touch
from services.mailing.persistence.projection_facts import save_activities
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.chassis.worker import Handler
from shared.contracts.activities import ActivityDeleted, ActivitySaved


def on_activity_saved(zone: ZoneInfo) -> Handler:
    """Return the handler of activities that were saved; days begin in this time zone."""

    def saved(message: Message[ActivitySaved]) -> ActivityFacts:
        data = message.data
        return ActivityFacts(
            activity_id=data.activity_id,
            version=data.version,
            told_customer_id=data.customer_id,
            customer_id=data.customer_id,
            contacts=tuple(data.contacts),
            category=data.category,
            kind=data.kind,
            type=data.type,
            attributes=tuple(sorted(set(data.attributes))),
            seller=data.seller,
            state=data.state,
            channel=data.channel,
            direction=data.direction,
            day=data.starts_at.astimezone(zone).date(),
        )

    async def handle(batch: Batch[ActivitySaved], uow: UnitOfWork) -> None:
        changed = await save_activities(uow.connection, news_of(batch, uow, saved))
        await touch(changed, uow)

    return handle


async def on_activity_deleted(batch: Batch[ActivityDeleted], uow: UnitOfWork) -> None:
    """Project deletions as tombstones, so that a late older message brings nothing back."""
    changed = await save_activities(uow.connection, news_of(batch, uow, _deleted))
    await touch(changed, uow)


def _deleted(message: Message[ActivityDeleted]) -> ActivityFacts:
    return ActivityFacts(message.data.activity_id, message.data.version, deleted=True)
