"""Routes of sellers and of the groups they are in."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, EmailStr, Field

from services.activities.api.shapes import Day, SellerKey
from services.activities.handlers.keep_sellers import (
    SaveSeller,
    SellerExists,
    SellerInUse,
    SellerNotFound,
    delete_seller,
    save_seller,
)
from services.activities.persistence.groups import list_groups
from services.activities.persistence.sellers import find_seller, list_sellers
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of, read_cursor
from shared.chassis.http.shapes import Input, Name
from shared.chassis.http.writes import Answer, Expected, ExpectedOrNew, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory


class SellerInput(Input):
    """What is known of a seller."""

    name: Annotated[Name, Field(examples=["Anna Koski"])] = ""
    email: Annotated[EmailStr, Field(max_length=254)] | None = None
    left_on: Annotated[
        Day | None, Field(description="his last day; he is given nothing new after it")
    ] = None

    def to_command(self) -> SaveSeller:
        """Return what is asked for."""
        return SaveSeller(name=self.name, email=self.email, left_on=self.left_on)


class SellerOutput(BaseModel):
    """A seller as he stands."""

    model_config = ConfigDict(from_attributes=True)

    seller: str
    version: int
    name: str
    email: str | None
    left_on: date | None
    created_at: datetime
    updated_at: datetime


class MemberOutput(BaseModel):
    """Somebody in a group, from and to a day, both included."""

    seller: str
    name: str | None = Field(description="null: no such seller is known here")
    since: date
    until: date | None


class SellerGroupOutput(BaseModel):
    """A user group with those who are in it themselves; a group means all below it too."""

    model_config = ConfigDict(from_attributes=True)

    group_id: UUID
    version: int
    title: str
    kind: str
    parent_id: UUID | None
    members: list[MemberOutput]


def sellers_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes below /v1/sellers, and that of groups."""
    router = APIRouter(prefix="/v1", tags=["sellers"])

    @router.get("/sellers")
    async def list_all(
        cursor: Cursor = None,
        limit: Limit = 100,
        present_on: Annotated[
            Day | None, Query(description="only those who had not left before this day")
        ] = None,
    ) -> Page[SellerOutput]:
        """List sellers by key, those who left too."""
        key = read_cursor(cursor, str)
        async with units.engine.connect() as connection:
            rows = await list_sellers(
                connection,
                after=None if key is None else str(key[0]),
                limit=limit + 1,
                present_on=present_on,
            )
        shown = [SellerOutput.model_validate(row) for row in rows]
        return page_of(shown, limit, lambda one: (one.seller,))

    @router.get("/sellers/{seller}")
    async def fetch(seller: SellerKey, response: Response) -> SellerOutput:
        """Fetch a seller."""
        async with units.engine.connect() as connection:
            row = await find_seller(connection, seller)
        if row is None:
            raise SellerNotFound(f"There is no seller {seller!r}.")
        response.headers["ETag"] = etag(row.version)
        return SellerOutput.model_validate(row)

    @router.put(
        "/sellers/{seller}",
        response_model=SellerOutput,
        responses={
            201: {"model": SellerOutput, "description": "He was added."},
            **may_refuse(SellerExists),
        },
    )
    async def save(
        request: Request, seller: SellerKey, body: SellerInput, expected: ExpectedOrNew
    ) -> Response:
        """Add a seller, without If-Match; change one, with it. What he was given stays his."""

        async def work(unit: UnitOfWork) -> Answer:
            row = await save_seller(seller, body.to_command(), unit, expected=expected)
            headers = {"ETag": etag(row.version)}
            if expected is None:
                headers["Location"] = f"/v1/sellers/{seller}"
            status = 201 if expected is None else 200
            return Answer(SellerOutput.model_validate(row), status, headers)

        return await write(request, units, work)

    @router.delete(
        "/sellers/{seller}", response_model=SellerOutput, responses=may_refuse(SellerInUse)
    )
    async def delete(request: Request, seller: SellerKey, expected: Expected) -> Response:
        """Delete a seller whom nothing has ever named (If-Match); answers what he was."""

        async def work(unit: UnitOfWork) -> Answer:
            row = await delete_seller(seller, unit, expected=expected)
            return Answer(SellerOutput.model_validate(row))

        return await write(request, units, work)

    @router.get("/seller-groups")
    async def groups(cursor: Cursor = None, limit: Limit = 100) -> Page[SellerGroupOutput]:
        """List user groups with their members, each with the group it is below."""
        async with units.engine.connect() as connection:
            rows = await list_groups(connection, after=cursor_id(cursor), limit=limit + 1)
        shown = [SellerGroupOutput.model_validate(row) for row in rows]
        return page_of(shown, limit, lambda one: (str(one.group_id),))

    return router
