"""Shapes of imports: the same for every service, named after what it imports."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, create_model

from shared.chassis.http.jobs import JobOutput
from shared.chassis.http.shapes import Input
from shared.imports.fields import ImportFields

Fate = Literal["created", "changed", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class Shapes:
    """What a service takes and sends of its imports."""

    column: Any
    mapping: Any
    output: Any
    row: Any
    imported: Any
    taken_back: Any
    removed: Any


def shapes_of(fields: ImportFields) -> Shapes:
    """Return the shapes of imports of these fields."""
    one, many = fields.record.title(), fields.many.title()
    counted = Field(description="rows by fate")
    column: Any = _made(
        Input,
        f"{one}Column",
        "What one column means; columns that are not named mean nothing.",
        column=Annotated[
            str, Field(max_length=200, description="the header", examples=[fields.columns[0]])
        ],
        to=Annotated[
            str,
            Field(
                max_length=40,
                examples=[fields.columns[0]],
                description=f"one of: {', '.join(fields.headers)}",
            ),
        ],
    )
    mapping = _made(
        Input,
        f"{one}MappingInput",
        f"What the columns of a file mean; each row needs {fields.needs}.",
        columns=Annotated[
            list[column],
            Field(
                min_length=1,
                max_length=200,
                examples=[[{"column": name, "to": name} for name in fields.columns]],
            ),
        ],
    )
    output = _made(
        BaseModel,
        f"{one}ImportOutput",
        "A file as it was understood, and how far its import is.",
        import_id=UUID,
        version=int,
        source=str,
        name=str,
        encoding=str | None,
        delimiter=str | None,
        sheet=str | None,
        time_zone=Annotated[str, Field(description="of times that name none")],
        columns=list[str],
        rows=int,
        mapping=Annotated[
            list[column],
            Field(
                description="what the columns mean; what the headers propose until somebody says it"
            ),
        ],
        counts=Annotated[
            dict[Fate, int], Field(description="rows by fate, of the last rehearsal or run")
        ],
        rehearsal=JobOutput | None,
        run=JobOutput | None,
        undo=JobOutput | None,
        created_at=datetime,
    )
    problem: Any = _made(
        BaseModel,
        f"{one}RowProblem",
        "Why a row is refused, and what to do about it.",
        column=str,
        reason=str,
        remedy=str,
    )
    row = _made(
        BaseModel,
        f"{one}RowOutput",
        "A row and what became of it, or would.",
        line=int,
        fate=Fate,
        cells=list[str],
        problems=list[problem],
        **{f"{fields.record}_id": UUID | None},
    )
    return Shapes(
        column=column,
        mapping=mapping,
        output=output,
        row=row,
        imported=_made(
            BaseModel,
            f"{many}Imported",
            "What became of the rows, or would.",
            import_id=UUID,
            counts=Annotated[dict[Fate, int], counted],
        ),
        taken_back=_made(
            BaseModel,
            f"{many}TakenBack",
            f"How many of the {fields.many} that an import recorded were deleted again.",
            import_id=UUID,
            deleted=int,
            kept=Annotated[int, Field(description="changed or deleted since by somebody")],
        ),
        removed=_made(BaseModel, f"Removed{one}Import", "Which import was removed.", removed=UUID),
    )


def _made(base: type[BaseModel], title: str, about: str, /, **fields: Any) -> Any:
    """Return a model, all of whose fields are needed."""
    needed = {field: (kind, ...) for field, kind in fields.items()}
    return create_model(  # type: ignore[call-overload]
        title, __base__=base, __doc__=about, **needed
    )
