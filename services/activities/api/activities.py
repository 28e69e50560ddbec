"""Routes of activities."""

from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from services.activities.api.shapes import (
    ActivityInput,
    ActivityOutput,
    CompletionInput,
    FollowUpInput,
    activity_output,
)
from services.activities.domain.activity import CategoryLocked
from services.activities.handlers.complete_activity import (
    AlreadyDone,
    StillOpen,
    complete_activity,
    plan_follow_up,
)
from services.activities.handlers.delete_activity import delete_activity, restore_activity
from services.activities.handlers.live import live_activity
from services.activities.handlers.save_activity import change_activity, record_activity
from services.activities.persistence.activities import fetch_activities
from shared.chassis.http.description import may_refuse, sends
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory


def activities_router(units: UnitOfWorkFactory, zone: ZoneInfo) -> APIRouter:
    """Return the routes below /v1/activities; days are days of the zone."""
    router = APIRouter(prefix="/v1/activities", tags=["activities"])

    async def answer(activity_id: UUID, unit: UnitOfWork, status: int = 200) -> Answer:
        rows = await fetch_activities(unit.connection, [activity_id])
        body = activity_output(rows[activity_id])
        headers = {"ETag": etag(body.version)}
        if status == 201:
            headers["Location"] = f"/v1/activities/{activity_id}"
        return Answer(body, status, headers)

    @router.post(
        "", status_code=201, response_model=ActivityOutput, responses=may_refuse(CategoryLocked)
    )
    async def record(request: Request, body: ActivityInput) -> Response:
        """Record an activity; customer, category and a memo are enough."""

        async def work(unit: UnitOfWork) -> Answer:
            activity_id = await record_activity(body.to_command(), unit, zone)
            return await answer(activity_id, unit, 201)

        return await write(request, units, work)

    @router.get("/{activity_id}")
    async def fetch(activity_id: UUID, response: Response) -> ActivityOutput:
        """Fetch an activity."""
        async with units.engine.connect() as connection:
            rows = await fetch_activities(connection, [activity_id])
        body = activity_output(live_activity(rows, activity_id))
        response.headers["ETag"] = etag(body.version)
        return body

    @router.put(
        "/{activity_id}", response_model=ActivityOutput, responses=may_refuse(CategoryLocked)
    )
    async def change(
        request: Request, activity_id: UUID, body: ActivityInput, expected: Expected
    ) -> Response:
        """Change an activity (If-Match); kind and type that are left out stay as they are."""

        async def work(unit: UnitOfWork) -> Answer:
            command = body.to_command()
            await change_activity(activity_id, command, unit, zone, expected=expected)
            return await answer(activity_id, unit)

        return await write(request, units, work)

    @router.post(
        "/{activity_id}/completion",
        response_model=ActivityOutput,
        responses=may_refuse(AlreadyDone),
    )
    async def complete(
        request: Request, activity_id: UUID, body: CompletionInput, expected: Expected
    ) -> Response:
        """Make an open activity done (If-Match), now or at the time it was; it counts that day."""

        async def work(unit: UnitOfWork) -> Answer:
            command = body.to_command()
            await complete_activity(activity_id, command, unit, zone, expected=expected)
            return await answer(activity_id, unit)

        return await write(request, units, work)

    @router.post(
        "/{activity_id}/follow-up",
        status_code=201,
        response_model=ActivityOutput,
        responses=may_refuse(StillOpen, CategoryLocked),
    )
    async def follow_up(request: Request, activity_id: UUID, body: FollowUpInput) -> Response:
        """Plan an open activity that follows from a done one, with the same people."""

        async def work(unit: UnitOfWork) -> Answer:
            made = await plan_follow_up(activity_id, body.to_command(), unit, zone)
            return await answer(made, unit, 201)

        return await write(request, units, work)

    @router.delete("/{activity_id}", response_model=ActivityOutput, responses={200: sends("ETag")})
    async def delete(request: Request, activity_id: UUID, expected: Expected) -> Response:
        """Delete an activity (If-Match); it can be restored."""

        async def work(unit: UnitOfWork) -> Answer:
            await delete_activity(activity_id, unit, expected=expected)
            return await answer(activity_id, unit)

        return await write(request, units, work)

    @router.post("/{activity_id}/restore", response_model=ActivityOutput)
    async def restore(request: Request, activity_id: UUID, expected: Expected) -> Response:
        """Bring a deleted activity back (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            await restore_activity(activity_id, unit, expected=expected)
            return await answer(activity_id, unit)

        return await write(request, units, work)

    return router
