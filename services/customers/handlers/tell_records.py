"""Tell the public how customers, contacts, projects and documents stand, or that they are gone."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.customers.domain.documents import DocumentState
from services.customers.domain.events import DocumentRecorded, ProjectRecorded
from services.customers.domain.projects import ProjectState
from services.customers.persistence.contacts import fetch_contacts
from services.customers.persistence.customers import fetch_customers
from services.customers.persistence.documents import next_told
from services.customers.persistence.rows import contact_told, customer_told
from shared.chassis.unit_of_work import UnitOfWork


async def tell_customers(
    customer_ids: Collection[UUID], uow: UnitOfWork
) -> Mapping[UUID, Row[Any]]:
    """Record the whole state of these customers for the public, and return their rows."""
    rows = await fetch_customers(uow.connection, customer_ids)
    uow.record_all(customer_told(rows[customer_id]) for customer_id in customer_ids)
    return rows


async def tell_contacts(contact_ids: Collection[UUID], uow: UnitOfWork) -> Mapping[UUID, Row[Any]]:
    """Record the whole state of these contacts for the public, and return their rows."""
    rows = await fetch_contacts(uow.connection, contact_ids)
    uow.record_all(contact_told(rows[contact_id]) for contact_id in contact_ids)
    return rows


async def tell_projects(states: Sequence[ProjectState], uow: UnitOfWork) -> None:
    """Record how these projects stand, which are locked: it is the newest word on each."""
    version = await next_told(uow.connection)
    uow.record_all(ProjectRecorded(state, version) for state in states)


def tell_documents(states: Sequence[DocumentState], uow: UnitOfWork) -> None:
    """Record how these documents stand, which are locked."""
    uow.record_all(_recorded(state) for state in states)


def _recorded(state: DocumentState) -> DocumentRecorded:
    return DocumentRecorded(
        # Listeners follow merges, and their undoing: it is of whom it was before a merge moved it.
        customer_id=state.hashed_for or state.customer_id,
        source=state.source,
        kind=state.kind,
        document_id=state.document_id,
        document_version=state.version or None,
        voided=state.voided,
        document_date=state.document_date,
        recorded_at=state.recorded_at,
        currency=state.currency,
        net_amount=state.net_amount,
        gross_amount=state.gross_amount,
        margin=state.margin,
        order_id=state.order_id,
    )
