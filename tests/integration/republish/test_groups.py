"""An activities database that is new beside a running pipeline learns its groups by a republish."""

import random

import pytest
from sqlalchemy import text

from services.pipeline.handlers.republish import republish
from shared.chassis.messages import Incoming
from shared.chassis.service import Service
from tests.integration.activities.conftest import activities
from tests.integration.activities.hearing import hear, rows
from tests.integration.pipeline.conftest import client_of, pipeline
from tests.integration.pipeline.standing import send
from tests.integration.pipeline.test_user_groups import group, id_of, member

__all__ = ["activities", "pipeline"]


async def told(service: Service, kind: str) -> list[Incoming]:
    async with service.engine.connect() as connection:
        found = await connection.execute(
            text("SELECT message_id, type, subject, body FROM outbox WHERE type = :kind"),
            {"kind": kind},
        )
        return [
            Incoming(
                body=bytes(row.body),
                headers={
                    "ce-specversion": "1.0",
                    "ce-id": str(row.message_id),
                    "ce-source": "/suhde/pipeline",
                    "ce-type": row.type,
                    "ce-subject": row.subject,
                },
            )
            for row in found
        ]


@pytest.mark.requirement("TS-08", "TS-11")
async def test_a_republish_tells_activities_which_groups_there_are(
    pipeline: Service, activities: Service
) -> None:
    async with client_of(pipeline) as api:
        top = await group(api, "Top", kind="sales")
        below = await group(api, "Below", parent_id=id_of(top), members=[member("anna.k")])
        gone = await group(api, "Gone", members=[member("bo")])
        await send(api, "DELETE", gone)
    async with pipeline.engine.begin() as connection:
        await connection.execute(text("DELETE FROM outbox"))

    seen: list[tuple[int, int]] = []
    await republish(pipeline.units, lambda done, total: seen.append((done, total)), chunk=2)
    messages = await told(pipeline, "pipeline.user-group-saved.v1")
    random.shuffle(messages)
    await hear(activities, messages)

    assert seen == [(2, 3), (3, 3)]
    assert await rows(
        activities,
        "SELECT title, kind, parent_id::text FROM user_group WHERE NOT removed ORDER BY title",
    ) == [("Below", "standard", id_of(top)), ("Top", "sales", None)]
    assert await rows(activities, "SELECT group_id::text, seller FROM user_group_member") == [
        (id_of(below), "anna.k")
    ]
    values = await rows(pipeline, "SELECT count(*) FROM list_value")
    assert [(len(await told(pipeline, "pipeline.classification-saved.v1")),)] == values
