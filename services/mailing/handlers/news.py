"""What a batch of messages says of records, each as the newest of them has it."""

from collections.abc import Callable
from typing import Any, TypeVar

from services.mailing.domain.facts import Facts, News, Told
from shared.chassis.messages import Batch, Message
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork

F = TypeVar("F", bound=Facts)


def news_of(batch: Batch[Any], uow: UnitOfWork, read: Callable[[Message[Any]], F]) -> list[News[F]]:
    """Read the messages as facts; of one record, return the newest."""
    return newest(
        (News(read(message), Told(message.type, message.message_id, uow.now)) for message in batch),
        key=lambda one: one.facts.key,
        version=lambda one: one.facts.order,
    )
