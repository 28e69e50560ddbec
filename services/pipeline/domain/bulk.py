"""What becomes of many opportunities at once."""

from dataclasses import dataclass

from shared.chassis.errors import InvalidField, Kind, Refusal

AT_MOST = 1000
"""So many opportunities does one bulk move take."""
FURTHEST = 3650
"""So many days is a date put off, or brought forward, at most."""


class TooMany(Refusal):
    """More opportunities match than one bulk move takes."""

    slug = "too_many_opportunities"
    remedy = f"Narrow the filter to {AT_MOST} at most, and move the others next."


class NotAllCanMove(Refusal):
    """Some of the opportunities cannot be moved so; none is."""

    kind = Kind.CONFLICT
    slug = "not_all_can_move"
    remedy = "Mend or leave out those that are named; `dry_run` tells all of them beforehand."


@dataclass(frozen=True, slots=True)
class Change:
    """To what: a stage by number, a seller, some days later (or earlier); at least one of them."""

    stage: int | None = None
    pipeline: int | None = None
    rejection: int | None = None
    reset_probability: bool = False
    seller: str | None = None
    shift_days: int = 0

    def __post_init__(self) -> None:
        """Refuse what changes nothing."""
        if self.stage is None and self.seller is None and self.shift_days == 0:
            raise InvalidField(
                "to", "it changes nothing", "Send `stage`, `seller` or `shift_days`."
            )
        beside = (self.pipeline, self.rejection, self.reset_probability or None)
        if self.stage is None and any(one is not None for one in beside):
            raise InvalidField(
                "to.stage",
                "a pipeline, a reason and a reset go with a stage",
                "Send the stage as well.",
            )
