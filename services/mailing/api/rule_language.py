"""Routes of the segment language: rules as text, and what a builder of rules offers."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.mailing.domain import rule_text
from services.mailing.domain.conditions import MAX_NUMBERS, MAX_TEXTS, Holder
from services.mailing.domain.lists import OF_CONTACTS, OF_CONTACTS_ALONE
from services.mailing.domain.periods import MAX_DAYS, Period
from services.mailing.domain.refusals import MalformedRuleText, RuleTextTooLong, UnknownTitles
from services.mailing.domain.rule_catalogue import (
    CATALOGUE,
    OF_OTHERS,
    OPERATORS,
    PERIOD_TEXTS,
    Entry,
    FieldType,
    ValueType,
)
from services.mailing.domain.rule_names import Names
from services.mailing.domain.rule_text import MAX_TEXT
from services.mailing.domain.rules import MAX_DEPTH, MAX_NODES, Rule
from services.mailing.handlers import rule_language
from services.mailing.persistence.rule_language import MAX_SUGGESTIONS, SUGGESTED
from shared.chassis.http.description import WITHOUT_KEY, may_refuse
from shared.chassis.http.paging import Cursor, Limit, Page, page_of, read_cursor
from shared.chassis.http.shapes import Input, storable
from shared.chassis.unit_of_work import UnitOfWorkFactory

Fragment = Annotated[str, StringConstraints(max_length=200), AfterValidator(storable)]
Tree = dict[str, Any]


class RuleTextBody(Input):
    """A rule as text."""

    text: str = Field(max_length=MAX_TEXT, examples=["customer ended in the last 90 days"])


class RuleTreeBody(Input):
    """A rule as a tree."""

    rule: Rule = Field(examples=[{"op": "customer_ended", "last_days": 90}])


class RuleRead(BaseModel):
    """A rule in both forms."""

    rule: Tree
    text: str = Field(description="in its normal form, with titles where they mean one value only")


class RuleWritten(BaseModel):
    """A rule as text."""

    text: str = Field(description="in its normal form, with titles where they mean one value only")


class TakesShown(BaseModel):
    """A field of a node."""

    name: str
    type: FieldType
    required: bool
    choices: list[str] = Field(description="what it may be, where that is few words")
    values_from: str | None = Field(
        description="the list of its numbers, the field that names the list, or a route"
    )


class ComparedShown(BaseModel):
    """What a condition compares, and how."""

    name: str
    types: list[ValueType]
    operators: list[str]
    suggested: bool = Field(description="`/v1/segment-rules/suggestions` knows texts of it")


class ExampleShown(BaseModel):
    """The same rule twice."""

    rule: Tree
    text: str


class CatalogueNode(BaseModel):
    """A node of rules: a condition, or what joins some."""

    op: str
    formerly: list[str] = Field(description="other names under which it may be sent")
    about: Literal["customer", "contact", "either", "rules"]
    meaning: str
    text: str = Field(description="its forms; [ ] may be left out, | divides choices")
    takes: list[TakesShown]
    compared: list[ComparedShown]
    period: bool = Field(description="takes one of `periods`")
    example: ExampleShown


class OperatorShown(BaseModel):
    """A way to compare."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    types: list[ValueType]
    text: str


class PeriodShown(BaseModel):
    """A way to say when; `from_day` and `before_day` go together, else one at most."""

    name: str
    type: Literal["days", "day"]
    meaning: str
    text: str


class LimitsShown(BaseModel):
    """How large a rule may be."""

    levels: int = MAX_DEPTH
    nodes: int = MAX_NODES
    numbers: int = Field(default=MAX_NUMBERS, description="of one field")
    texts: int = Field(default=MAX_TEXTS, description="of one field")
    days: int = MAX_DAYS
    characters: int = Field(default=MAX_TEXT, description="of a rule as text")


class ListShown(BaseModel):
    """A list of which values are known."""

    name: str
    of: list[Literal["customer", "contact"]] = Field(
        description="who may hold its values, where it sorts customers or contacts"
    )
    values: int
    flags: list[str]


class CatalogueShown(BaseModel):
    """All that rules may ask."""

    nodes: list[CatalogueNode]
    operators: list[OperatorShown]
    periods: list[PeriodShown]
    limits: LimitsShown
    lists: list[ListShown]


