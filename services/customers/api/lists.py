"""Routes of the classification lists: the same for every list, with its own fields."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field, create_model
from sqlalchemy.engine import Row

from services.customers.api.shapes import Input, Number, Required, storable
from services.customers.domain.lists import (
    ATTRIBUTES_OF,
    CUSTOMER_STATUS,
    LISTS,
    STATUS_GROUP,
    Fact,
    FactKind,
    ListDefinition,
)
from services.customers.handlers.delete_list_value import delete_value
from services.customers.handlers.save_list_settings import list_called, set_list_settings
from services.customers.handlers.save_list_value import (
    DefaultNeeded,
    NumberTaken,
    SaveListValue,
    TitleTaken,
    TooManyValues,
    ValueNotFound,
    change_value,
    create_value,
)
from services.customers.handlers.value_use import SecondValue, ValueInUse
from services.customers.persistence import lists as store
from services.customers.persistence.holders import CUSTOMERS, count_usage, holders_of
from services.customers.persistence.list_settings import list_settings
from shared.chassis.http.description import may_refuse
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

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
    FactKind.SCOPE: Literal["customer", "contact", "both"],
    FactKind.VALUE_TYPE: Literal["tick", "text", "number", "date", "list"],
}


_RETIRED: Any = Field(
    default=None, deprecated=True, description="retired: accepted, and neither kept nor returned"
)


class ListOutput(BaseModel):
    """One list and what is particular about it."""

    name: str
    path: str
    meaning: str
    several: bool = Field(description="a holder may have more than one of its values")
    tree: bool
    inside: str | None = Field(description="the list its values may be kept in")
    bundles: str | None = Field(description="the list whose values it bundles")
    held_by_customers: bool
    held_by_contacts: bool
    compulsory: bool = Field(description="every customer has one of its values")
    may_own_tab: bool = Field(description="whether it may show as a tab of its own")
    own_tab: bool = Field(description="layout hint: show it as a tab of its own (TS-02)")
    version: int


class ListSettingsInput(Input):
    """What is set for a list as a whole."""

    own_tab: bool = Field(description="show it as a tab of its own")


class ChoiceOutput(BaseModel):
    """One line of the drop-down of statuses: a status, or a group of them."""

    list: Literal["customer_status", "status_group"]
    number: int
    label: str
    colour: str | None = None


class UsageOutput(BaseModel):
    """How many live records hold a value."""

    number: int
    customers: int = 0
    contacts: int = 0


class DeletionOutput(BaseModel):
    """What became of a value: gone, or archived because deleted records hold it."""

    archived: bool
    moved_customers: int
    moved_contacts: int


def _fact_fields(facts: dict[str, Fact]) -> dict[str, Any]:
    return {
        name: (_TYPES[fact.kind], Field(default=fact.default, description=fact.meaning))
        for name, fact in facts.items()
    }


def _input_model(definition: ListDefinition) -> type[Input]:
    fields: dict[str, Any] = {
        "title": (Annotated[Required, Field(examples=["A title"])], ...),
        "titles": (
            dict[Literal["fi", "sv", "hu", "en"], Required],
            Field(default_factory=dict, description="translations of the title"),
        ),
        "order": (Annotated[int, Field(ge=-(2**31), le=2**31 - 1)], 0),
        **_fact_fields(dict(definition.facts)),
        **dict.fromkeys(definition.retired, (Any, _RETIRED)),
    }
    if definition.tree or definition.inside:
        examples = [11] if definition.name in ATTRIBUTES_OF else None
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
        **_fact_fields(dict(definition.facts)),
    }
    if definition.tree or definition.inside:
        fields["parent"] = (int | None, None)
    if definition.bundles:
        fields["members"] = (list[int], ...)
    return create_model(_camel(definition.name), **fields)


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def lists_routers(units: UnitOfWorkFactory) -> list[APIRouter]:
    """Return the routes of every list there is."""
    overview = APIRouter(prefix="/v1/lists", tags=["lists"])

    @overview.get("")
    async def all_lists() -> list[ListOutput]:
        """Show which lists there are, where their values are kept, and how they are laid out."""
        async with units.engine.connect() as connection:
            kept = await list_settings(connection)
        return [_list_output(one, kept.get(one.name)) for one in LISTS.values()]

    @overview.get("/{name}")
    async def one_list(name: ListName, response: Response) -> ListOutput:
        """Show one list."""
        definition = list_called(name)
        async with units.engine.connect() as connection:
            body = _list_output(definition, (await list_settings(connection)).get(name))
        response.headers["ETag"] = etag(body.version)
        return body

    @overview.put("/{name}", response_model=ListOutput)
    async def set_list(
        request: Request, name: ListName, body: ListSettingsInput, expected: Expected
    ) -> Response:
        """Set how a list is laid out (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            await set_list_settings(name, unit, own_tab=body.own_tab, expected=expected)
            kept = await list_settings(unit.connection)
            shown = _list_output(LISTS[name], kept.get(name))
            return Answer(shown, headers={"ETag": etag(shown.version)})

        return await write(request, units, work)

    choices = APIRouter(prefix="/v1/customer-status-choices", tags=["lists"])

    @choices.get("")
    async def status_choices(language: Language = None) -> list[ChoiceOutput]:
        """Show the drop-down to search by: all statuses by order, then all groups by order."""
        async with units.engine.connect() as connection:
            rows = [
                row
                for name in (CUSTOMER_STATUS, STATUS_GROUP)
                for row in await store.list_values(connection, name, archived=False)
            ]
        return [
            ChoiceOutput(
                list=row.list,
                number=row.number,
                label=row.titles.get(language, row.title),
                colour=row.facts.get("colour"),
            )
            for row in rows
        ]

    return [overview, choices, *(_list_router(definition, units) for definition in LISTS.values())]


def _list_output(definition: ListDefinition, kept: Row[Any] | None) -> ListOutput:
    own = {"path", "own_tab", "version"}
    return ListOutput(
        **{name: getattr(definition, name) for name in ListOutput.model_fields if name not in own},
        path=f"/v1/{definition.path}",
        own_tab=kept is not None and kept.own_tab,
        version=1 if kept is None else kept.version,
    )


def _list_router(definition: ListDefinition, units: UnitOfWorkFactory) -> APIRouter:
    router = APIRouter(prefix=f"/v1/{definition.path}", tags=[definition.path])
    ValueInput: Any = _input_model(definition)
    ValueOutput: Any = _output_model(definition)
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

    def output(row: Row[Any], language: str | None = None) -> Any:
        return ValueOutput(
            **row.facts,
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
        return Answer(output(row), status, headers)

    @router.get("", response_model=list[ValueOutput], summary=f"List: {definition.meaning}")
    async def values(
        language: Language = None,
        archived: Annotated[bool, Query(description="archived values too")] = False,
    ) -> Any:
        """List the values in the order of the drop-down."""
        async with units.engine.connect() as connection:
            rows = await store.list_values(connection, name, archived=archived)
        return [output(row, language) for row in rows]

    @router.get("/usage")
    async def used() -> list[UsageOutput]:
        """Count the live records that hold each value; one scan, whatever the number of values."""
        async with units.engine.connect() as connection:
            rows = await store.list_values(connection, name)
            counts = {
                holder: await count_usage(connection, name, holder)
                for holder in holders_of(definition)
            }
        return [
            UsageOutput(
                number=row.number,
                customers=counts.get(CUSTOMERS, {}).get(row.number, 0),
                contacts=sum(
                    found.get(row.number, 0)
                    for holder, found in counts.items()
                    if holder is not CUSTOMERS
                ),
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
        return output(row, language)

    @router.post(
        "",
        status_code=201,
        response_model=ValueOutput,
        responses=may_refuse(NumberTaken, TitleTaken, DefaultNeeded, TooManyValues),
    )
    async def create(request: Request, body: NewValue) -> Response:
        """Add a value."""

        async def work(unit: UnitOfWork) -> Answer:
            return await answer(await create_value(name, command(body), unit), unit, 201)

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
            bool, Query(description="take it from those whom a narrower scope leaves out")
        ] = False,
    ) -> Response:
        """Change, archive or revive a value (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            await change_value(name, number, command(body), unit, expected=expected, force=force)
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
            done = await delete_value(name, number, unit, expected=expected, move_to=move_to)
            return Answer(
                DeletionOutput(
                    archived=done.archived,
                    moved_customers=done.moved_customers,
                    moved_contacts=done.moved_contacts,
                )
            )

        return await write(request, units, work)

    return router
