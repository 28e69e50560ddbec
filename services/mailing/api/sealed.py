"""Routes of sealed audiences: tokens for those who may not know whom they send to until they do."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.mailing.api.audience_shapes import (
    SealedAnswer,
    SealedBody,
    SealedOutcome,
    SealRefused,
    SealsBody,
    SealsShown,
)
from services.mailing.api.consent import outcome_shown, with_link
from services.mailing.domain.gate import EXPLAINED, Reason
from services.mailing.domain.refusals import AudienceClosed
from services.mailing.domain.unsubscribe_tokens import LinksOf
from services.mailing.handlers.hand_off import HandOff, Released
from services.mailing.handlers.hand_off_audience import (
    ask_sealed_again,
    hand_off_sealed,
    prepare_sealed,
    seal_next,
)
from shared.chassis.http.description import WITHOUT_KEY, may_refuse
from shared.chassis.http.keys import KEY_NAME
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

NO_SEAL = (
    "The token is good for nobody: forged, of another audience, used, expired, or of one who left.",
    "Leave it out, or ask for new tokens at /v1/audiences/{audience_id}/seals.",
)


def sealed_router(
    units: UnitOfWorkFactory, *, limit_seconds: float, links_of: LinksOf
) -> APIRouter:
    """Return the routes that give tokens of an audience and resolve them."""
    router = APIRouter(prefix="/v1/audiences/{audience_id}", tags=["audiences"])

    @router.post(
        "/seals",
        response_model=SealsShown,
        responses=may_refuse(AudienceClosed),
        openapi_extra=WITHOUT_KEY,
    )
    async def seal(audience_id: UUID, body: SealsBody, response: Response) -> SealsShown:
        """Give tokens that stand for the next members who have none, instead of their ids.

        They are told in this answer and never again: no Idempotency-Key is taken, since the
        answer would have to be kept.
        """
        async with units() as uow:
            await uow.act_as(KEY_NAME)
            made = await seal_next(audience_id, uow, limit=body.limit, hours=body.hours)
        response.headers["Cache-Control"] = "no-store"
        return SealsShown(tokens=list(made.tokens), expires_at=made.expires_at)

    @router.post(
        "/sealed-hand-offs", response_model=SealedAnswer, responses=may_refuse(AudienceClosed)
    )
    async def release(request: Request, audience_id: UUID, body: SealedBody) -> Response:
        """
        Release those for whom the tokens stand; a token releases once.

        A repeated Idempotency-Key gives the first receipts again, without those whom the gate
        would refuse by now.
        """

        async def work(uow: UnitOfWork) -> Answer:
            command, outcomes = await hand_off_sealed(
                audience_id, body.tokens, uow, limit_seconds=limit_seconds
            )
            shown = [_outcome(token, one, command, links_of) for token, one in outcomes.items()]
            return Answer(SealedAnswer(outcomes=shown))

        async with units() as uow:
            await prepare_sealed(audience_id, body.tokens, uow)
        response = await write(request, units, work)
        if "idempotency-replayed" not in response.headers:
            return response
        async with units() as uow:
            now = await ask_sealed_again(audience_id, body.tokens, uow, limit_seconds=limit_seconds)
        first = SealedAnswer.model_validate_json(bytes(response.body))
        answer = SealedAnswer(outcomes=[_by_now(one, now.get(one.token)) for one in first.outcomes])
        return Response(
            answer.model_dump_json().encode(),
            media_type="application/json",
            headers={"Idempotency-Replayed": "true"},
        )

    return router


def _outcome(
    token: str, one: Released | Reason | None, command: HandOff, links_of: LinksOf
) -> SealedOutcome:
    if isinstance(one, Released):
        linked = with_link(outcome_shown(one), command, links_of)
        return SealedOutcome(token=token, released=linked.released)
    return SealedOutcome(token=token, refused=_refused(one))


def _by_now(first: SealedOutcome, now: str | Reason | None) -> SealedOutcome:
    if first.released is None:
        return first
    if not isinstance(now, str) or isinstance(now, Reason):
        return SealedOutcome(token=first.token, refused=_refused(now))
    return first.model_copy(update={"released": first.released.model_copy(update={"address": now})})


def _refused(reason: Reason | None) -> SealRefused:
    detail, remedy = NO_SEAL if reason is None else EXPLAINED[reason]
    return SealRefused(reason=reason, detail=detail, remedy=remedy)
