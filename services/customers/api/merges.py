"""Routes that make one customer or contact of several."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.customers.api.shapes import ONE, OTHER, BansOutput
from services.customers.handlers.change_bans import ContactNotFound, CustomerNotFound
from services.customers.handlers.merge_records import (
    AT_MOST,
    Merge,
    Merged,
    merge_contacts,
    merge_customers,
)
from services.customers.handlers.save_customer import CustomerKeyTaken
from shared.chassis.errors import StaleVersion
from shared.chassis.http.description import may_refuse
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

DryRun = Annotated[bool, Query(description="only tell what would become of it")]


class MergeInput(Input):
    """Which record survives, and which are merged into it."""

    into: UUID = Field(description="the survivor", examples=[ONE])
    others: list[UUID] = Field(alias="from", min_length=1, max_length=AT_MOST, examples=[[OTHER]])
    fields: dict[Annotated[str, Field(max_length=60)], UUID] = Field(
        default_factory=dict,
        max_length=60,
        description="by field, of whom to take it; by default the survivor's values stay and "
        "blanks are filled from the others in their order. A list is `classifications.<list>`",
        examples=[{"name": OTHER}],
    )
    if_match: dict[UUID, Annotated[int, Field(ge=1)]] = Field(
        max_length=AT_MOST + 1,
        description="the version of each of them, as its ETag has it",
        examples=[{ONE: 1, OTHER: 1}],
    )

    def to_command(self) -> Merge:
        """Return the command."""
        return Merge(self.into, tuple(self.others), self.fields, self.if_match)


class MergedOutput(BaseModel):
    """What the survivor becomes. Without an operation_id nothing was changed."""

    operation_id: UUID | None
    dry_run: bool
    into: UUID
    merged: list[UUID]
    fields: dict[str, Any] = Field(description="the values that the survivor has then")
    sources: dict[str, UUID] = Field(description="by field, of whom it is")
    classifications: dict[str, list[int]]
    bans: BansOutput = Field(description="what any of them had banned is banned")
    contacts: int = Field(description="contacts that move to the survivor")
    documents: int
    references: int


def _output(body: MergeInput, merged: Merged, *, dry_run: bool) -> MergedOutput:
    hidden = {"classifications", "attributes", "ban_email", "ban_sms", "ban_post"}
    return MergedOutput(
        operation_id=merged.operation_id,
        dry_run=dry_run,
        into=body.into,
        merged=body.others,
        fields={name: value for name, value in merged.fields.items() if name not in hidden},
        sources=dict(merged.sources),
        classifications=dict(merged.classifications),
        bans=BansOutput(email=merged.bans.email, sms=merged.bans.sms, post=merged.bans.post),
        contacts=merged.contacts,
        documents=merged.documents,
        references=merged.references,
    )


def merges_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes of merges."""
    router = APIRouter(prefix="/v1", tags=["merges"])

    @router.post(
        "/customer-merges",
        response_model=MergedOutput,
        responses=may_refuse(CustomerNotFound, CustomerKeyTaken, StaleVersion),
    )
    async def customers(request: Request, body: MergeInput, dry_run: DryRun = False) -> Response:
        """
        Merge customers into one: contacts, references and documents move to it, bans are united.

        The others are deleted and name it as `merged_into`; what an ERP tells of them reaches it.
        It is an operation: POST /v1/operations/{id}/undo takes it back. Try it with dry_run first.
        """

        async def work(unit: UnitOfWork) -> Answer:
            merged = await merge_customers(body.to_command(), unit, rehearse=dry_run)
            return Answer(_output(body, merged, dry_run=dry_run))

        return await write(request, units, work)

    @router.post(
        "/contact-merges",
        response_model=MergedOutput,
        responses=may_refuse(ContactNotFound, StaleVersion),
    )
    async def contacts(request: Request, body: MergeInput, dry_run: DryRun = False) -> Response:
        """Merge contacts into one: places, attributes and bans are united; it can be undone."""

        async def work(unit: UnitOfWork) -> Answer:
            merged = await merge_contacts(body.to_command(), unit, rehearse=dry_run)
            return Answer(_output(body, merged, dry_run=dry_run))

        return await write(request, units, work)

    return router
