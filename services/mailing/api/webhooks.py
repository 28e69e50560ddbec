"""Routes of webhooks: to whom moves are sent, and what came of it."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.engine import Row

from services.mailing.api.feed import LAST_POSITION
from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.refusals import TooManyWebhooks, WebhookNotFound
from services.mailing.handlers import keep_webhooks
from services.mailing.handlers.deliver_moves import Courier
from services.mailing.persistence.webhooks import Wanted, all_of_them
from shared.chassis.http.description import WITHOUT_KEY, may_refuse
from shared.chassis.http.keys import KEY_NAME
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.outbound import LONGEST_URL, Reach
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

WEBHOOKS = "/v1/webhooks"
MOST_SEGMENTS = 100
Event = Literal["entered", "left"]


class WebhookBody(Input):
    """What is to be sent where."""

    url: Annotated[str, Field(max_length=LONGEST_URL)] = Field(
        examples=["https://hooks.example.com/suhde"]
    )
    segments: Annotated[list[UUID], Field(max_length=MOST_SEGMENTS)] | None = Field(
        default=None, description="null: all"
    )
    events: list[Event] = Field(default=["entered", "left"], min_length=1, max_length=2)
    active: bool = True

    def wanted(self) -> Wanted:
        """Return what it asks for."""
        return Wanted(
            self.url,
            None if self.segments is None else sorted(set(self.segments)),
            "entered" in self.events,
            "left" in self.events,
            self.active,
        )


class WebhookShown(BaseModel):
    """A webhook, how far it is, and since when it fails, if it does."""

    webhook_id: UUID
    url: str
    segments: list[UUID] | None
    events: list[Event]
    active: bool
    version: int
    position: int = Field(description="up to here all was taken")
    failures: int = Field(description="in a row")
    failing_since: datetime | None
    next_at: datetime | None = Field(description="when it is tried again")
    switched_off_at: datetime | None = Field(
        description="it failed for three days; set it active when it is mended"
    )
    earlier_secret_valid_until: datetime | None
    created_at: datetime
    updated_at: datetime


class NewWebhook(WebhookShown):
    """A new webhook with its secret, which is shown this once."""

    secret: str


class OverlapBody(Input):
    """How the secret is changed."""

    overlap_hours: int = Field(
        default=24, ge=0, le=720, description="how long the earlier secret signs, too"
    )


class NewWebhookSecret(BaseModel):
    """A new secret, which is shown this once."""

    webhook_id: UUID
    secret: str
    earlier_valid_until: datetime | None


class ReplayBody(Input):
    """From where on it is sent once more."""

    after: int = Field(ge=0, le=LAST_POSITION, examples=[0])


class DeliveryShown(BaseModel):
    """What came of one message."""

    message_id: UUID = Field(description="as in Webhook-Id")
    kind: Literal["moves", "test"]
    moves: int
    position: int
    at: datetime
    status: int | None = Field(description="of the answer; null: there was none")
    error: str | None = Field(
        description="null: it was taken; refused, redirected, timed_out, not_connected, "
        "not_answered, name_not_found, address_refused, target_refused or secret_unknown"
    )


class DeliveriesShown(BaseModel):
    """The last messages, the newest first."""

    items: list[DeliveryShown]


class RemovedWebhook(BaseModel):
    """Which webhook was removed."""

    removed: UUID


def webhooks_router(
    units: UnitOfWorkFactory, courier: Courier, reach: Reach, keys: LinkKeys
) -> APIRouter:
    """Return the routes below /v1/webhooks."""
    router = APIRouter(prefix=WEBHOOKS, tags=["webhooks"])

    @router.post(
        "", status_code=201, responses=may_refuse(TooManyWebhooks), openapi_extra=WITHOUT_KEY
    )
    async def make(body: WebhookBody, response: Response) -> NewWebhook:
        """Make a webhook that is sent what moves from now on.

        The secret is told in this answer and never again: no Idempotency-Key is taken, since the
        answer would have to be kept.
        """
        async with units() as uow:
            await uow.act_as(KEY_NAME)
            made, secret = await keep_webhooks.make_webhook(body.wanted(), reach, keys, uow)
        response.headers["Location"] = f"{WEBHOOKS}/{made.webhook_id}"
        response.headers["ETag"] = etag(made.version)
        response.headers["Cache-Control"] = "no-store"
        return NewWebhook(**_shown(made).model_dump(), secret=secret)

    @router.get("")
    async def show_all() -> list[WebhookShown]:
        """List the webhooks in the order they were made in."""
        async with units.engine.connect() as connection:
            return [_shown(row) for row in await all_of_them(connection)]

    @router.get("/{webhook_id}", responses=may_refuse(WebhookNotFound))
    async def show(webhook_id: UUID, response: Response) -> WebhookShown:
        """Show one webhook with its ETag."""
        async with units.engine.connect() as connection:
            found = await keep_webhooks.find_webhook(webhook_id, connection)
        response.headers["ETag"] = etag(found.version)
        return _shown(found)

    @router.put("/{webhook_id}", response_model=WebhookShown, responses=may_refuse(WebhookNotFound))
    async def change(
        request: Request, webhook_id: UUID, body: WebhookBody, expected: Expected
    ) -> Response:
        """Replace a webhook of the version in If-Match; it is tried at once."""

        async def work(uow: UnitOfWork) -> Answer:
            changed = await keep_webhooks.change_webhook(
                webhook_id, body.wanted(), reach, uow, expected=expected
            )
            return Answer(_shown(changed), headers={"ETag": etag(changed.version)})

        return await write(request, units, work)

    @router.delete(
        "/{webhook_id}", response_model=RemovedWebhook, responses=may_refuse(WebhookNotFound)
    )
    async def remove(request: Request, webhook_id: UUID, expected: Expected) -> Response:
        """Remove a webhook of the version in If-Match."""

        async def work(uow: UnitOfWork) -> Answer:
            await keep_webhooks.remove_webhook(webhook_id, uow, expected=expected)
            return Answer(RemovedWebhook(removed=webhook_id))

        return await write(request, units, work)

    @router.post(
        "/{webhook_id}/secrets",
        responses=may_refuse(WebhookNotFound),
        openapi_extra=WITHOUT_KEY,
    )
    async def change_secret(
        webhook_id: UUID, body: OverlapBody, response: Response
    ) -> NewWebhookSecret:
        """Change the secret; for a while messages carry two signatures, one of each.

        It is told in this answer and never again.
        """
        async with units() as uow:
            await uow.act_as(KEY_NAME)
            made = await keep_webhooks.change_secret(
                webhook_id, overlap=timedelta(hours=body.overlap_hours), keys=keys, uow=uow
            )
        response.headers["Cache-Control"] = "no-store"
        return NewWebhookSecret(
            webhook_id=webhook_id,
            secret=made.secret,
            earlier_valid_until=made.earlier_valid_until,
        )

    @router.get("/{webhook_id}/deliveries", responses=may_refuse(WebhookNotFound))
    async def show_deliveries(webhook_id: UUID) -> DeliveriesShown:
        """List what came of the last 100 messages, the newest first."""
        async with units.engine.connect() as connection:
            rows = await keep_webhooks.list_deliveries(webhook_id, connection)
        return DeliveriesShown(items=[_delivery(row) for row in rows])

    @router.post(
        "/{webhook_id}/replay", response_model=WebhookShown, responses=may_refuse(WebhookNotFound)
    )
    async def replay(request: Request, webhook_id: UUID, body: ReplayBody) -> Response:
        """Send once more what moved behind a position."""

        async def work(uow: UnitOfWork) -> Answer:
            found = await keep_webhooks.replay(webhook_id, uow, after=body.after)
            return Answer(_shown(found), headers={"ETag": etag(found.version)})

        return await write(request, units, work)

    @router.post(
        "/{webhook_id}/test", responses=may_refuse(WebhookNotFound), openapi_extra=WITHOUT_KEY
    )
    async def test(webhook_id: UUID) -> DeliveryShown:
        """Send a message without moves now, and wait for what comes of it: 15 seconds at most."""
        return _delivery(await courier.test(webhook_id))

    return router


def _shown(row: Row[Any]) -> WebhookShown:
    events: list[Event] = []
    if row.entered:
        events.append("entered")
    if row.exited:
        events.append("left")
    return WebhookShown(
        webhook_id=row.webhook_id,
        url=row.url,
        segments=row.segments,
        events=events,
        active=row.active,
        version=row.version,
        position=row.position,
        failures=row.failures,
        failing_since=row.failing_since,
        next_at=row.next_at,
        switched_off_at=row.switched_off_at,
        earlier_secret_valid_until=row.earlier_valid_until,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _delivery(row: Row[Any]) -> DeliveryShown:
    return DeliveryShown.model_validate(row, from_attributes=True)
