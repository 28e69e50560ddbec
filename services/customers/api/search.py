"""Routes of the customer search, of its export and of saved searches."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, Field, StrictFloat, StrictInt, StrictStr

from services.customers.api.shapes import (
    BoundedDay,
    ClassificationsInput,
    CustomerOutput,
    customer_output,
)
from services.customers.domain.search import (
    COUNTED_AT_MOST,
    FACETS_AT_MOST,
    CustomerFilter,
    Documents,
    Ended,
    Scope,
    Sort,
    Turnover,
    ValueFilter,
)
from services.customers.handlers.save_search import (
    SearchTitleTaken,
    TooManySearches,
    change_search,
    delete_search,
    save_search,
)
from services.customers.handlers.search_customers import (
    After,
    Format,
    Found,
    check_lists,
    export_customers,
    search_customers,
)
from services.customers.persistence.saved_searches import fetch_search, list_searches
from shared.chassis.http.description import WITHOUT_KEY, may_refuse, streams
from shared.chassis.http.paging import BadCursor, read_cursor, write_cursor
from shared.chassis.http.shapes import Input, Number, Required, storable
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.spreadsheet import CSV, XLSX
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.contracts.types import Currency, Money

MEDIA: dict[Format, str] = {"csv": CSV, "ndjson": "application/x-ndjson", "xlsx": XLSX}
DocumentCount = Annotated[int, Field(ge=0, le=10_000)]
# A name of 500 characters, each written as two escapes, in base64.
MAX_CURSOR = 9000
VALUES_AT_MOST = 10

SearchedText = Annotated[StrictStr, Field(min_length=1, max_length=500), AfterValidator(storable)]
SearchedValue = SearchedText | StrictInt | StrictFloat


class TurnoverInput(Input):
    """Net amount of valid invoices minus credit notes, in one currency, over a period."""

    currency: Currency = Field(examples=["EUR"])
    since: BoundedDay | None = None
    until: BoundedDay | None = None
    least: Money | None = None
    most: Money | None = None


class ValueFilterInput(Input):
    """What the value of an attribute must be: a text equals or contains, whatever its case; a
    number or a day equals, is at least, is at most.
    """

    attribute: Number
    scope: Scope = Scope.CUSTOMER
    equals: SearchedValue | None = None
    contains: SearchedText | None = None
    at_least: SearchedValue | None = None
    at_most: SearchedValue | None = None


class DocumentsInput(Input):
    """How many valid documents are dated in a period; where neither number is given, one suffices.

    `{"kind": "invoice", "since": "2026-01-01", "at_most": 0}`: no invoice since then.
    """

    kind: Literal["invoice", "sales_order", "credit_note", "any"] = "any"
    since: BoundedDay | None = None
    until: BoundedDay | None = None
    at_least: DocumentCount | None = None
    at_most: DocumentCount | None = None

    def to_domain(self) -> Documents:
        """Return the condition as the domain has it."""
        kind = None if self.kind == "any" else self.kind
        return Documents(kind, self.since, self.until, self.at_least, self.at_most)


class FilterInput(Input):
    """What customers must match; everything given must hold."""

    fragment: Annotated[str, Field(max_length=100), AfterValidator(storable)] | None = Field(
        default=None,
        description="part of name, number, business id, phone, e-mail, or of a contact's name or "
        "addresses; of one or two characters: the beginning of name or number",
        examples=["virtanen"],
    )
    having: ClassificationsInput = Field(
        default_factory=dict, description="one of these numbers, by list; groups with their subtree"
    )
    lacking: ClassificationsInput = Field(default_factory=dict, examples=[{"category": [1]}])
    ended: Ended | None = Field(
        default=None,
        description="customers in ended statuses are hidden unless status is asked about",
    )
    started: bool | None = Field(default=None, description="whether the relationship has begun")
    started_since: BoundedDay | None = None
    started_until: BoundedDay | None = None
    turnover: TurnoverInput | None = None
    documents: DocumentsInput | None = None
    city: Required | None = Field(default=None, description="whole name, whatever its case")
    postal_code: Required | None = Field(default=None, description="its beginning")
    attribute_values: Annotated[list[ValueFilterInput], Field(max_length=VALUES_AT_MOST)] = Field(
        default_factory=list,
        description="values of attributes of the customer, or of one of its contacts",
        examples=[[{"attribute": 7, "equals": "gold"}]],
    )


class SearchInput(Input):
    """A search: filter, order, and the lists to count matches by."""

    filter: FilterInput = FilterInput()
    sort: Sort = Sort.NAME
    facets: Annotated[
        list[Annotated[str, Field(max_length=40)]], Field(max_length=FACETS_AT_MOST)
    ] = Field(default_factory=list, examples=[["customer_status"]])


class PageInput(SearchInput):
    """One page of a search."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=MAX_CURSOR)] | None = None


