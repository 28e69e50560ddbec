"""Messages on their way: as they leave, as they arrive, and as a handler gets them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

T = TypeVar("T", covariant=True)

ReadData = Callable[[bytes, bool], bytes]
"""Take the data, as JSON, out of a stored body, which is structured or is the data itself; raise
`ValueError` with a text that names the mend."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event as the relay gives it to the bus."""

    message_id: UUID
    exchange: str
    type: str
    body: bytes
    headers: Mapping[str, str]
    # False where nobody need listen: an event that nobody wants must not stop the relay.
    must_be_heard: bool


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it came, unread."""

    body: bytes
    headers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message(Generic[T]):
    """One event of a batch, understood: who said it, when, and its data."""

    seq: int
    source: str
    message_id: str
    type: str
    time: datetime | None
    received_at: datetime
    data: T


@dataclass(slots=True)
class Batch(Generic[T]):
    """Messages of one type, in order of arrival, and what a handler decides about single ones.

    A message that the handler says nothing about counts as applied when the transaction commits.
    """

    messages: Sequence[Message[T]]
    waiting: dict[int, str] = field(default_factory=dict)
    parked: dict[int, tuple[str, str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Message[T]]:
        """Iterate over the messages in order of arrival."""
        return iter(self.messages)

    def __len__(self) -> int:
        """Return how many messages there are."""
        return len(self.messages)

    def wait(self, message: Message[Any], for_: str) -> None:
        """Put one message aside until `for_` is released, or its deadline parks it."""
        self.waiting[message.seq] = for_

    def park(self, message: Message[Any], *, reason: str, detail: str) -> None:
        """Set one message aside for a person: a stable reason, and a text that names the mend."""
        self.parked[message.seq] = (reason, detail)


class RecordedEvent(Protocol):
    """A fact of the domain, recorded in a unit of work; `publications` know how to tell it."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A recorded fact translated for the public: type, aggregate, and data as JSON bytes."""

    type: str
    subject: str
    body: bytes
