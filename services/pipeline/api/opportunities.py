"""Routes of opportunities."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.pipeline.api.shapes import (
    CopyInput,
    LossInput,
    MoveInput,
    OpportunityInput,
    OpportunityOutput,
    OutcomeInput,
    ReopeningInput,
    opportunity_output,
)
from services.pipeline.domain.lists import Outcome
from services.pipeline.domain.opportunity import Rules
from services.pipeline.domain.stages import MoveNotAllowed, NoSuchStage
from services.pipeline.handlers.copy_opportunity import copy_opportunity
from services.pipeline.handlers.delete_opportunity import delete_opportunity, restore_opportunity
from services.pipeline.handlers.live import live_opportunity
from services.pipeline.handlers.move_opportunity import (
    AlreadySettled,
    Move,
    move_opportunity,
    settle_opportunity,
)
from services.pipeline.handlers.save_opportunity import change_opportunity, record_opportunity
from services.pipeline.persistence.opportunities import fetch_opportunities
from shared.chassis.http.description import may_refuse, sends
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

SETTLES = may_refuse(AlreadySettled, NoSuchStage, MoveNotAllowed)


def opportunities_router(units: UnitOfWorkFactory, rules: Rules) -> APIRouter:
    """Return the routes of single opportunities below /v1/opportunities."""
    router = APIRouter(prefix="/v1/opportunities", tags=["opportunities"])

    @router.post("", status_code=201, response_model=OpportunityOutput)
    async def record(request: Request, body: OpportunityInput) -> Response:
        """Record an opportunity; customer or project, name and day are enough."""

        async def work(unit: UnitOfWork) -> Answer:
            opportunity_id = await record_opportunity(body.to_command(), unit, rules)
            return await _answer(opportunity_id, unit, 201)

        return await write(request, units, work)

    @router.get("/{opportunity_id}")
    async def fetch(opportunity_id: UUID, response: Response) -> OpportunityOutput:
        """Fetch an opportunity."""
        async with units.engine.connect() as connection:
            rows = await fetch_opportunities(connection, [opportunity_id])
        body = opportunity_output(live_opportunity(rows, opportunity_id))
        response.headers["ETag"] = etag(body.version)
        return body

    @router.put(
        "/{opportunity_id}",
        response_model=OpportunityOutput,
        responses=may_refuse(MoveNotAllowed),
    )
    async def change(
        request: Request, opportunity_id: UUID, body: OpportunityInput, expected: Expected
    ) -> Response:
        """Change an opportunity (If-Match); stage, currency, reason, day of closing and a
        probability by hand stay if they are left out.
        """

        async def work(unit: UnitOfWork) -> Answer:
            command = body.to_command()
            await change_opportunity(opportunity_id, command, unit, rules, expected=expected)
            return await _answer(opportunity_id, unit)

        return await write(request, units, work)

    @router.post("/{opportunity_id}/copies", status_code=201, response_model=OpportunityOutput)
    async def copy(request: Request, opportunity_id: UUID, body: CopyInput) -> Response:
        """Record another one that says the same, at the first stage and without outcome."""

        async def work(unit: UnitOfWork) -> Answer:
            made = await copy_opportunity(opportunity_id, body.name, unit, rules)
            return await _answer(made, unit, 201)

        return await write(request, units, work)

    @router.delete(
        "/{opportunity_id}", response_model=OpportunityOutput, responses={200: sends("ETag")}
    )
    async def delete(request: Request, opportunity_id: UUID, expected: Expected) -> Response:
        """Delete an opportunity (If-Match); it can be restored."""

        async def work(unit: UnitOfWork) -> Answer:
            await delete_opportunity(opportunity_id, unit, expected=expected)
            return await _answer(opportunity_id, unit)

        return await write(request, units, work)

    @router.post("/{opportunity_id}/restore", response_model=OpportunityOutput)
    async def restore(request: Request, opportunity_id: UUID, expected: Expected) -> Response:
        """Bring a deleted opportunity back (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            await restore_opportunity(opportunity_id, unit, expected=expected)
            return await _answer(opportunity_id, unit)

        return await write(request, units, work)

    return router


def moves_router(units: UnitOfWorkFactory, rules: Rules) -> APIRouter:
    """Return the routes that move an opportunity through its process."""
    router = APIRouter(prefix="/v1/opportunities", tags=["opportunities"])

    async def settled(
        request: Request, opportunity_id: UUID, outcome: Outcome, command: Move, expected: int
    ) -> Response:
        async def work(unit: UnitOfWork) -> Answer:
            await settle_opportunity(
                opportunity_id, outcome, command, unit, rules, expected=expected
            )
            return await _answer(opportunity_id, unit)

        return await write(request, units, work)

    @router.post(
        "/{opportunity_id}/stage",
        response_model=OpportunityOutput,
        responses=may_refuse(MoveNotAllowed),
    )
    async def move(
        request: Request, opportunity_id: UUID, body: MoveInput, expected: Expected
    ) -> Response:
        """Move an opportunity to a stage, or to a place within its own (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            command = body.to_command()
            await move_opportunity(opportunity_id, command, unit, rules, expected=expected)
            return await _answer(opportunity_id, unit)

        return await write(request, units, work)

    @router.post("/{opportunity_id}/win", response_model=OpportunityOutput, responses=SETTLES)
    async def win(
        request: Request, opportunity_id: UUID, body: OutcomeInput, expected: Expected
    ) -> Response:
        """Win an opportunity (If-Match); it is then certain."""
        return await settled(request, opportunity_id, Outcome.WON, body.to_command(), expected)

    @router.post("/{opportunity_id}/loss", response_model=OpportunityOutput, responses=SETTLES)
    async def lose(
        request: Request, opportunity_id: UUID, body: LossInput, expected: Expected
    ) -> Response:
        """Lose an opportunity (If-Match), and say why."""
        return await settled(request, opportunity_id, Outcome.LOST, body.to_command(), expected)

    @router.post("/{opportunity_id}/expiry", response_model=OpportunityOutput, responses=SETTLES)
    async def expire(
        request: Request, opportunity_id: UUID, body: OutcomeInput, expected: Expected
    ) -> Response:
        """Let an opportunity expire (If-Match): neither won nor lost."""
        return await settled(request, opportunity_id, Outcome.EXPIRED, body.to_command(), expected)

    @router.post("/{opportunity_id}/reopening", response_model=OpportunityOutput, responses=SETTLES)
    async def reopen(
        request: Request, opportunity_id: UUID, body: ReopeningInput, expected: Expected
    ) -> Response:
        """Open an opportunity again (If-Match), as probable as its stage says."""
        return await settled(request, opportunity_id, Outcome.OPEN, body.to_command(), expected)

    return router


async def _answer(opportunity_id: UUID, unit: UnitOfWork, status: int = 200) -> Answer:
    rows = await fetch_opportunities(unit.connection, [opportunity_id])
    body = opportunity_output(rows[opportunity_id])
    headers = {"ETag": etag(body.version)}
    if status == 201:
        headers["Location"] = f"/v1/opportunities/{opportunity_id}"
    return Answer(body, status, headers)
