"""Routes of audiences: whom campaigns take of segments, and the hand-off of the next ones."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.mailing.api.audience_shapes import (
    AudienceBody,
    AudienceCountsShown,
    AudienceHandOffAnswer,
    AudienceMember,
    AudienceShown,
    NextBody,
)
from services.mailing.api.consent import by_now, outcome_shown, with_link
from services.mailing.api.shapes import Removed
from services.mailing.domain.refusals import (
    AudienceClosed,
    BanNotConfigured,
    ConsentNotFresh,
    SegmentNotFound,
)
from services.mailing.domain.unsubscribe_tokens import LinksOf
from services.mailing.handlers import keep_audiences
from services.mailing.handlers.hand_off_audience import (
    ask_audience_again,
    hand_off_next,
    prepare_next,
)
from services.mailing.handlers.keep_audiences import TakeAudience
from services.mailing.persistence.audiences import Audience
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

CLOSED = may_refuse(BanNotConfigured, ConsentNotFresh)


def audiences_router(
    units: UnitOfWorkFactory, *, limit_seconds: float, links_of: LinksOf
) -> APIRouter:
    """Return the routes below /v1/audiences, but for those of sealed ones."""
    router = APIRouter(prefix="/v1/audiences", tags=["audiences"])

    @router.post(
        "",
        status_code=201,
        response_model=AudienceShown,
        responses=CLOSED | may_refuse(SegmentNotFound),
    )
    async def take(request: Request, body: AudienceBody) -> Response:
        """Take those members of a segment whom the gate lets through now, for a campaign."""
        command = TakeAudience(
            segment_id=body.segment_id,
            channel=body.channel,
            purpose=body.purpose,
            campaign=body.campaign,
            keep_up=body.keep_up,
            customer_id=body.customer_id,
        )

        async def work(uow: UnitOfWork) -> Answer:
            audience = await keep_audiences.take_audience(command, uow, limit_seconds=limit_seconds)
            location = f"/v1/audiences/{audience.audience_id}"
            headers = {"ETag": etag(audience.version), "Location": location}
            return Answer(_shown(audience), status=201, headers=headers)

        return await write(request, units, work)

    @router.get("")
    async def show_all(cursor: Cursor = None, limit: Limit = 50) -> Page[AudienceShown]:
        """List audiences in the order they were taken in."""
        async with units() as uow:
            rows = await keep_audiences.list_audiences(
                uow, after=cursor_id(cursor), limit=limit + 1
            )
        return page_of([_shown(one) for one in rows], limit, lambda one: (str(one.audience_id),))

    @router.get("/{audience_id}")
    async def show(audience_id: UUID, response: Response) -> AudienceShown:
        """Show one audience with its ETag."""
        async with units() as uow:
            audience = await keep_audiences.find_audience(audience_id, uow.connection)
        response.headers["ETag"] = etag(audience.version)
        return _shown(audience)

    @router.get("/{audience_id}/members")
    async def members(
        audience_id: UUID, cursor: Cursor = None, limit: Limit = 100
    ) -> Page[AudienceMember]:
        """List whom the audience took, also those who left it."""
        async with units() as uow:
            rows = await keep_audiences.list_audience_members(
                audience_id, uow, after=cursor_id(cursor), limit=limit + 1
            )
        items = [AudienceMember.model_validate(row) for row in rows]
        return page_of(items, limit, lambda one: (str(one.contact_id),))

    @router.get("/{audience_id}/counts")
    async def counts(audience_id: UUID) -> AudienceCountsShown:
        """Count the members, and what stops some of them now."""
        async with units() as uow:
            found, refused = await keep_audiences.count_audience(
                audience_id, uow, limit_seconds=limit_seconds
            )
        return AudienceCountsShown(
            members=found.members,
            mailable=found.mailable,
            addresses=found.addresses,
            banned=found.banned,
            without_address=found.without_address,
            left=found.left,
            handed_off=found.handed_off,
            refused=refused,
        )

    @router.post("/{audience_id}/closure", response_model=AudienceShown)
    async def close(request: Request, audience_id: UUID, expected: Expected) -> Response:
        """Close an audience of the version in If-Match: nothing more is released from it."""

        async def work(uow: UnitOfWork) -> Answer:
            audience = await keep_audiences.close_audience(audience_id, uow, expected=expected)
            return Answer(_shown(audience), headers={"ETag": etag(audience.version)})

        return await write(request, units, work)

    @router.delete("/{audience_id}", response_model=Removed)
    async def remove(request: Request, audience_id: UUID, expected: Expected) -> Response:
        """Remove an audience of the version in If-Match; receipts of hand-offs stay."""

        async def work(uow: UnitOfWork) -> Answer:
            await keep_audiences.remove_audience(audience_id, uow, expected=expected)
            return Answer(Removed(removed=audience_id))

        return await write(request, units, work)

    @router.post(
        "/{audience_id}/hand-offs",
        response_model=AudienceHandOffAnswer,
        responses=may_refuse(AudienceClosed, BanNotConfigured, ConsentNotFresh),
    )
    async def hand_off(request: Request, audience_id: UUID, body: NextBody) -> Response:
        """
        Release the next members for sending, each address once per campaign, until none come.

        A repeated Idempotency-Key gives the first receipts again, without those whom the gate
        would refuse by now.
        """

        async def work(uow: UnitOfWork) -> Answer:
            command, outcomes = await hand_off_next(
                audience_id, uow, limit=body.limit, limit_seconds=limit_seconds
            )
            shown = [with_link(outcome_shown(one), command, links_of) for one in outcomes]
            return Answer(AudienceHandOffAnswer(outcomes=shown))

        async with units() as uow:
            await prepare_next(audience_id, uow, limit=body.limit)
        response = await write(request, units, work)
        if "idempotency-replayed" not in response.headers:
            return response
        first = AudienceHandOffAnswer.model_validate_json(bytes(response.body))
        async with units() as uow:
            now = await ask_audience_again(
                audience_id,
                [one.contact_id for one in first.outcomes],
                uow,
                limit_seconds=limit_seconds,
            )
        answer = AudienceHandOffAnswer(outcomes=[by_now(one, now) for one in first.outcomes])
        return Response(
            answer.model_dump_json().encode(),
            media_type="application/json",
            headers={"Idempotency-Replayed": "true"},
        )

    return router


def _shown(audience: Audience) -> AudienceShown:
    return AudienceShown.model_validate(audience)
