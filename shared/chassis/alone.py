"""Runs one service by itself, over RabbitMQ."""

from collections.abc import Callable
from typing import TypeVar

from shared.chassis.bus.port import Bus
from shared.chassis.bus.rabbitmq import RabbitBus
from shared.chassis.http.app import create_app
from shared.chassis.logs import configure_logs
from shared.chassis.process import run, serve
from shared.chassis.service import Service
from shared.chassis.settings import ServiceSettings

S = TypeVar("S", bound=ServiceSettings)


def run_alone(settings: S, build: Callable[[S, Bus], Service]) -> int:
    """Serve until told to stop; return the exit code."""
    configure_logs(settings.log_level)

    async def serve_it() -> int:
        service = build(settings, RabbitBus(settings.broker_url.get_secret_value()))
        app = create_app(
            [service], api_key=settings.api_key, title=f"Suhde {service.name}", version="0.1.0"
        )
        return await serve(app, [service], host=settings.host, port=settings.port)

    return run(serve_it())
