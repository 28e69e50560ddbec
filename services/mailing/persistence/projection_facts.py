"""The projection of what was done with customers, and of the values that sort them.

Each is of the customer of whom it was told, and of whoever stands for him now: that follows merges,
and their undoing, whichever of both is heard first.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.facts import (
    ActivityFacts,
    Changed,
    ContactFacts,
    CustomerFacts,
    DocumentFacts,
    Moved,
    News,
    OpportunityFacts,
    ValueFacts,
)
from services.mailing.persistence.projection import erased_among
from services.mailing.persistence.projection_rows import Rows
from shared.projection.merged import DEEPEST, survivors

Done = TypeVar("Done", ActivityFacts, OpportunityFacts)

# Told anew at the same version, a document may have been completed. That it is said to be the
# survivor's by now is no news, and not what an undone merge would go back to.
_SAID = ("customer_id", "voided", "document_date", "currency", "net_amount", "margin")
_DOCUMENTS = Rows(
    "document",
    DocumentFacts,
    newer=f"""
        (new.version, new.recorded_at) > (document.version, document.recorded_at)
        OR ((new.version, new.recorded_at) = (document.version, document.recorded_at)
            AND ({", ".join(f"new.{name}" for name in _SAID)})
                IS DISTINCT FROM ({", ".join(f"document.{name}" for name in _SAID)}))
    """,
)
_ACTIVITIES = Rows("activity", ActivityFacts)
_OPPORTUNITIES = Rows("opportunity", OpportunityFacts)
_VALUES = Rows("classification", ValueFacts)


async def save_documents(
    connection: AsyncConnection, news: Sequence[News[DocumentFacts]]
) -> list[Changed[DocumentFacts]]:
    """Take over the documents that are newer than what stands; return them and what they were."""
    await connection.execute(_RECORDING)
    stands = await survivors(connection, {one.facts.told_customer_id for one in news})
    resolved = [
        replace(
            one,
            facts=replace(
                one.facts,
                customer_id=stands.get(one.facts.told_customer_id, one.facts.told_customer_id),
            ),
        )
        for one in news
    ]
    return await _DOCUMENTS.take_over(connection, resolved)


async def save_activities(
    connection: AsyncConnection, news: Sequence[News[ActivityFacts]]
) -> list[Changed[ActivityFacts]]:
    """Take over the activities that are newer than what stands, without erased contacts."""
    await connection.execute(_RECORDING)
    return await _ACTIVITIES.take_over(connection, await _resolved(connection, news))


async def save_opportunities(
    connection: AsyncConnection, news: Sequence[News[OpportunityFacts]]
) -> list[Changed[OpportunityFacts]]:
    """Take over the opportunities that are newer than what stands, without erased contacts."""
    await connection.execute(_RECORDING)
    return await _OPPORTUNITIES.take_over(connection, await _resolved(connection, news))


async def save_values(
    connection: AsyncConnection, news: Sequence[News[ValueFacts]]
) -> list[Changed[ValueFacts]]:
    """Take over the values that are newer than what stands; return them and what they were."""
    return await _VALUES.take_over(connection, news)


async def follow_merges(
    connection: AsyncConnection, changed: Collection[Changed[CustomerFacts]]
) -> list[Moved]:
    """Give what was done with customers who were merged, or are no more, to who stands for them."""
    turned = [one for one in changed if one.after.merged_into != _merged_into(one.before)]
    if not turned:
        return []
    await connection.execute(_REPLACING)
    told = {one.after.customer_id: one.told for one in turned}
    stands = (await connection.execute(_STANDS, {"ids": list(told)})).all()
    heirs = {
        "ids": [row.id for row in stands],
        "stands": [row.stands for row in stands],
        "roots": [row.root for row in stands],
        "types": [told[row.root].type for row in stands],
        "told_by": [told[row.root].by for row in stands],
        "told_at": turned[0].told.at,
    }
    moved: dict[UUID, set[UUID]] = {}
    for table in ("document", "activity", "opportunity"):
        for row in await connection.execute(text(_GIVE.format(table=table)), heirs):
            moved.setdefault(row.root, set()).update((row.was, row.stands))
    return [Moved(frozenset(ids), told[root]) for root, ids in moved.items()]


async def take_off_activities(
    connection: AsyncConnection, erased: Collection[Changed[ContactFacts]]
) -> list[Changed[ActivityFacts]]:
    """Take erased contacts off all activities; return those that had any of them."""
    return await _take_off(connection, _ACTIVITIES, erased)


async def take_off_opportunities(
    connection: AsyncConnection, erased: Collection[Changed[ContactFacts]]
) -> list[Changed[OpportunityFacts]]:
    """Take erased contacts off all opportunities; return those that had any of them."""
    return await _take_off(connection, _OPPORTUNITIES, erased)


async def _take_off(
    connection: AsyncConnection, rows: Rows[Done], erased: Collection[Changed[ContactFacts]]
) -> list[Changed[Done]]:
    told = {one.after.contact_id: one.told for one in erased}
    if not told:
        return []
    await connection.execute(_REPLACING)
    having = await rows.find(connection, "contacts && CAST(:ids AS uuid[])", {"ids": list(told)})
    return await rows.replace(
        connection,
        [
            News(
                replace(one, contacts=_but(one.contacts, told)),
                next(told[person] for person in one.contacts if person in told),
            )
            for one in having
        ],
    )


async def _resolved(connection: AsyncConnection, news: Sequence[News[Done]]) -> list[News[Done]]:
    """Return news of the customers who stand for those told, without contacts who are erased."""
    told = {one.facts.told_customer_id for one in news if one.facts.told_customer_id}
    stands = await survivors(connection, told) if told else {}
    persons = {person for one in news for person in one.facts.contacts}
    erased = await erased_among(connection, persons) if persons else set()
    return [
        replace(
            one,
            facts=replace(
                one.facts,
                customer_id=_standing(one.facts.told_customer_id, stands),
                contacts=_but(one.facts.contacts, erased),
            ),
        )
        for one in news
    ]


def _standing(told: UUID | None, stands: Mapping[UUID, UUID]) -> UUID | None:
    return stands.get(told, told) if told else None


def _but(persons: Collection[UUID], erased: Collection[UUID]) -> tuple[UUID, ...]:
    return tuple(one for one in persons if one not in erased)


def _merged_into(customer: CustomerFacts | None) -> UUID | None:
    return customer.merged_into if customer else None


# Whoever records what was done reads who stands for whom, and who is erased: neither changes
# meanwhile, or the change would miss what is not committed yet.
_RECORDING = text("SELECT pg_advisory_xact_lock_shared(8433312)")
_REPLACING = text("SELECT pg_advisory_xact_lock(8433312)")
# All that lie below those who turned, each with one of these, and who stands for it now. Merges may
# be told in any order, so that for a while there may be a ring: it is gone round once.
_STANDS = text(
    f"""
    WITH RECURSIVE below (id, root) AS (
        SELECT id, id FROM unnest(CAST(:ids AS uuid[])) AS turned (id)
        UNION
        SELECT customer.customer_id, below.root
        FROM below JOIN customer ON customer.merged_into = below.id),
    heir (id, stands, depth) AS (
        SELECT DISTINCT id, id, 0 FROM below
        UNION ALL
        SELECT heir.id, customer.merged_into, depth + 1
        FROM heir JOIN customer ON customer.customer_id = heir.stands
        WHERE customer.merged_into IS NOT NULL AND depth < {DEEPEST})
    SELECT DISTINCT ON (id) id, stands, root FROM heir JOIN below USING (id)
    ORDER BY id, depth DESC, root
    """
)
_GIVE = """
    WITH heir AS (
        SELECT id, stands, root, told_type, told_by FROM unnest(
            CAST(:ids AS uuid[]), CAST(:stands AS uuid[]), CAST(:roots AS uuid[]),
            CAST(:types AS text[]), CAST(:told_by AS text[]))
            AS heir (id, stands, root, told_type, told_by)),
    given AS (
        UPDATE {table} SET
            customer_id = heir.stands, told_type = heir.told_type, told_by = heir.told_by,
            told_at = greatest({table}.told_at, :told_at)
        FROM heir
        WHERE {table}.told_customer_id = heir.id AND {table}.customer_id <> heir.stands)
    SELECT DISTINCT {table}.customer_id AS was, heir.stands, heir.root
    FROM {table} JOIN heir ON {table}.told_customer_id = heir.id
    WHERE {table}.customer_id <> heir.stands
"""
