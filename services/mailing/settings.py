"""What the mailing service needs to run."""

from pydantic import Field, SecretStr

from shared.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, how old the consent news may be, and what hashes addresses."""

    suppression_key: SecretStr = Field(
        min_length=32, description="secret by which addresses are hashed; never another"
    )
    consent_limit_seconds: float = Field(
        default=5.0, gt=0, le=60, description="older consent news stops marketing hand-off"
    )
