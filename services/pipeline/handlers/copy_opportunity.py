"""Make another opportunity of one, which begins at the first stage."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from services.pipeline.domain.opportunity import LATEST, Line, Rules
from services.pipeline.handlers.live import live_opportunity
from services.pipeline.handlers.plan_opportunity import SaveOpportunity
from services.pipeline.handlers.save_opportunity import record_opportunity
from services.pipeline.persistence.opportunities import fetch_opportunities
from shared.chassis.clock import day_of
from shared.chassis.unit_of_work import UnitOfWork
from shared.lists.store import values_of
from shared.projection.merged import survivors
from shared.projection.store import find_contacts


async def copy_opportunity(
    opportunity_id: UUID, name: str | None, uow: UnitOfWork, rules: Rules
) -> UUID:
    """
    Record another opportunity that says the same, without outcome and activities; return its id.

    It closes as long after today as the first was to close after it was made. A customer that was
    merged since is its survivor; contacts who are gone and archived values are left out.
    """
    rows = await fetch_opportunities(uow.connection, [opportunity_id])
    row = live_opportunity(rows, opportunity_id)
    contacts = await find_contacts(uow.connection, row.contacts)
    stands = await survivors(uow.connection, [row.customer_id])
    keys = [one for one in (row.pipeline, row.type, row.origin) if one is not None]
    values = await values_of(uow.connection, keys)

    def still(key: int | None) -> int | None:
        held = None if key is None else values[key]
        return None if held is None or held.archived_at is not None else int(held.number)

    distance = row.expected_close - day_of(row.created_at, rules.zone)
    today = day_of(uow.now, rules.zone)
    copied = SaveOpportunity(
        name=name or row.name,
        expected_close=min(today + max(distance, timedelta()), LATEST),
        customer_id=None if row.project_ref else stands[row.customer_id],
        project=(row.project_source, row.project_ref) if row.project_ref else None,
        memo=row.memo,
        value=row.value,
        currency=row.currency,
        lines=tuple(
            Line(one["title"], Decimal(one["quantity"]), one["unit_price"]) for one in row.lines
        ),
        pipeline=still(row.pipeline),
        type=still(row.type),
        source=still(row.origin),
        contacts=tuple(
            one for one in row.contacts if not (contacts[one].deleted or contacts[one].erased)
        ),
        sellers=tuple(zip(row.sellers, row.weights, strict=True)),
    )
    return await record_opportunity(copied, uow, rules)
