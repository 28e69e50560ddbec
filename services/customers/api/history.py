"""Routes of what was: changes of records, times in statuses; and of what a status allows."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.domain.eligibility import Purpose
from services.customers.handlers.customer_lists import CUSTOMER_LISTS
from services.customers.handlers.live import live_contact, live_customer
from services.customers.handlers.read_history import (
    RULE_VIOLATED,
    check_eligibility,
    own_fields,
    read_status_times,
)
from services.customers.persistence.contacts import fetch_contacts
from services.customers.persistence.customers import fetch_customers
from shared.chassis.http.paging import Cursor, Limit, Page
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.history.api import Histories, HistoryChange, HistoryEntry, ValueNameOutput


class FieldChangeOutput(HistoryChange):
    """One field before and after. Values of lists are shown by list, number and title; a `place`
    with its customer, a `reference` with its source, null where there was or is none.
    """


class EntryOutput(HistoryEntry):
    """One change: who (null: not known, or Suhde itself), when, and what of which field.

    `rule_violated` changed nothing of the customer: it was picked against a rule.
    """

    what: Literal["created", "changed", "deleted", "restored", "rule_violated"]
    changes: list[FieldChangeOutput]


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
    histories = Histories(units, EntryOutput, own_fields, marks=frozenset({RULE_VIOLATED}))
    histories.add_values_of(CUSTOMER_LISTS, router)

    @router.get("/customers/{customer_id}/history")
    async def of_customer(
        customer_id: UUID, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[EntryOutput]:
        """Show what changed of a customer, the newest first and its creation last."""

        async def find(connection: AsyncConnection) -> tuple[UUID, datetime]:
            rows = await fetch_customers(connection, [customer_id])
            return customer_id, live_customer(rows, customer_id).created_at

        return await histories.page("customer", find, cursor, limit)

    @router.get("/contacts/{contact_id}/history")
    async def of_contact(
        contact_id: UUID, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[EntryOutput]:
        """Show what changed of a contact, the newest first and its creation last."""

        async def find(connection: AsyncConnection) -> tuple[UUID, datetime]:
            rows = await fetch_contacts(connection, [contact_id])
            return contact_id, live_contact(rows, contact_id).created_at

        return await histories.page("contact", find, cursor, limit)

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
