"""What must exist in RabbitMQ. Declared by a deploy step with its own rights, never by a service.

Each service has one quorum inbox queue. Whatever the broker cannot deliver goes, at least once, to
that service's dead-letter queue: a reject there must never lose a message, so the source queue
keeps it until the target has confirmed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from faststream.rabbit import ExchangeType, QueueType, RabbitExchange, RabbitQueue

DEAD_LETTERS = "suhde.dead"

# Deploys and crashes count as deliveries too; a low limit would dead-letter innocent messages.
DELIVERY_LIMIT = 50


def exchange(name: str, *, declare: bool) -> RabbitExchange:
    """Return a durable topic exchange, to be declared or only looked up."""
    return RabbitExchange(name, type=ExchangeType.TOPIC, durable=True, declare=declare)


def inbox_queue(service: str, *, declare: bool) -> RabbitQueue:
    """Return a service's inbox queue, to be declared or only looked up."""
    return RabbitQueue(
        f"suhde.{service}.inbox",
        queue_type=QueueType.QUORUM,
        durable=True,
        declare=declare,
        arguments={
            "x-dead-letter-exchange": DEAD_LETTERS,
            "x-dead-letter-routing-key": service,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-delivery-limit": DELIVERY_LIMIT,
        },
    )


def dead_letter_queue(service: str) -> RabbitQueue:
    """Return a service's dead-letter queue, to be declared."""
    return RabbitQueue(f"suhde.{service}.dead", queue_type=QueueType.QUORUM, durable=True)


def definitions(bindings: Mapping[str, Iterable[tuple[str, str]]], *, vhost: str) -> dict[str, Any]:
    """
    Return the topology as RabbitMQ definitions, for import at the broker's start.

    `bindings` maps a service to its (exchange, routing key) pairs.
    """
    exchanges = sorted({name for pairs in bindings.values() for name, _ in pairs} | {DEAD_LETTERS})
    queues = [
        queue
        for service in bindings
        for queue in (inbox_queue(service, declare=True), dead_letter_queue(service))
    ]
    return {
        "exchanges": [
            {
                "name": name,
                "vhost": vhost,
                "type": "topic",
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
            for name in exchanges
        ],
        "queues": [
            {
                "name": queue.name,
                "vhost": vhost,
                "durable": True,
                "auto_delete": False,
                "arguments": dict(queue.arguments or {}),
            }
            for queue in queues
        ],
        "bindings": [
            {
                "source": source,
                "vhost": vhost,
                "destination": destination,
                "destination_type": "queue",
                "routing_key": key,
                "arguments": {},
            }
            for service, pairs in bindings.items()
            for source, key, destination in (
                *((name, key, f"suhde.{service}.inbox") for name, key in pairs),
                (DEAD_LETTERS, service, f"suhde.{service}.dead"),
            )
        ],
    }
