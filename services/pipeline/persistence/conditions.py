"""What must hold of opportunities that are looked for, as conditions of a statement."""

from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.lists import (
    OPPORTUNITY_SOURCE,
    OPPORTUNITY_TYPE,
    PIPELINE,
    REJECTION_REASON,
    STAGE,
    Outcome,
)
from services.pipeline.domain.search import OpportunityFilter
from services.pipeline.persistence.groups import subtree_members
from shared.chassis.conditions import Conditions, escaped
from shared.lists.store import keys_of
from shared.projection.merged import with_merged

# Column and field of the filter by list.
_SINGLE = {
    PIPELINE: ("pipeline", "pipeline"),
    STAGE: ("stage", "stage"),
    REJECTION_REASON: ("rejection", "rejection"),
    OPPORTUNITY_TYPE: ("type", "type"),
    OPPORTUNITY_SOURCE: ("origin", "source"),
}
# Condition by field of the filter, whose value it compares with.
_PLAIN = {
    "closed": "closed = :closed",
    "project_source": "project_source = :project_source",
    "project_ref": "project_ref = :project_ref",
    "seller": "sellers @> ARRAY[CAST(:seller AS text)]",
    "currency": "currency = :currency",
    "value_from": "value >= :value_from",
    "value_to": "value <= :value_to",
    "probability_from": "probability >= :probability_from",
    "probability_to": "probability <= :probability_to",
    "expected_from": "expected_close >= :expected_from",
    "expected_to": "expected_close <= :expected_to",
    "closed_from": "closed_on >= :closed_from",
    "closed_to": "closed_on <= :closed_to",
    "stale": "(stale_reason IS NOT NULL) = :stale",
}


async def conditions_of(
    connection: AsyncConnection, wanted: OpportunityFilter, *, today: date
) -> Conditions:
    """Return what finds the opportunities that are wanted."""
    found = Conditions([f"deleted_at IS {'NOT ' if wanted.deleted else ''}NULL"])
    for name, condition in _PLAIN.items():
        if (value := getattr(wanted, name)) is not None:
            found.add(condition, **{name: value})
    if wanted.text is not None:
        found.add("lower(name) LIKE lower(:pattern)", pattern=f"%{escaped(wanted.text)}%")
    if wanted.outcome == (Outcome.OPEN,):
        # Said in words, for the indexes of open ones are found by them.
        found.add("outcome = 'open'")
    elif wanted.outcome:
        found.add_one_of("outcome", "text", wanted.outcome)
    if wanted.customer_id is not None:
        customers = await with_merged(connection, "customer", wanted.customer_id)
        found.add_one_of("customer_id", "uuid", customers)
    if wanted.contact_id is not None:
        contacts = await with_merged(connection, "contact", wanted.contact_id)
        found.add("contacts && CAST(:contacts AS uuid[])", contacts=contacts)
    if wanted.group_id is not None:
        await _add_group(connection, wanted.group_id, today, found)
    await _add_values(connection, wanted, found)
    return found


async def _add_values(
    connection: AsyncConnection, wanted: OpportunityFilter, found: Conditions
) -> None:
    named = {
        name: numbers for name, (_, own) in _SINGLE.items() if (numbers := getattr(wanted, own))
    }
    keys = await keys_of(connection, named)
    for name, one in keys.items():
        found.add_one_of(_SINGLE[name][0], "int", one)


async def _add_group(
    connection: AsyncConnection, group_id: UUID, today: date, found: Conditions
) -> None:
    """Add that somebody of the group was in it when it closed, or is today while it is open."""
    result = await connection.execute(
        text(f"SELECT seller, since, until FROM {subtree_members(':group_id')} AS member"),
        {"group_id": group_id},
    )
    members = result.all()
    found.add(
        """
        sellers && CAST(:members AS text[])
        AND EXISTS (SELECT FROM unnest(CAST(:members AS text[]), CAST(:since AS date[]),
                                       CAST(:until AS date[])) AS member (seller, since, until)
                    WHERE member.seller = ANY(opportunity.sellers)
                      AND coalesce(opportunity.closed_on, CAST(:today AS date)) BETWEEN member.since
                          AND coalesce(member.until, CAST('infinity' AS date)))
        """,
        members=[one.seller for one in members],
        since=[one.since for one in members],
        until=[one.until for one in members],
        today=today,
    )
