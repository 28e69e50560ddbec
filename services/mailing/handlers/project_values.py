"""Take over the values of the lists of all services; a test sees to it that no two share a name."""

from services.mailing.domain.facts import ValueFacts
from services.mailing.domain.lists import above, bundled
from services.mailing.handlers.news import news_of
from services.mailing.handlers.touch import touch
from services.mailing.persistence.projection_facts import save_values
from shared.chassis.messages import Batch, Message
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts import activities, customers, pipeline
from shared.contracts.held import token

ClassificationSaved = (
    customers.ClassificationSaved | activities.ClassificationSaved | pipeline.ClassificationSaved
)


async def on_classification_saved(batch: Batch[ClassificationSaved], uow: UnitOfWork) -> None:
    """Project the values of all lists; one that was removed stays as a tombstone."""
    numbered = [message for message in batch if message.data.number is not None]
    changed = await save_values(uow.connection, news_of(Batch(numbered), uow, _saved))
    await touch(changed, uow)


def _saved(message: Message[ClassificationSaved]) -> ValueFacts:
    data = message.data
    assert data.number is not None
    parent = None if isinstance(data, activities.ClassificationSaved) else data.parent
    members = data.members if isinstance(data, customers.ClassificationSaved) else []
    return ValueFacts(
        token=token(data.list_name, data.number),
        list_name=data.list_name,
        number=data.number,
        version=data.version,
        title=data.title,
        titles=data.titles,
        above=above(data.list_name, parent),
        bundled=bundled(data.list_name, members),
        flags=data.flags,
        archived=data.archived,
        removed=data.removed,
    )
