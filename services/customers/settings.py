"""Settings of the customers service."""

from pydantic import Field

from services.customers.domain.business_ids import COUNTRIES
from shared.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """All that the customers service needs to run."""

    business_id_countries: str = Field(
        default=",".join(COUNTRIES),
        pattern=f"^(({'|'.join(COUNTRIES)})(,|$))*$",
        description="whose business ids are recognised, in capitals, parted by commas",
    )
    restore_enabled: bool = Field(
        default=False, description="shows deleted records and lets them be restored"
    )
