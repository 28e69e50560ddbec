"""Projects of an ERP as it told them: of two states of one project, which is the newer.

The higher version wins; between states without versions the later time wins, and what they say
decides a tie, so that every order of delivery ends in the same state.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.customers.domain.documents import Contradiction


@dataclass(frozen=True, slots=True)
class ProjectState:
    """
    One project as some event told it. `version` 0 means that the ERP gives no versions.

    `violated_rule` is the rule by which its customer could not be picked when it was, if any.
    """

    source: str
    project_ref: str
    version: int
    said_at: datetime
    customer_id: UUID
    name: str
    active: bool
    violated_rule: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Return what names the project."""
        return self.source, self.project_ref

    @property
    def content(self) -> tuple[UUID, str, bool]:
        """Return what is said of the project."""
        return self.customer_id, self.name, self.active


def is_newer(told: ProjectState, known: ProjectState) -> bool:
    """Tell whether an event follows what is known: what is older or repeated changes nothing."""
    if told.version > 0 and told.version == known.version:
        return False
    return (told.version, told.said_at, told.content) > (
        known.version,
        known.said_at,
        known.content,
    )


def picks(told: ProjectState, known: ProjectState) -> bool:
    """Tell whether this is a new pick of the customer; what was picked before stays (VF-A5)."""
    return known.customer_id != told.customer_id


def contradiction(told: ProjectState, known: ProjectState) -> Contradiction | None:
    """Tell whether an event says other things than an earlier one of the same version."""
    if told.version == 0 or told.version != known.version or told.content == known.content:
        return None
    return Contradiction(
        "project_version_reused",
        f"version: {told.version} of {told.project_ref!r} came before with other content. Send "
        "the change under a higher version.",
    )