class ValueShown(BaseModel):
    """A value of a list."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    title: str
    titles: dict[str, str] = Field(description="by language: fi sv hu en")
    above: str | None = Field(description="what it lies in, such as customer_group/3")
    archived: bool


class SuggestionShown(BaseModel):
    """A text that a field holds."""

    model_config = ConfigDict(from_attributes=True)

    value: str
    rows: int = Field(description="how many of the rows looked at hold it")


class SuggestionsShown(BaseModel):
    """Texts that a field holds, most frequent first."""

    sampled: bool = Field(description="the table is large: a sample was looked at, not all")
    items: list[SuggestionShown] = Field(max_length=MAX_SUGGESTIONS)


def rule_language_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes below /v1/segment-rules."""
    router = APIRouter(prefix="/v1/segment-rules", tags=["segments"])

    @router.post(
        "/parse",
        openapi_extra=WITHOUT_KEY,
        responses=may_refuse(MalformedRuleText, UnknownTitles),
    )
    async def parse(body: RuleTextBody) -> RuleRead:
        """Read a rule out of text."""
        async with units() as uow:
            rule = await rule_language.parse_rule(body.text, uow)
            text = await rule_language.write_rule(rule, uow)
        return RuleRead(rule=_tree(rule), text=text)

    @router.post("/write", openapi_extra=WITHOUT_KEY, responses=may_refuse(RuleTextTooLong))
    async def write(body: RuleTreeBody) -> RuleWritten:
        """Write a rule as text."""
        async with units() as uow:
            return RuleWritten(text=await rule_language.write_rule(body.rule, uow))

    @router.get("/schema")
    async def schema() -> Tree:
        """Show the JSON Schema of rules as trees."""
        return _SCHEMA

    @router.get("/catalogue")
    async def catalogue() -> CatalogueShown:
        """Show every node with its fields, operators and an example, and the lists."""
        async with units() as uow:
            lists = await rule_language.known_lists(uow)
        shown = [
            ListShown(name=row.list_name, of=_of(row.list_name), values=row.values, flags=row.flags)
            for row in lists
        ]
        return CatalogueShown(
            nodes=_NODES, operators=_OPERATORS, periods=_PERIODS, limits=LimitsShown(), lists=shown
        )

    @router.get("/values")
    async def values(
        list: Annotated[
            str, Query(pattern=r"^[a-z][a-z0-9_]{0,99}$", examples=["customer_status"])
        ],
        text: Fragment = "",
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[ValueShown]:
        """List values of a list by number: all, or those with the text in a title or as number."""
        key = read_cursor(cursor, int)
        after = -1 if key is None else int(key[0])
        async with units() as uow:
            rows = await rule_language.list_values(list, text, uow, after=after, limit=limit + 1)
        shown = [ValueShown.model_validate(row) for row in rows]
        return page_of(shown, limit, lambda one: (one.number,))

    @router.get("/suggestions")
    async def suggestions(
        field: Literal["city", "country", "postal_code", "language", "role"],
        about: Holder = Holder.CONTACT,
        text: Fragment = "",
    ) -> SuggestionsShown:
        """Suggest texts that a field holds and that begin so; of a large table by a sample."""
        async with units() as uow:
            found = await rule_language.suggest(about, field, text, uow)
        items = [SuggestionShown.model_validate(row) for row in found.found]
        return SuggestionsShown(sampled=found.sampled, items=items)

    return router


def _tree(rule: Rule) -> Tree:
    tree: Tree = rule.model_dump(mode="json", exclude_none=True)
    return tree


def _of(list_name: str) -> list[Literal["customer", "contact"]]:
    held: list[Literal["customer", "contact"]] = []
    if list_name in OF_OTHERS:
        return held
    if list_name not in OF_CONTACTS_ALONE:
        held.append("customer")
    if list_name in OF_CONTACTS:
        held.append("contact")
    return held


def _node(entry: Entry) -> CatalogueNode:
    op, *formerly = entry.ops
    holder = Holder.CONTACT if entry.about == "contact" else Holder.CUSTOMER
    return CatalogueNode(
        op=op,
        formerly=formerly,
        about=entry.about,
        meaning=entry.meaning,
        text=entry.text,
        takes=[
            TakesShown(
                name=one.name,
                type=one.type,
                required=entry.is_required(one.name),
                choices=list(one.choices),
                values_from=one.values_from,
            )
            for one in entry.takes
        ],
        compared=[
            ComparedShown(
                name=one.name,
                types=list(one.types),
                operators=[
                    operator.name for operator in OPERATORS if set(operator.types) & set(one.types)
                ],
                suggested=(holder, one.name) in SUGGESTED,
            )
            for one in entry.compared
        ],
        period=entry.has_period,
        example=ExampleShown(
            rule=entry.example, text=rule_text.write(Rule.model_validate(entry.example), Names())
        ),
    )


_NODES = [_node(entry) for entry in CATALOGUE]
_OPERATORS = [OperatorShown.model_validate(one) for one in OPERATORS]
_PERIODS = [
    PeriodShown(
        name=name,
        type="days" if name.endswith("_days") else "day",
        meaning=Period.model_fields[name].description or "the first day that counts",
        text=text,
    )
    for name, text in PERIOD_TEXTS.items()
]
_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **Rule.model_json_schema(),
}
