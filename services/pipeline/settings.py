"""What the pipeline service needs to run."""

from pydantic import Field

from shared.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and what is taken for granted of opportunities here."""

    currency: str = Field(
        default="EUR",
        pattern="^[A-Z]{3}$",
        description="the house's currency: exchange rates are in it (ISO 4217)",
    )
    rejection_required: bool = Field(
        default=True, description="whoever loses a deal says why (TS-A2)"
    )
    stale_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="an open opportunity with which nothing was done for so long is reported",
    )
