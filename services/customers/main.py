"""Runs the customers service by itself, over RabbitMQ."""

from services.customers.bootstrap import build
from services.customers.settings import Settings
from shared.chassis.alone import run_alone


def main() -> int:
    """Read the settings from the environment, serve until told to stop, return the exit code."""
    return run_alone(Settings.read(), build)
