"""A mailing database that is new beside running services learns what was done by a republish."""

import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.activities.handlers import republish as of_activities
from services.mailing.messaging.subscribers import subscriptions
from services.pipeline.handlers import republish as of_pipeline
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from tests.integration.activities import test_recording as calls
from tests.integration.activities.conftest import activities
from tests.integration.activities.conftest import client_of as activities_api
from tests.integration.activities.world import World as Calling
from tests.integration.mailing.rig import HASH_OF, Rig, open_rig
from tests.integration.pipeline import selling
from tests.integration.pipeline.conftest import client_of as pipeline_api
from tests.integration.pipeline.conftest import pipeline
from tests.integration.pipeline.world import World as Selling
from tests.integration.republish.world import last_told, told_to

__all__ = ["activities", "pipeline"]

HEARD = subscriptions(ZoneInfo("UTC"), HASH_OF)
# As it stands; which message told it, and when, is another matter.
STANDS = """
    SELECT to_jsonb(one) - ARRAY['told_type', 'told_by', 'told_at'] FROM {} AS one ORDER BY 1
"""


async def stands(rig: Rig) -> dict[str, list[tuple[Any, ...]]]:
    tables = ("activity", "opportunity", "classification")
    return {table: await rig.rows(STANDS.format(table)) for table in tables}


async def record(service: Service) -> None:
    """Record something of nobody and of somebody, and something that is deleted."""
    if service.name == "activities":
        world, api, hands = Calling(service), activities_api(service), calls
        path, said = "/v1/activities/{activity_id}", {"category": 1, "subject": "Call"}
    else:
        world, api, hands = Selling(service), pipeline_api(service), selling
        path, said = "/v1/opportunities/{opportunity_id}", {"value": 12050}
    one, person = str(await world.customer()), str(await world.contact())
    async with api as client:
        for contacts in ([], [person]):
            await hands.recorded(client, customer_id=one, contacts=contacts, **said)
        gone = await hands.recorded(client, customer_id=one, **said)
        answer = await client.delete(path.format(**gone), headers={"If-Match": '"1"'})
        assert answer.status_code < 300, answer.text


@pytest.mark.requirement("LE-01", "TS-28")
async def test_a_new_mailing_knows_what_one_knows_that_heard_everything(
    activities: Service, pipeline: Service, postgres: Postgres
) -> None:
    await record(activities)
    await record(pipeline)
    seen: list[tuple[int, int]] = []
    async with open_rig(postgres) as rig, open_rig(postgres) as new:
        for service in (activities, pipeline):
            await rig.take(*await told_to(HEARD, service))
        known = await stands(rig)
        assert len(known["activity"]) == len(known["opportunity"]) == 3 and known["classification"]
        messages = []
        for service, teller in ((activities, of_activities), (pipeline, of_pipeline)):
            before = await last_told(service)
            await teller.republish(service.units, lambda *done: seen.append(done), chunk=2)
            messages += await told_to(HEARD, service, since=before)
        assert seen == [(2, 3), (3, 3)] * 2
        await rig.take(*messages)
        assert await stands(rig) == known, "who heard it all hears nothing new"
        random.shuffle(messages)
        await new.take(*messages)
        assert await stands(new) == known
