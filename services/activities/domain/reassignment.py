"""Whose activities go to whom: the open ones, and those that were done in a period if asked."""

from dataclasses import dataclass
from datetime import date

from shared.chassis.errors import InvalidField


@dataclass(frozen=True, slots=True)
class Reassignment:
    """All open activities of the giver go to the receiver; done ones if a period is named."""

    giver: str
    receiver: str
    done_since: date | None = None
    done_until: date | None = None

    def __post_init__(self) -> None:
        """Refuse what names one seller twice, and a period that ends before it begins."""
        if self.giver == self.receiver:
            raise InvalidField("to_seller", "is the same seller", "Name another one.")
        if self.done_since and self.done_until and self.done_until < self.done_since:
            raise InvalidField("done_until", "it ends before it begins", "Send a later day.")

    @property
    def takes_done(self) -> bool:
        """Tell whether done activities go as well."""
        return self.done_since is not None or self.done_until is not None