class FacetOutput(BaseModel):
    """How many matches hold a value."""

    number: int
    customers: int


class SearchOutput(BaseModel):
    """One page of matches, and counts over all of them."""

    items: list[CustomerOutput]
    next: str | None = None
    total: int = Field(description=f"counted up to {COUNTED_AT_MOST}")
    total_is_exact: bool
    hidden_ended: int = Field(description="matches in ended statuses that are not shown")
    facets: dict[str, list[FacetOutput]]


class SavedSearchInput(Input):
    """A search under a title of its own."""

    title: Required = Field(examples=["Harbours"])
    search: SearchInput


class SavedSearchOutput(BaseModel):
    """A saved search; post its `search` to /v1/customers/search to run it."""

    search_id: UUID
    version: int
    title: str
    search: SearchInput


def filter_of(body: FilterInput) -> CustomerFilter:
    """Return the filter as the domain has it."""
    return CustomerFilter(
        fragment=(body.fragment or "").strip() or None,
        having={name: tuple(numbers) for name, numbers in body.having.items()},
        lacking={name: tuple(numbers) for name, numbers in body.lacking.items()},
        ended=body.ended,
        started=body.started,
        started_since=body.started_since,
        started_until=body.started_until,
        turnover=None if body.turnover is None else Turnover(**body.turnover.model_dump()),
        documents=None if body.documents is None else body.documents.to_domain(),
        city=body.city,
        postal_code=body.postal_code,
        attribute_values=tuple(ValueFilter(**one.model_dump()) for one in body.attribute_values),
    )


def _after(cursor: str | None, sort: Sort) -> After | None:
    key = read_cursor(cursor, str, str, str)
    if key is None:
        return None
    made_for, value, row = (str(part) for part in key)
    try:
        if made_for != sort:
            raise ValueError(made_for)
        read: Any = {"started_on": date.fromisoformat, "created_at": UUID}.get(sort.column, str)
        return read(value), UUID(row)
    except ValueError:
        raise BadCursor("The cursor belongs to a search in another order.") from None


def _page(found: Found, sort: Sort, limit: int) -> SearchOutput:
    shown = found.rows[:limit]
    more = len(found.rows) > limit
    return SearchOutput(
        items=[customer_output(row, found.references.get(row.customer_id, [])) for row in shown],
        next=write_cursor(sort.value, str(shown[-1].sort_key), str(shown[-1].customer_id))
        if more
        else None,
        total=min(found.total, COUNTED_AT_MOST),
        total_is_exact=found.total_is_exact,
        hidden_ended=min(found.hidden_ended, COUNTED_AT_MOST),
        facets={
            name: [FacetOutput(number=one, customers=count) for one, count in sorted(by.items())]
            for name, by in found.facets.items()
        },
    )


