"""Routes of the consent gate: hand-offs, reachability, and how fresh the news is."""

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.mailing.api.shapes import (
    BanShown,
    ConsentShown,
    HandOffAnswer,
    HandOffBody,
    OutcomeShown,
    ReachabilityShown,
    ReceiptParts,
    ReceiptShown,
    RefusedShown,
    ReleasedShown,
    TopicKey,
)
from services.mailing.domain.channels import BANNED_BY_CUSTOMERS, Channel, Purpose
from services.mailing.domain.gate import EXPLAINED, Reason
from services.mailing.domain.refusals import TopicArchived
from services.mailing.domain.unsubscribe_tokens import LinksOf
from services.mailing.handlers.consent import show_consent
from services.mailing.handlers.hand_off import (
    HandOff,
    Refused,
    Released,
    ask_again,
    hand_off,
    prepare_hand_off,
    show_hand_off,
)
from services.mailing.handlers.reachability import Reachability, reachability
from shared.chassis.http.description import may_refuse
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory


def consent_router(
    units: UnitOfWorkFactory, *, limit_seconds: float, links_of: LinksOf
) -> APIRouter:
    """Return the routes of hand-offs, reachability and consent."""
    router = APIRouter(prefix="/v1", tags=["consent"])

    @router.post("/hand-offs", response_model=HandOffAnswer, responses=may_refuse(TopicArchived))
    async def release(request: Request, body: HandOffBody) -> Response:
        """
        Release recipients for sending; answers for each whether it may be sent to.

        A repeated Idempotency-Key gives the first receipts again, without those whom the gate
        would refuse by now.
        """
        command = HandOff(
            contact_ids=tuple(body.contact_ids),
            channel=body.channel,
            purpose=body.purpose,
            campaign=body.campaign,
            customer_id=body.customer_id,
            segment_id=body.segment_id,
            topic=body.topic,
        )

        async def work(uow: UnitOfWork) -> Answer:
            outcomes = await hand_off(command, uow, limit_seconds=limit_seconds)
            shown = [with_link(outcome_shown(one), command, links_of) for one in outcomes]
            return Answer(HandOffAnswer(outcomes=shown))

        async with units() as uow:
            await prepare_hand_off(command, uow)
        response = await write(request, units, work)
        if "idempotency-replayed" not in response.headers:
            return response
        async with units() as uow:
            now = await ask_again(command, uow, limit_seconds=limit_seconds)
        first = HandOffAnswer.model_validate_json(bytes(response.body))
        answer = HandOffAnswer(outcomes=[by_now(one, now) for one in first.outcomes])
        return Response(
            answer.model_dump_json().encode(),
            media_type="application/json",
            headers={"Idempotency-Replayed": "true"},
        )

    @router.get("/hand-offs/{hand_off_id}")
    async def receipt(hand_off_id: UUID) -> ReceiptShown:
        """Show one receipt."""
        async with units() as uow:
            found = await show_hand_off(hand_off_id, uow)
        return ReceiptShown.model_validate(found)

    @router.get("/reachability/{contact_id}")
    async def reach(
        contact_id: UUID,
        channel: Channel,
        purpose: Purpose = Purpose.MARKETING,
        topic: TopicKey | None = None,
    ) -> ReachabilityShown:
        """Tell whether a contact may be written to, and what stops it."""
        async with units() as uow:
            found = await reachability(
                contact_id, channel, purpose, uow, limit_seconds=limit_seconds, topic=topic
            )
        return reachability_shown(contact_id, channel, purpose, found)

    @router.get("/consent")
    async def consent() -> ConsentShown:
        """Tell how far the news of bans goes and whether it is fresh enough for marketing."""
        found = await show_consent(units.engine, limit_seconds=limit_seconds)
        return ConsentShown(
            applied_through=found.applied_through,
            confirmed_seq=found.confirmed_seq,
            fresh=found.fresh,
            age_seconds=found.age_seconds,
            configured={channel: channel in found.configured for channel in BANNED_BY_CUSTOMERS},
        )

    return router


def with_link(shown: OutcomeShown, command: HandOff, links_of: LinksOf) -> OutcomeShown:
    """Return the outcome with the unsubscribe link of a marketing e-mail."""
    if shown.released is None:
        return shown
    if command.channel is not Channel.EMAIL or command.purpose is not Purpose.MARKETING:
        return shown
    link = links_of(shown.released.hand_off_id)
    if link is None:
        return shown
    linked = {"unsubscribe_url": link.url, "mail_headers": link.headers}
    return shown.model_copy(update={"released": shown.released.model_copy(update=linked)})


def reachability_shown(
    contact_id: UUID, channel: Channel, purpose: Purpose, found: Reachability
) -> ReachabilityShown:
    """Return what the gate says, in the shape in which it is shown."""
    detail, remedy = EXPLAINED[found.reason] if found.reason else (None, None)
    return ReachabilityShown(
        contact_id=contact_id,
        channel=channel,
        purpose=purpose,
        reachable=found.reason is None,
        reason=found.reason,
        detail=detail,
        remedy=remedy,
        bans=[BanShown(closed=closed, by=by) for closed, by in found.bans],
    )


def by_now(first: OutcomeShown, now: Mapping[UUID, str | Reason]) -> OutcomeShown:
    """Return what was answered first as the gate would answer now."""
    if first.released is None:
        return first
    found = now[first.contact_id]
    if isinstance(found, Reason):
        return outcome_shown(Refused(first.contact_id, found))
    return first.model_copy(
        update={"released": first.released.model_copy(update={"address": found})}
    )


def outcome_shown(one: Released | Refused) -> OutcomeShown:
    """Return what is told of one contact that was decided on."""
    if isinstance(one, Released):
        return OutcomeShown(
            contact_id=one.contact_id,
            released=ReleasedShown(
                address=one.address, **ReceiptParts.model_validate(one.receipt).model_dump()
            ),
        )
    detail, remedy = EXPLAINED[one.reason]
    earlier = ReceiptShown.model_validate(one.earlier) if one.earlier else None
    return OutcomeShown(
        contact_id=one.contact_id,
        refused=RefusedShown(reason=one.reason, detail=detail, remedy=remedy, earlier=earlier),
    )
