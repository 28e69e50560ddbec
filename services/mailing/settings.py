"""What the mailing service needs to run."""

from pydantic import Field

from shared.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, how old the consent news may be, how long what was is kept."""

    consent_limit_seconds: float = Field(
        default=5.0, gt=0, le=60, description="older consent news stops marketing hand-off"
    )
    past_days: int = Field(
        default=1100, ge=1, le=36500, description="how long it is known what customers were before"
    )
