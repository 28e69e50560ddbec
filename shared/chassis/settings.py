"""Settings that every service has, read from `SUHDE_*` variables or from files in /run/secrets.

A wrong or missing setting stops the start with one clear line; there are no default credentials.
"""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS = Path("/run/secrets")


class BadSettings(Exception):
    """The service cannot start because a setting is missing or wrong."""


class EnvironmentSettings(BaseSettings):
    """Settings of one process, of which each must be present and right."""

    model_config = SettingsConfigDict(
        env_prefix="SUHDE_",
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
        extra="ignore",
        frozen=True,
    )

    @classmethod
    def read(cls) -> Self:
        """Read the settings from the environment; raise `BadSettings` naming each that is wrong."""
        try:
            return cls()
        except ValidationError as error:
            wrong = [
                f"SUHDE_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
                for problem in error.errors(include_input=False)
            ]
            raise BadSettings("; ".join(wrong)) from None


class ServiceSettings(EnvironmentSettings):
    """What a service needs to run beside its stores."""

    database_url: SecretStr = Field(description="postgresql+asyncpg://user:password@host/database")
    broker_url: SecretStr = Field(description="amqp://user:password@host/vhost")
    api_key: SecretStr = Field(min_length=24, description="bearer key that callers must present")
    time_zone: str = Field(default="Europe/Helsinki", description="where a day begins and ends")
    phone_region: str = Field(default="FI", pattern="^[A-Z]{2}$")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    pool_size: int = Field(default=8, ge=3, le=100)
    inbox_batch: int = Field(default=500, ge=1, le=5000)
    waiting_deadline_hours: float = Field(default=24.0, gt=0)
    retention_days: int = Field(default=30, ge=1, description="how long done messages are kept")
