"""Runs the mailing service by itself, over RabbitMQ."""

import sys

from services.mailing.bootstrap import build
from services.mailing.settings import Settings
from shared.chassis.alone import run_alone
from shared.chassis.settings import BadSettings

BAD_SETTINGS = 2


def main() -> int:
    """Read the settings from the environment, serve until told to stop, return the exit code."""
    try:
        settings = Settings.read()
    except BadSettings as error:
        sys.stderr.write(f"{error}\n")
        return BAD_SETTINGS
    return run_alone(settings, build)


if __name__ == "__main__":
    sys.exit(main())