def search_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes of the search; they come before those of single customers."""
    router = APIRouter(prefix="/v1", tags=["search"])

    async def run(body: PageInput) -> SearchOutput:
        async with units.engine.connect() as connection:
            found = await search_customers(
                filter_of(body.filter),
                connection,
                sort=body.sort,
                after=_after(body.cursor, body.sort),
                limit=body.limit + 1,
                facets=body.facets,
            )
        return _page(found, body.sort, body.limit)

    @router.get("/customers")
    async def list_customers(
        q: Annotated[
            Annotated[str, Field(max_length=100), AfterValidator(storable)] | None,
            Query(description="part of name, number, e-mail and so on"),
        ] = None,
        status: Annotated[
            Annotated[list[Number], Field(max_length=100)] | None,
            Query(description="numbers of statuses"),
        ] = None,
        ended: Ended | None = None,
        sort: Sort = Sort.CREATED,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=MAX_CURSOR)] = None,
    ) -> SearchOutput:
        """List customers; those in ended statuses are hidden unless status is asked about."""
        having = {} if status is None else {"customer_status": status}
        wanted = FilterInput(fragment=q, having=having, ended=ended)
        return await run(PageInput(filter=wanted, sort=sort, limit=limit, cursor=cursor))

    @router.post("/customers/search", openapi_extra=WITHOUT_KEY)
    async def search(body: PageInput) -> SearchOutput:
        """Search customers by everything there is to search by."""
        return await run(body)

    @router.post(
        "/customers/export",
        response_class=StreamingResponse,
        responses=streams(*MEDIA.values()),
        openapi_extra=WITHOUT_KEY,
    )
    async def export(
        body: SearchInput, format: Annotated[Format, Query()] = "csv"
    ) -> StreamingResponse:
        """Export the matches as a stream, in order; spreadsheets may open CSV and XLSX safely."""
        stream = await export_customers(
            filter_of(body.filter), units, sort=body.sort, format=format
        )
        return StreamingResponse(
            stream,
            media_type=MEDIA[format],
            headers={"Content-Disposition": f'attachment; filename="customers.{format}"'},
        )

    @router.get("/saved-searches")
    async def saved() -> list[SavedSearchOutput]:
        """List the saved searches by title."""
        async with units.engine.connect() as connection:
            rows = await list_searches(connection)
        return [SavedSearchOutput(**row._mapping) for row in rows]

    async def answer(search_id: UUID, unit: UnitOfWork, status: int = 200) -> Answer:
        row = await fetch_search(unit.connection, search_id)
        body = SavedSearchOutput(**row._mapping)
        headers = {"ETag": etag(body.version)}
        if status == 201:
            headers["Location"] = f"/v1/saved-searches/{search_id}"
        return Answer(body, status, headers)

    @router.get("/saved-searches/{search_id}")
    async def one_saved(search_id: UUID, response: Response) -> SavedSearchOutput:
        """Fetch a saved search."""
        async with units.engine.connect() as connection:
            row = await fetch_search(connection, search_id)
        response.headers["ETag"] = etag(row.version)
        return SavedSearchOutput(**row._mapping)

    @router.post(
        "/saved-searches",
        status_code=201,
        response_model=SavedSearchOutput,
        responses=may_refuse(SearchTitleTaken, TooManySearches),
    )
    async def keep(request: Request, body: SavedSearchInput) -> Response:
        """Save a search under a title."""
        check_lists(filter_of(body.search.filter), body.search.facets)

        async def work(unit: UnitOfWork) -> Answer:
            search_id = await save_search(body.title, body.search.model_dump_json(), unit)
            return await answer(search_id, unit, 201)

        return await write(request, units, work)

    @router.put(
        "/saved-searches/{search_id}",
        response_model=SavedSearchOutput,
        responses=may_refuse(SearchTitleTaken),
    )
    async def change(
        request: Request, search_id: UUID, body: SavedSearchInput, expected: Expected
    ) -> Response:
        """Change a saved search (If-Match)."""
        check_lists(filter_of(body.search.filter), body.search.facets)

        async def work(unit: UnitOfWork) -> Answer:
            await change_search(
                search_id, body.title, body.search.model_dump_json(), unit, expected=expected
            )
            return await answer(search_id, unit)

        return await write(request, units, work)

    @router.delete("/saved-searches/{search_id}", response_model=SavedSearchOutput)
    async def delete(request: Request, search_id: UUID, expected: Expected) -> Response:
        """Delete a saved search (If-Match); answers what it was."""

        async def work(unit: UnitOfWork) -> Answer:
            before = await answer(search_id, unit)
            await delete_search(search_id, unit, expected=expected)
            return Answer(before.body)

        return await write(request, units, work)

    return router
