"""Routes of bans that are set here: of an address, of a topic, of all channels at once."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator
from sqlalchemy.exc import DBAPIError

from services.mailing.api.shapes import AddressText, Name, TopicKey
from services.mailing.domain.addresses import HashOf
from services.mailing.domain.channels import Channel
from services.mailing.domain.refusals import ContactHasNoAddress
from services.mailing.handlers import ban_address as bans
from services.mailing.persistence.bans import DirectBan
from shared.chassis.database import is_lock_timeout
from shared.chassis.errors import InvalidField
from shared.chassis.http.description import may_refuse
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

LAST_DAY = date(2199, 12, 31)

Source = Annotated[
    Name, Field(description="where the wish came from", examples=["unsubscribe-link"])
]
TextVersion = Annotated[
    Name | None, Field(description="which words the person was shown", examples=["2026-11"])
]
Fence = Literal["fenced", "accepted"]


class BanBody(Input):
    """An address to ban: e-mail, number in E.164, or street|postal code|city|country.

    With `topic` only that topic is banned, and instead of the address a contact may be named.
    """

    channel: Channel
    address: AddressText | None = Field(default=None, examples=["aino.virtanen@example.com"])
    contact_id: UUID | None = Field(default=None, description="instead of address, with topic")
    topic: TopicKey | None = None
    until: date | None = Field(
        default=None, le=LAST_DAY, description="the last day the ban stands on; none: for good"
    )
    source: Source
    text_version: TextVersion = None

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.address is None) == (self.contact_id is None):
            raise ValueError("name an address or, with a topic, a contact_id")
        if self.contact_id is not None and self.topic is None:
            raise ValueError(
                "contact_id needs a topic; a contact is banned at customers, its addresses at "
                "/v1/bans/all-channels"
            )
        return self


class AllChannelsBody(Input):
    """A contact who wants no e-mail, no text messages and no letters."""

    contact_id: UUID
    source: Source
    text_version: TextVersion = None


class BanAnswer(BaseModel):
    """`fenced`: nothing is released after this answer. `accepted`: that follows soon."""

    fence: Fence
    ban_id: UUID


class ChannelBan(BaseModel):
    """The ban that was set on one channel."""

    channel: Channel
    ban_id: UUID


class AllChannelsAnswer(BaseModel):
    """One ban for each channel that the contact has an address on, all fenced or all accepted."""

    fence: Fence
    bans: list[ChannelBan]


class BanLifted(BaseModel):
    """A direct ban was undone."""

    lifted: UUID


Wish = Callable[[UnitOfWork], Awaitable[Sequence[DirectBan]]]
Say = Callable[[Fence, Sequence[DirectBan]], BaseModel]


def bans_router(units: UnitOfWorkFactory, hash_of: HashOf, *, zone: ZoneInfo) -> APIRouter:
    """Return the routes below /v1/bans; `zone` says when a day is over."""
    router = APIRouter(prefix="/v1/bans", tags=["consent"])

    @router.post("", response_model=BanAnswer, responses={202: {"model": BanAnswer}})
    async def ban(request: Request, body: BanBody) -> Response:
        """Ban an address: 200 means fenced, 202 that the fence follows within seconds."""

        async def wish(uow: UnitOfWork) -> Sequence[DirectBan]:
            command = bans.BanAddress(
                channel=body.channel,
                address=body.address,
                source=body.source,
                contact_id=body.contact_id,
                topic=body.topic,
                ends_at=_end(body.until, uow.now, zone),
                text_version=body.text_version,
            )
            return await bans.wished(command, uow)

        def say(fence: Fence, done: Sequence[DirectBan]) -> BaseModel:
            return BanAnswer(fence=fence, ban_id=done[0].ban_id)

        return await _fenced_or_accepted(request, wish, say)

    @router.post(
        "/all-channels",
        response_model=AllChannelsAnswer,
        responses={**may_refuse(ContactHasNoAddress), 202: {"model": AllChannelsAnswer}},
    )
    async def ban_all(request: Request, body: AllChannelsBody) -> Response:
        """Ban e-mail, text messages and letters for the addresses that a contact has now.

        This is never inferred from another ban. Customers is told and bans the contact.
        """
        command = bans.BanAllChannels(body.contact_id, body.source, text_version=body.text_version)

        async def wish(uow: UnitOfWork) -> Sequence[DirectBan]:
            return await bans.wished_all(command, uow)

        def say(fence: Fence, done: Sequence[DirectBan]) -> BaseModel:
            shown = [ChannelBan(channel=one.channel, ban_id=one.ban_id) for one in done]
            return AllChannelsAnswer(fence=fence, bans=shown)

        return await _fenced_or_accepted(request, wish, say)

    @router.delete("/{ban_id}", response_model=BanLifted)
    async def lift(request: Request, ban_id: UUID) -> Response:
        """Undo a ban that was set here; bans of customers are lifted there."""

        async def work(uow: UnitOfWork) -> Answer:
            await bans.lift_ban(ban_id, uow, hash_of=hash_of)
            return Answer(BanLifted(lifted=ban_id))

        return await write(request, units, work)

    async def _fenced_or_accepted(request: Request, wish: Wish, say: Say) -> Response:
        async def fenced(uow: UnitOfWork) -> Answer:
            done = await bans.fence_bans(await wish(uow), uow, hash_of=hash_of)
            return Answer(say("fenced", done))

        async def accepted(uow: UnitOfWork) -> Answer:
            done = await bans.accept_bans(await wish(uow), uow, hash_of=hash_of)
            return Answer(say("accepted", done), status=202)

        try:
            return await write(request, units, fenced)
        except DBAPIError as error:
            if not is_lock_timeout(error):
                raise
        return await write(request, units, accepted)

    return router


def _end(until: date | None, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first moment after a day."""
    if until is None:
        return None
    if until < now.astimezone(zone).date():
        raise InvalidField(
            "until", "lies in the past", "Send today or a later day, or leave it out."
        )
    return datetime.combine(until + timedelta(days=1), time(), zone)
