"""The sales process as it stands: pipelines, stages in their order, reasons; all of them kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Row

from services.pipeline.domain.lists import LISTS, PIPELINE, REQUIREMENTS, STAGE, Outcome
from services.pipeline.domain.opportunity import ProbabilitySource
from services.pipeline.domain.stages import Stage, Standing
from shared.chassis.errors import InvalidField, StaleVersion


@dataclass(frozen=True, slots=True)
class Process:
    """All pipelines, stages in their order and reasons, and other values that were asked for."""

    values: Mapping[tuple[str, int], Row[Any]]
    stages: Mapping[int, Stage]

    def of(self, pipeline: int) -> list[Stage]:
        """Return the stages of a pipeline in their order."""
        return [stage for stage in self.stages.values() if stage.pipeline == pipeline]

    def value(self, field: str, name: str, number: int, held: int | None) -> Row[Any]:
        """Return a value by its number; refuse, by field, one that may not be chosen."""
        row = self.values.get((name, number))
        path = LISTS[name].path
        if row is None:
            raise InvalidField(field, f"there is no {name} {number}", f"List them: GET /v1/{path}.")
        if row.archived_at is not None and row.key != held:
            raise InvalidField(
                field, f"{row.title!r} is archived", f"Choose a live one: GET /v1/{path}."
            )
        return row

    def pipeline(self, number: int | None, held: int | None) -> int:
        """Return the key of a pipeline: that of the number, else that held, else the default."""
        if number is not None:
            return int(self.value("pipeline", PIPELINE, number, held).key)
        if held is not None:
            return held
        default = next(
            row
            for (name, _), row in self.values.items()
            if name == PIPELINE and row.facts["default"]
        )
        return int(default.key)

    def stage(self, number: int, pipeline: int, held: int | None) -> Stage:
        """Return a stage by its number; refuse one of another pipeline."""
        stage = self.stages[self.value("stage", STAGE, number, held).key]
        if stage.pipeline != pipeline:
            numbers = ", ".join(str(one.number) for one in self.of(pipeline) if not one.archived)
            raise InvalidField(
                "stage",
                f"{stage.title!r} ({number}) is a stage of another pipeline",
                f"Choose one of {numbers}, or send `pipeline` as well.",
            )
        return stage

    def present(self, key: int) -> Stage:
        """Return the stage on which an opportunity is; refuse one that is newer than this."""
        if key not in self.stages:
            raise StaleVersion("It has just come to a new stage.", remedy="Ask once more.")
        return self.stages[key]

    def first(self, pipeline: int) -> Stage:
        """Return the first stage of a pipeline that is open; refuse a pipeline that has none."""
        for stage in self.of(pipeline):
            if stage.outcome is Outcome.OPEN and not stage.archived:
                return stage
        raise InvalidField("pipeline", "it has no open stage", "Add one: POST /v1/stages.")


def process_of(rows: Iterable[Row[Any]]) -> Process:
    """Return the process that these values make."""
    rows = list(rows)
    stages = [row for row in rows if row.list == STAGE]
    stages.sort(key=lambda row: (row.position, row.title.lower(), row.number))
    return Process(
        {(row.list, row.number): row for row in rows}, {row.key: _stage(row) for row in stages}
    )


def standing_of(row: Row[Any]) -> Standing:
    """Return how an opportunity stands."""
    return Standing(
        stage=row.stage,
        outcome=Outcome(row.outcome),
        closed=row.closed,
        closed_on=row.closed_on,
        probability=row.probability,
        source=ProbabilitySource(row.probability_source),
        rejection=row.rejection,
    )


def standing_columns(standing: Standing) -> dict[str, Any]:
    """Return what an opportunity stores of how it stands."""
    return {
        "stage": standing.stage,
        "outcome": standing.outcome,
        "closed": standing.closed,
        "closed_on": standing.closed_on,
        "probability": standing.probability,
        "probability_source": standing.source,
        "rejection": standing.rejection,
    }


def fields_of(row: Mapping[str, Any]) -> set[str]:
    """Return which of the fields that a stage may ask for are not empty."""
    held: Sequence[tuple[str, Any]] = (
        ("value", row["value"]),
        ("sellers", row["sellers"]),
        ("contacts", row["contacts"]),
        ("type", row["type"]),
        ("source", row["origin"]),
    )
    return {field for field, value in held if value}


def _stage(row: Row[Any]) -> Stage:
    return Stage(
        key=row.key,
        number=row.number,
        title=row.title,
        pipeline=row.parent,
        probability=row.facts["probability"] or 0,
        outcome=Outcome(row.facts["outcome"]),
        closed=row.facts["closed"],
        rejection=row.facts["rejection"],
        requires=frozenset(field for flag, field in REQUIREMENTS.items() if row.facts.get(flag)),
        leads_to=frozenset(row.members),
        archived=row.archived_at is not None,
    )
