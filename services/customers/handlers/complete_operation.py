"""Remember an operation that has changed records, and tell that it is complete."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.customers.domain.events import OperationCompleted
from services.customers.persistence.operations import insert_operation
from shared.chassis.unit_of_work import UnitOfWork


async def complete_operation(
    operation_id: UUID,
    request: Mapping[str, Any],
    uow: UnitOfWork,
    *,
    customers: int,
    deleted: int,
    undoes: UUID | None = None,
) -> None:
    """Keep what was asked for and how many live and deleted customers it changed; tell of it."""
    await insert_operation(
        uow.connection,
        operation_id,
        request,
        customers=customers,
        deleted=deleted,
        now=uow.now,
        undoes=undoes,
    )
    uow.record(OperationCompleted(operation_id, customers, deleted))
