"""What the mailing service needs to run."""

from pydantic import Field, SecretStr, field_validator

from services.mailing.domain.link_keys import LinkKeys
from shared.chassis.outbound import Reach
from shared.chassis.settings import ServiceSettings

PUBLIC_URL = r"^(https://[\w.:-]+|http://(localhost|127\.0\.0\.1)(:[0-9]+)?)(/[\w./~-]*)?$"


class Settings(ServiceSettings):
    """The settings of every service, and those of gate, past, links, bounces and webhooks."""

    suppression_key: SecretStr = Field(
        min_length=32, description="secret by which addresses are hashed; never another"
    )
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

    webhook_ports: str = Field(
        default="443,8443",
        pattern=r"^[0-9]{1,5}(,[0-9]{1,5})*$",
        description="ports of public hosts that webhooks may be sent to, parted by commas",
    )
    webhook_private_hosts: str = Field(
        default="",
        pattern=r"^[a-z0-9_.:-]*(,[a-z0-9_.:-]+)*$",
        description="hosts of the house that webhooks may be sent to, by http too, on any port",
    )

    @property
    def webhook_reach(self) -> Reach:
        """Return what webhooks may be sent to."""
        return Reach(
            frozenset(int(port) for port in self.webhook_ports.split(",")),
            frozenset(filter(None, self.webhook_private_hosts.split(","))),
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
