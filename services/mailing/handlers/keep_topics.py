"""Make, change, archive and list the topics one writes about."""

from collections.abc import Mapping, Sequence

from services.mailing.domain.refusals import TopicArchived, TopicExists, TopicNotFound
from services.mailing.persistence import topics
from services.mailing.persistence.topics import Topic
from shared.chassis.errors import InvalidField, StaleVersion
from shared.chassis.unit_of_work import UnitOfWork


async def make_topic(key: str, titles: Mapping[str, str], uow: UnitOfWork) -> Topic:
    """Store a new topic and return it; refuse a key that is taken."""
    if not await topics.add(uow.connection, key, titles, uow.now):
        raise TopicExists(f"There is a topic {key} already.")
    return await show_topic(key, uow)


async def show_topic(key: str, uow: UnitOfWork) -> Topic:
    """Return one topic; refuse an unknown one."""
    found = await topics.find(uow.connection, key)
    if found is None:
        raise TopicNotFound(f"There is no topic {key!r}.")
    return found


async def named_topic(key: str, uow: UnitOfWork) -> Topic:
    """Return the topic that a request names; refuse an unknown one."""
    found = await topics.find(uow.connection, key)
    if found is None:
        raise InvalidField("topic", f"there is no topic {key!r}", TopicNotFound.remedy)
    return found


async def open_topic(key: str, uow: UnitOfWork) -> None:
    """Refuse a topic that may not be sent about: an unknown or an archived one."""
    if (await named_topic(key, uow)).archived:
        raise TopicArchived(f"The topic {key} is archived.")


async def list_topics(uow: UnitOfWork, *, after: str | None, limit: int) -> Sequence[Topic]:
    """Return topics in the order of their keys."""
    return await topics.page(uow.connection, after=after, limit=limit)


async def change_topic(
    key: str, titles: Mapping[str, str], uow: UnitOfWork, *, archived: bool, expected: int
) -> Topic:
    """
    Change titles of a topic that still has the expected version, archive it or take it back.

    Its bans stay, and hold again when it comes back.
    """
    changed = await topics.change(
        uow.connection, key, expected=expected, titles=titles, archived=archived, now=uow.now
    )
    held = await show_topic(key, uow)
    if not changed:
        raise StaleVersion(f"The topic is at version {held.version}, not {expected}.")
    return held
