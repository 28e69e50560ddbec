"""What the mailing service needs to run."""

from pydantic import Field

from shared.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and how old the consent news may be."""

    consent_limit_seconds: float = Field(
        default=5.0, gt=0, le=60, description="older consent news stops marketing hand-off"
    )
