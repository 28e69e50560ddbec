"""Settings of the customers service."""

from shared.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """All that the customers service needs to run."""
