"""What the chassis asks of a bus, and what it promises to whoever listens.

- A message is confirmed only when it is safe: stored by the broker, or committed in the inbox of
  every listener. An unconfirmed message is published again, so listeners meet duplicates.
- Bodies are bytes on every bus.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from shared.chassis.messages import Incoming, Outgoing

Store = Callable[[Sequence[Incoming]], Awaitable[object]]
"""Store messages in a service's inbox and commit; raises if they are not safely stored."""


class Outcome(Enum):
    """What became of one published message."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"  # the message itself is at fault: publishing it again will not help
    UNHEARD = "unheard"  # nobody who must hear it is there: publish it again later
    FAILED = "failed"  # the bus is at fault: publish it again


@dataclass(frozen=True, slots=True)
class Listener:
    """A service that hears: its name, the event types it is bound to, and its inbox."""

    service: str
    types: frozenset[str]
    store: Store


class Bus(Protocol):
    """Carries events between services."""

    def listen(self, listener: Listener) -> None:
        """Register a service; before `start`."""

    async def start(self) -> None:
        """Connect and begin to deliver; returns at once even when the broker is away."""

    async def publish(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Publish in order; return one outcome per message, in the same order."""

    async def stop_delivery(self) -> None:
        """Deliver nothing more; messages not yet stored go back to where they came from."""

    async def stop(self) -> None:
        """Close; bounded in time."""

    async def problem(self) -> str | None:
        """Return why the bus cannot carry messages right now, or None if it can."""
