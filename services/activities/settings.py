"""What the activities service needs to run."""

from pathlib import Path

from pydantic import Field

from shared.chassis.settings import ServiceSettings

MEGABYTE = 2**20


class Settings(ServiceSettings):
    """The settings of every service, where attachments are kept, and how large one may be."""

    attachments_path: Path = Field(
        default=Path("attachments"), description="directory of the attachments, a volume of its own"
    )
    attachment_megabytes: int = Field(default=25, ge=1, le=1024)
