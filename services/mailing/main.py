"""Runs the mailing service by itself, over RabbitMQ."""

import sys

from services.mailing.bootstrap import NAME, build
from services.mailing.settings import Settings
from shared.chassis.bus.rabbitmq import RabbitBus
from shared.chassis.http.app import create_app
from shared.chassis.logs import configure_logs
from shared.chassis.process import run, serve
from shared.chassis.settings import BadSettings

BAD_SETTINGS = 2


def main() -> int:
    """Read the settings from the environment, serve until told to stop, return the exit code."""
    try:
        settings = Settings.read()
    except BadSettings as error:
        sys.stderr.write(f"{error}\n")
        return BAD_SETTINGS
    configure_logs(settings.log_level)

    async def serve_mailing() -> int:
        service = build(settings, RabbitBus(settings.broker_url.get_secret_value()))
        app = create_app(
            [service], api_key=settings.api_key, title=f"Suhde {NAME}", version="0.1.0"
        )
        return await serve(app, [service], host=settings.host, port=settings.port)

    return run(serve_mailing())


if __name__ == "__main__":
    sys.exit(main())
