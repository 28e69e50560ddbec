"""What the mailing service needs to run."""

from pydantic import Field, SecretStr, field_validator

from services.mailing.domain.link_keys import LinkKeys
from shared.chassis.settings import ServiceSettings

PUBLIC_URL = r"^(https://[\w.:-]+|http://(localhost|127\.0\.0\.1)(:[0-9]+)?)(/[\w./~-]*)?$"


class Settings(ServiceSettings):
    """The settings of every service, those of the gate, of what was, of links and of bounces."""

    consent_limit_seconds: float = Field(
        default=5.0, gt=0, le=60, description="older consent news stops marketing hand-off"
    )
    past_days: int = Field(
        default=1100, ge=1, le=36500, description="how long it is known what customers were before"
    )
    link_key: SecretStr = Field(
        description="keys that sign unsubscribe links, separated by commas; the first signs"
    )
    public_url: str | None = Field(
        default=None,
        max_length=300,
        pattern=PUBLIC_URL,
        description="address under which recipients reach /u/ of this service",
    )
    soft_bounce_days: int = Field(
        default=5, ge=1, le=365, description="days with soft bounces that suppress an address"
    )
    bounce_window_days: int = Field(
        default=30, ge=1, le=365, description="how long a bounce says something of an address"
    )

    @field_validator("link_key")
    @classmethod
    def _readable(cls, keys: SecretStr) -> SecretStr:
        LinkKeys.read(keys.get_secret_value())
        return keys

    @field_validator("public_url", mode="before")
    @classmethod
    def _none_if_empty(cls, url: object) -> object:
        # Compose passes on a variable that is not set as an empty one.
        return url or None
