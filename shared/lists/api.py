"""Routes of lists: the same for every list, with its own fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field, create_model
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.http.description import may_refuse
from shared.chassis.http.shapes import Input, Number, Required, storable
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.lists import store
from shared.lists.definition import Fact, FactKind, FactValue, ListDefinition
from shared.lists.delete import delete_value
from shared.lists.holders import count_usage
from shared.lists.layout import set_list_settings
from shared.lists.lists import Lists
from shared.lists.save import (
    DefaultNeeded,
    NumberTaken,
    SaveListValue,
    TitleTaken,
    TooManyValues,
    ValueNotFound,
    change_value,
    create_value,
)
from shared.lists.tell import shown_facts
from shared.lists.use import SecondValue, ValueInUse

Language = Annotated[
    Literal["fi", "sv", "hu", "en"] | None, Query(description="language of `label`")
]
ListName = Annotated[str, Path(max_length=40)]
_SHORT = Annotated[str, Field(max_length=40), AfterValidator(storable)]
_TYPES: dict[FactKind, Any] = {
    FactKind.FLAG: bool,
    FactKind.COLOUR: _SHORT | None,
    FactKind.WHOLE: int | None,
    FactKind.CODE: _SHORT | None,
    FactKind.PREFIX: _SHORT | None,
    FactKind.REFERENCE: Number | None,
}


_RETIRED: Any = Field(
    default=None, deprecated=True, description="retired: accepted, and neither kept nor returned"
)


class ListSettingsInput(Input):
    """What is set for a list as a whole."""

    # Few lists may be a tab, and the example is of all.
    own_tab: bool = Field(description="show it as a tab of its own", examples=[False])


class NamedValue(BaseModel):
    """A value of a list with its title in the language asked for."""

    number: int
    title: str


@dataclass(frozen=True, slots=True)
class Shapes:
    """
    How a service shows what depends on its records, called `things` here for example.

    `overview` is a list, with `held_by_things`; `usage` has the `number` of a value and how many
    `things` hold it; `deletion` says whether a value is `archived`, and `moved_things`. `forced`
    says what `?force=true` does when a value is changed, None where it does nothing.
    """

    overview: type[BaseModel]
    usage: type[BaseModel]
    deletion: type[BaseModel]
    forced: str | None = None


def _fact_fields(facts: Mapping[str, Fact]) -> dict[str, Any]:
    return {
        name: (
            _type_of(fact),
            Field(
                default=fact.default,
                description=fact.meaning,
                examples=None if fact.example is None else [fact.example],
            ),
        )
        for name, fact in facts.items()
    }


def _type_of(fact: Fact) -> Any:
    return Literal[fact.choices] if fact.kind is FactKind.CHOICE else _TYPES[fact.kind]


def _input_model(definition: ListDefinition) -> type[Input]:
    fields: dict[str, Any] = {
        "title": (Annotated[Required, Field(examples=["A title"])], ...),
        "titles": (
            dict[Literal["fi", "sv", "hu", "en"], Required],
            Field(default_factory=dict, description="translations of the title"),
        ),
        "order": (Annotated[int, Field(ge=-(2**31), le=2**31 - 1)], 0),
        **_fact_fields(definition.facts),
        **dict.fromkeys(definition.retired, (Any, _RETIRED)),
    }
    if definition.tree or definition.inside:
        examples = [11] if definition.always_inside else None
        fields["parent"] = (
            Number | None,
            Field(default=None, description="number", examples=examples),
        )
    if definition.bundles:
        fields["members"] = (
            Annotated[list[Number], Field(max_length=1000)],
            Field(default_factory=list, description=f"numbers of {definition.bundles}"),
        )
    return create_model(f"{_camel(definition.name)}Input", __base__=Input, **fields)


def _output_model(definition: ListDefinition) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "value_id": (UUID, ...),
        "number": (int, ...),
        "version": (int, ...),
        "title": (str, ...),
        "label": (str, Field(description="the title in the language asked for")),
        "titles": (dict[str, str], ...),
        "order": (int, ...),
        "archived_at": (datetime | None, ...),
        **_fact_fields(definition.facts),
    }
    if definition.tree or definition.inside:
        fields["parent"] = (int | None, None)
    if definition.bundles:
        fields["members"] = (list[int], ...)
    return create_model(_camel(definition.name), **fields)


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def lists_routers(lists: Lists, shapes: Shapes, units: UnitOfWorkFactory) -> list[APIRouter]:
    """Return the routes of every list of a service, and of the overview of them."""
    return [
        _overview_router(lists, shapes, units),
        *(_list_router(lists, one, shapes, units) for one in lists.definitions.values()),
    ]


def _overview_router(lists: Lists, shapes: Shapes, units: UnitOfWorkFactory) -> APIRouter:
    overview = APIRouter(prefix=lists.path, tags=["lists"])
    ListOutput: Any = shapes.overview

    def output(definition: ListDefinition, kept: Row[Any] | None) -> Any:
        own = {"path", "own_tab", "version"}
        held_by = {
            f"held_by_{one.plural}": one.table in definition.held_by for one in lists.holders
        }
        common = ListOutput.model_fields.keys() - own - held_by.keys()
        return ListOutput(
            **{name: getattr(definition, name) for name in common},
            **held_by,
            path=f"/v1/{definition.path}",
            own_tab=kept is not None and kept.own_tab,
            version=1 if kept is None else kept.version,
        )

    @overview.get("", response_model=list[ListOutput])
    async def all_lists() -> Any:
        """Show which lists there are, where their values are kept, and how they are laid out."""
        async with units.engine.connect() as connection:
            kept = await store.list_settings(connection)
        return [output(one, kept.get(one.name)) for one in lists.definitions.values()]

    @overview.get("/{name}", response_model=ListOutput)
    async def one_list(name: ListName, response: Response) -> Any:
        """Show one list."""
        definition = lists.called(name)
        async with units.engine.connect() as connection:
            body = output(definition, (await store.list_settings(connection)).get(name))
        response.headers["ETag"] = etag(body.version)
        return body

    @overview.put("/{name}", response_model=ListOutput)
    async def set_list(
        request: Request, name: ListName, body: ListSettingsInput, expected: Expected
    ) -> Response:
        """Set how a list is laid out (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            await set_list_settings(lists, name, unit, own_tab=body.own_tab, expected=expected)
            kept = await store.list_settings(unit.connection)
            shown = output(lists.called(name), kept.get(name))
            return Answer(shown, headers={"ETag": etag(shown.version)})

        return await write(request, units, work)

    return overview


def _list_router(
    lists: Lists, definition: ListDefinition, shapes: Shapes, units: UnitOfWorkFactory
) -> APIRouter:
    router = APIRouter(prefix=f"/v1/{definition.path}", tags=[definition.path])
    ValueInput: Any = _input_model(definition)
    ValueOutput: Any = _output_model(definition)
    UsageOutput: Any = shapes.usage
    DeletionOutput: Any = shapes.deletion
    name = definition.name

    archived = Field(default=False, description="kept where held, given to nobody")
    ValueChange: Any = create_model(
        f"{_camel(name)}Change",
        __base__=ValueInput,
        __doc__="All fields of a value; what is left out goes back to its default.",
        archived=(bool, archived),
    )
    NewValue: Any = create_model(
        f"New{_camel(name)}",
        __base__=ValueInput,
        __doc__="A new value; its number is the next free one if left out.",
        number=(Number | None, None),
    )

    async def shown(
        rows: Sequence[Row[Any]], connection: AsyncConnection, language: str | None = None
    ) -> list[Any]:
        facts = await shown_facts(lists, rows, connection)
        return [output(row, facts[row.key], language) for row in rows]

    def output(row: Row[Any], facts: Mapping[str, FactValue], language: str | None) -> Any:
        return ValueOutput(
            **facts,
            value_id=row.value_id,
            number=row.number,
            version=row.version,
            title=row.title,
            label=row.titles.get(language, row.title),
            titles=row.titles,
            order=row.position,
            archived_at=row.archived_at,
            parent=row.parent_number,
            members=list(row.member_numbers),
        )

    def command(body: Any) -> SaveListValue:
        return SaveListValue(
            title=body.title,
            number=getattr(body, "number", None),
            titles=body.titles,
            order=body.order,
            archived=getattr(body, "archived", False),
            parent=getattr(body, "parent", None),
            members=tuple(getattr(body, "members", ())),
            facts={fact: getattr(body, fact) for fact in definition.facts},
        )

    async def answer(number: int, unit: UnitOfWork, status: int = 200) -> Answer:
        row = await store.find_value(unit.connection, name, number)
        assert row is not None
        headers = {"ETag": etag(row.version)}
        if status == 201:
            headers["Location"] = f"/v1/{definition.path}/{number}"
        (body,) = await shown([row], unit.connection)
        return Answer(body, status, headers)

    @router.get("", response_model=list[ValueOutput], summary=f"List: {definition.meaning}")
    async def values(
        language: Language = None,
        archived: Annotated[bool, Query(description="archived values too")] = False,
    ) -> Any:
        """List the values in the order of the drop-down."""
        async with units.engine.connect() as connection:
            rows = await store.list_values(connection, name, archived=archived)
            return await shown(rows, connection, language)

    @router.get("/usage", response_model=list[UsageOutput])
    async def used() -> Any:
        """Count the live records that hold each value; one scan, whatever the number of values."""
        async with units.engine.connect() as connection:
            rows = await store.list_values(connection, name)
            counts = {
                holder.plural: await count_usage(connection, name, holder)
                for holder in lists.holders_of(definition)
            }
        return [
            UsageOutput(
                number=row.number,
                **{plural: found.get(row.number, 0) for plural, found in counts.items()},
            )
            for row in rows
        ]

    @router.get("/{number}", response_model=ValueOutput)
    async def fetch(number: Number, response: Response, language: Language = None) -> Any:
        """Fetch one value."""
        async with units.engine.connect() as connection:
            row = await store.find_value(connection, name, number)
            if row is None:
                raise ValueNotFound(f"There is no {name} {number}.")
            response.headers["ETag"] = etag(row.version)
            (body,) = await shown([row], connection, language)
        return body

    @router.post(
        "",
        status_code=201,
        response_model=ValueOutput,
        responses=may_refuse(NumberTaken, TitleTaken, DefaultNeeded, TooManyValues),
    )
    async def create(request: Request, body: NewValue) -> Response:
        """Add a value."""

        async def work(unit: UnitOfWork) -> Answer:
            return await answer(await create_value(lists, name, command(body), unit), unit, 201)

        return await write(request, units, work)

    @router.put(
        "/{number}",
        response_model=ValueOutput,
        responses=may_refuse(TitleTaken, DefaultNeeded, SecondValue, ValueInUse),
    )
    async def change(
        request: Request,
        number: Number,
        body: ValueChange,
        expected: Expected,
        force: Annotated[
            bool, Query(description=shapes.forced, include_in_schema=shapes.forced is not None)
        ] = False,
    ) -> Response:
        """Change, archive or revive a value (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            await change_value(
                lists, name, number, command(body), unit, expected=expected, force=force
            )
            return await answer(number, unit)

        return await write(request, units, work)

    @router.delete(
        "/{number}",
        response_model=DeletionOutput,
        responses=may_refuse(ValueInUse, DefaultNeeded, TitleTaken),
    )
    async def delete(
        request: Request,
        number: Number,
        expected: Expected,
        move_to: Annotated[
            Number | None, Query(description="give its holders this value: delete and move, merge")
        ] = None,
    ) -> Response:
        """Delete a value that nobody holds, or move its holders to another (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            done = await delete_value(lists, name, number, unit, expected=expected, move_to=move_to)
            moved = {f"moved_{one.plural}": 0 for one in lists.holders}
            moved |= {f"moved_{plural}": count for plural, count in done.moved.items()}
            return Answer(DeletionOutput(archived=done.archived, **moved))

        return await write(request, units, work)

    return router
