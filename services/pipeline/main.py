"""Runs the pipeline service by itself, over RabbitMQ."""

from services.pipeline.bootstrap import NAME, build
from services.pipeline.settings import Settings
from shared.chassis.bus.rabbitmq import RabbitBus
from shared.chassis.http.app import create_app
from shared.chassis.logs import configure_logs
from shared.chassis.process import run, serve


def main() -> int:
    """Read the settings from the environment, serve until told to stop, return the exit code."""
    settings = Settings.read()
    configure_logs(settings.log_level)

    async def serve_pipeline() -> int:
        service = build(settings, RabbitBus(settings.broker_url.get_secret_value()))
        app = create_app(
            [service], api_key=settings.api_key, title=f"Suhde {NAME}", version="0.1.0"
        )
        return await serve(app, [service], host=settings.host, port=settings.port)

    return run(serve_pipeline())
