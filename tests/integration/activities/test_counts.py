"""What is kept of activities by day and by last contact equals a count from scratch, always."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.chassis.database import is_transient
from shared.chassis.service import Service
from tests.integration.activities.scattered import scattered
from tests.integration.activities.world import World

STEPS = 300


async def wrong_counts(connection: AsyncConnection) -> list[Any]:
    """Return where what is kept is not what there is."""
    rows = await connection.execute(
        text(
            """
            SELECT day, seller, category, kind, type, sum(done) AS done, sum(open) AS open
            FROM (SELECT day, seller, category, kind, type, done, open FROM activity_count
                  UNION ALL
                  SELECT day, coalesce(seller, ''), category, kind, type,
                         CASE state WHEN 'done' THEN -1 ELSE 0 END,
                         CASE state WHEN 'open' THEN -1 ELSE 0 END
                  FROM activity WHERE deleted_at IS NULL) AS both_ways
            GROUP BY 1, 2, 3, 4, 5 HAVING sum(done) <> 0 OR sum(open) <> 0
            """
        )
    )
    return list(rows.all())


async def wrong_contacts(connection: AsyncConnection) -> list[Any]:
    """Return whose last contact is kept as another than it was."""
    rows = await connection.execute(
        text(
            """
            SELECT seller, customer_id, kept.day AS kept, really.day AS really
            FROM last_contact AS kept
            FULL JOIN (SELECT who.seller, customer_id, max(day) AS day FROM activity
                       CROSS JOIN LATERAL (VALUES (''), (activity.seller)) AS who (seller)
                       WHERE deleted_at IS NULL AND state = 'done' AND who.seller IS NOT NULL
                       GROUP BY who.seller, customer_id) AS really USING (seller, customer_id)
            WHERE kept.day IS DISTINCT FROM really.day
            """
        )
    )
    return list(rows.all())


CHANGES = (
    "UPDATE activity SET deleted_at = now() WHERE activity_id = ANY(:some)",
    "UPDATE activity SET deleted_at = NULL WHERE activity_id = ANY(:some)",
    "UPDATE activity SET seller = :seller WHERE activity_id = ANY(:some)",
    "UPDATE activity SET customer_id = :customer WHERE activity_id = ANY(:some)",
    "UPDATE activity SET category = :category, kind = :kind WHERE activity_id = ANY(:some)",
    "UPDATE activity SET memo = 'other words' WHERE activity_id = ANY(:some)",
    """
    UPDATE activity SET state = CASE state WHEN 'done' THEN 'open' ELSE 'done' END,
        due_at = starts_at WHERE activity_id = ANY(:some)
    """,
    """
    UPDATE activity SET starts_at = :at, ends_at = NULL,
        day = CAST(CAST(:at AS timestamptz) AT TIME ZONE 'Europe/Helsinki' AS date)
    WHERE activity_id = ANY(:some)
    """,
    "DELETE FROM activity WHERE activity_id = ANY(:some)",
)


async def change(service: Service, chance: random.Random, made: Any) -> None:
    """Change some activities at random, in one statement."""
    statement = chance.choices(CHANGES, weights=[4, 4, 4, 4, 4, 2, 4, 4, 1])[0]
    values = {
        "some": chance.sample(made.activities, chance.randint(1, 12)),
        "seller": chance.choice([*made.sellers, None]),
        "customer": chance.choice(made.customers),
        "category": chance.choice(made.categories),
        "kind": chance.choice(made.kinds),
        "at": datetime.now(UTC) - timedelta(hours=chance.randint(1, 24 * 60)),
    }
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    async with service.units() as unit:
        # In one order, so that no two wait for each other.
        await unit.connection.execute(
            text(
                "SELECT FROM activity WHERE activity_id = ANY(:some) ORDER BY activity_id "
                "FOR UPDATE"
            ),
            {"some": values["some"]},
        )
        await unit.connection.execute(text(statement), used)


@pytest.mark.requirement("LE-21", "LE-08")
async def test_what_is_kept_equals_a_count_from_scratch(activities: Service, world: World) -> None:
    chance = random.Random(4)
    made = await scattered(activities, world, count=120)
    for step in range(STEPS):
        await change(activities, chance, made)
        if step % 20 == 19:
            async with activities.engine.connect() as connection:
                assert await wrong_counts(connection) == []
                assert await wrong_contacts(connection) == []


async def test_so_it_does_when_several_change_the_same_at_once(
    activities: Service, world: World
) -> None:
    made = await scattered(activities, world, count=40, customers=2, sellers=2)

    async def change_often(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            try:
                await change(activities, chance, made)
            except DBAPIError as error:
                # Two who change counts of each other: one is undone, as a caller would hear.
                if not is_transient(error):
                    raise

    await asyncio.gather(*(change_often(seed) for seed in range(4)))
    async with activities.engine.connect() as connection:
        assert await wrong_counts(connection) == []
        assert await wrong_contacts(connection) == []


async def test_two_who_delete_the_last_two_contacts_at_once_leave_none(
    activities: Service, world: World
) -> None:
    made = await scattered(activities, world, count=2, customers=1, sellers=1, state="done")

    async def delete(activity_id: UUID) -> None:
        async with activities.units() as unit:
            await unit.connection.execute(
                text("UPDATE activity SET deleted_at = now() WHERE activity_id = :id"),
                {"id": activity_id},
            )

    for _ in range(10):
        await asyncio.gather(*(delete(one) for one in made.activities))
        async with activities.engine.connect() as connection:
            assert await wrong_contacts(connection) == []
        async with activities.units() as unit:
            await unit.connection.execute(text("UPDATE activity SET deleted_at = NULL"))
