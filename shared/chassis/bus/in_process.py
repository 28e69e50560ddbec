"""The in-process bus: a published message goes straight into the inboxes of its listeners.

A message counts as confirmed when all of them have committed it. Everything is bytes, as on a
broker, and the listeners' inboxes absorb the duplicates that a retry after half a success makes.
"""

from collections.abc import Sequence

from shared.chassis.bus.port import Bus, Listener, Outcome
from shared.chassis.logs import get_logger
from shared.chassis.messages import Incoming, Outgoing

log = get_logger(__name__)


class InProcessBus(Bus):
    """Carries events between services that run in one process."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._delivering = False

    def listen(self, listener: Listener) -> None:
        """Register a service; before `start`."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Begin to deliver."""
        self._delivering = True

    async def publish(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """
        Store the messages in every listener's inbox; all fail together if one of them fails.

        A message that must be heard and has no listener stays unheard, as it does on a broker.
        """
        if not self._delivering:
            return [Outcome.FAILED] * len(messages)
        for listener in self._listeners:
            heard = [
                Incoming(body=message.body, headers=message.headers)
                for message in messages
                if message.type in listener.types
            ]
            if not heard:
                continue
            try:
                await listener.store(heard)
            except Exception as error:
                log.warning("delivery_failed", listener=listener.service, error=repr(error))
                return [Outcome.FAILED] * len(messages)
        heard_types = frozenset().union(*(listener.types for listener in self._listeners))
        return [
            Outcome.UNHEARD
            if message.must_be_heard and message.type not in heard_types
            else Outcome.CONFIRMED
            for message in messages
        ]

    async def stop_delivery(self) -> None:
        """Deliver nothing more."""
        self._delivering = False

    async def stop(self) -> None:
        """Nothing to close."""
        self._delivering = False

    async def problem(self) -> str | None:
        """Return why messages cannot be carried, or None."""
        return None if self._delivering else "the in-process bus is stopped"
