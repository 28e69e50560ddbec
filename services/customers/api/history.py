"""Routes of what was: changes of records, times in statuses; and of what a status allows."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.customers.api.shapes import Number
from services.customers.domain.eligibility import Purpose
from services.customers.domain.lists import LISTS, ListDefinition
from services.customers.handlers.live import live_contact, live_customer
from services.customers.handlers.read_history import (
    check_eligibility,
    read_history,
    read_status_times,
)
from services.customers.handlers.save_list_value import ValueNotFound
from services.customers.persistence.contacts import fetch_contacts
from services.customers.persistence.customers import fetch_customers
from services.customers.persistence.lists import find_value
from shared.chassis.http.paging import Cursor, Limit, Page, read_cursor, write_cursor
from shared.chassis.unit_of_work import UnitOfWorkFactory


class Output(BaseModel):
    """Base of answers that are read off the domain's own objects."""

    model_config = ConfigDict(from_attributes=True)


class ValueNameOutput(Output):
    """A value of a list; of one that is removed, what it was last."""

    list: str
    number: int
    title: str


class FieldChangeOutput(Output):
    """One field before and after. Values of lists are shown by list, number and title; a `place`
    with its customer, a `reference` with its source, null where there was or is none.
    """

    field: str
    before: Any
    after: Any


class EntryOutput(Output):
    """One change: who (null: not known, or Suhde itself), when, and what of which field.

    `rule_violated` changed nothing of the customer: it was picked against a rule.
    """

    at: datetime
    actor: str | None = Field(description="name of the API key, or sources of the events")
    what: Literal["created", "changed", "deleted", "restored", "rule_violated"]
    changes: list[FieldChangeOutput]
    operation_id: UUID | None = Field(description="of the operation that changed many at once")


class StatusTimeOutput(BaseModel):
    """A time in one status; the first shown lasts. What is not known is null, never guessed."""

    status: ValueNameOutput
    begin: datetime | None = Field(serialization_alias="from")
    end: datetime | None = Field(serialization_alias="to")


class StatusOutput(BaseModel):
    """The status that decided."""

    number: int
    title: str


class EligibilityOutput(BaseModel):
    """Whether a customer may be picked: a block, not a warning. What was picked before stays."""

    allowed: bool
    rule: str = Field(examples=["selectable_in_project"])
    status: StatusOutput | None
    detail: str


def history_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes of histories, times in statuses and eligibility."""
    router = APIRouter(prefix="/v1", tags=["history"])

    async def page(
        record: str,
        find: Callable[[Any], Awaitable[tuple[UUID, datetime]]],
        cursor: str | None,
        limit: int,
    ) -> Page[EntryOutput]:
        key = read_cursor(cursor, int)
        async with units.engine.connect() as connection:
            record_id, created_at = await find(connection)
            entries, more = await read_history(
                connection,
                record,
                record_id,
                created_at,
                before=None if key is None else int(key[0]),
                limit=limit,
            )
        return Page(
            items=[EntryOutput.model_validate(one) for one in entries],
            next=None if more is None else write_cursor(more),
        )

    @router.get("/customers/{customer_id}/history")
    async def of_customer(
        customer_id: UUID, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[EntryOutput]:
        """Show what changed of a customer, the newest first and its creation last."""

        async def find(connection: Any) -> tuple[UUID, datetime]:
            rows = await fetch_customers(connection, [customer_id])
            return customer_id, live_customer(rows, customer_id).created_at

        return await page("customer", find, cursor, limit)

    @router.get("/contacts/{contact_id}/history")
    async def of_contact(
        contact_id: UUID, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[EntryOutput]:
        """Show what changed of a contact, the newest first and its creation last."""

        async def find(connection: Any) -> tuple[UUID, datetime]:
            rows = await fetch_contacts(connection, [contact_id])
            return contact_id, live_contact(rows, contact_id).created_at

        return await page("contact", find, cursor, limit)

    def add_history_of(definition: ListDefinition) -> None:
        @router.get(
            f"/{definition.path}/{{number}}/history", operation_id=f"history_of_{definition.name}"
        )
        async def of_value(
            number: Number, cursor: Cursor = None, limit: Limit = 50
        ) -> Page[EntryOutput]:
            """Show what changed of a value of the list, the newest first, its creation last."""

            async def find(connection: Any) -> tuple[UUID, datetime]:
                row = await find_value(connection, definition.name, number)
                if row is None:
                    raise ValueNotFound(f"There is no {definition.name} {number}.")
                return row.value_id, row.created_at

            return await page("list_value", find, cursor, limit)

    for definition in LISTS.values():
        add_history_of(definition)

    @router.get("/customers/{customer_id}/status-times")
    async def status_times(customer_id: UUID) -> list[StatusTimeOutput]:
        """Show the statuses of a customer with the time in each, the present one first."""
        async with units.engine.connect() as connection:
            times = await read_status_times(connection, customer_id)
        return [
            StatusTimeOutput(
                status=ValueNameOutput.model_validate(name), begin=period.begin, end=period.end
            )
            for name, period in times
        ]

    @router.get("/customers/{customer_id}/eligibility")
    async def may_be_picked(customer_id: UUID, purpose: Purpose) -> EligibilityOutput:
        """Tell whether a customer may be picked now; ask before you create what picks it."""
        async with units.engine.connect() as connection:
            status, verdict = await check_eligibility(customer_id, purpose, connection)
        return EligibilityOutput(
            allowed=verdict.allowed,
            rule=verdict.rule,
            status=None
            if status is None
            else StatusOutput(number=status.number, title=status.title),
            detail=verdict.detail,
        )

    return router
