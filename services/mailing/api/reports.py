"""Routes of delivery reports: with the key, as mails, or signed by their provider."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.mailing.api.shapes import AddressText
from services.mailing.domain.addresses import require_key
from services.mailing.domain.channels import Channel
from services.mailing.domain.delivery_reports import EXPLAINED, Effect, Report, ReportKind
from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.refusals import NotADeliveryReport, NotAMail, SignatureInvalid
from services.mailing.handlers.keep_report_providers import require_signed
from services.mailing.handlers.take_reports import Taking, key_of, take_notice, take_reports
from services.mailing.persistence.reports import list_reports
from shared.chassis.http.description import PUBLIC, WITHOUT_KEY, may_refuse
from shared.chassis.http.paging import BadCursor, Cursor, Limit, Page, page_of, read_cursor
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.contracts.types import Moment

REPORTS = "/v1/delivery-reports"
MAILS = f"{REPORTS}/dsn"
HOOKS = "/hooks/delivery-reports"
MOST_REPORTS = 500
MAX_BODY = 1_048_576
MAIL_TYPES = ("message/rfc822", "multipart/report")

Provider = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", min_length=1, max_length=40)
]
ReportedChannel = Literal[Channel.EMAIL, Channel.SMS, Channel.POST]
"""A channel on which something is delivered, or is not."""

ProviderInPath = Annotated[Provider, InPath(examples=["mailhouse"])]


class ReportInput(Input):
    """What became of one message: of a hand-off, or of the last one to an address."""

    report_id: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"),
        Field(description="the provider's own; the same does nothing again", examples=["ev-17"]),
    ]
    kind: ReportKind
    channel: ReportedChannel = Channel.EMAIL
    address: AddressText | None = Field(default=None, examples=["aino.virtanen@example.com"])
    hand_off_id: UUID | None = None
    reported_at: Moment

    @model_validator(mode="after")
    def _one_of_both(self) -> "ReportInput":
        if (self.address is None) == (self.hand_off_id is None):
            raise ValueError("send exactly one of address and hand_off_id")
        return self

    def report(self, provider: str) -> Report:
        """Return the report of a provider; its address in the one form of all."""
        return Report(
            provider=provider,
            report_id=self.report_id,
            kind=self.kind,
            channel=self.channel,
            address_key=key_of(self.channel, self.address) if self.address else None,
            hand_off_id=self.hand_off_id,
            reported_at=self.reported_at,
        )


class ReportsInput(Input):
    """Reports that a provider signs."""

    reports: list[ReportInput] = Field(min_length=1, max_length=MOST_REPORTS)


class ReportsOfProviderInput(ReportsInput):
    """Reports of a provider, handed on by whoever has the key."""

    provider: Annotated[Provider, Field(examples=["mailhouse"])]


class EffectOutput(BaseModel):
    """What one report did."""

    report_id: str
    effect: Effect
    detail: str


class EffectsOutput(BaseModel):
    """What each report did, in their order."""

    outcomes: list[EffectOutput]


class DeliveryReportOutput(BaseModel):
    """A report that was taken. It holds no address: the hand-off knows it."""

    model_config = ConfigDict(from_attributes=True)

    delivery_report_id: UUID = Field(description="also the ban_id of what it stopped")
    provider: str
    report_id: str
    kind: ReportKind
    channel: Channel
    hand_off_id: UUID | None
    reported_at: datetime
    taken_at: datetime
    effect: Effect


def reports_router(units: UnitOfWorkFactory, taking: Taking, keys: LinkKeys) -> APIRouter:
    """Return the routes by which whoever has the key reports, and looks at reports."""
    router = APIRouter(prefix=REPORTS, tags=["delivery-reports"])

    @router.post("", response_model=EffectsOutput)
    async def report(request: Request, body: ReportsOfProviderInput) -> Response:
        """
        Take what became of messages; answers what followed from each report.

        A hard bounce suppresses the address, a soft one does when it comes on several days, a
        complaint bans it. Nothing follows for an address to which nothing was handed off.
        """
        told = [one.report(body.provider) for one in body.reports]

        async def work(uow: UnitOfWork) -> Answer:
            return Answer(_shown(told, await take_reports(told, taking, uow)))

        return await write(request, units, work)

    @router.post(
        "/dsn",
        response_model=EffectsOutput,
        responses=may_refuse(NotADeliveryReport, NotAMail),
        openapi_extra={"requestBody": _MAIL_BODY},
    )
    async def notice(request: Request) -> Response:
        """
        Take a delivery status notification (RFC 3464) or abuse report (RFC 5965), as it came.

        Takes `multipart/report` too: the body alone, with its boundary in Content-Type. Any other
        mail is refused, such as a vacation reply.
        """
        raw = _mail(request.headers.get("content-type", ""), await request.body())

        async def work(uow: UnitOfWork) -> Answer:
            taken = await take_notice(raw, taking, keys, uow)
            return Answer(_shown([one for one, _ in taken], [done for _, done in taken]))

        return await write(request, units, work)

    @router.get("")
    async def show_all(
        kind: ReportKind | None = None,
        address: Annotated[AddressText | None, Query(description="whom it is about")] = None,
        channel: Annotated[ReportedChannel, Query(description="of the address")] = Channel.EMAIL,
        since: Annotated[Moment | None, Query(description="taken then or later")] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[DeliveryReportOutput]:
        """List what was reported, the newest first."""
        after = _place(cursor)
        async with units.engine.connect() as connection:
            rows = await list_reports(
                connection,
                kind=kind,
                address=(channel, require_key(channel, address)) if address else None,
                since=since,
                after=after,
                limit=limit + 1,
            )
        found = [DeliveryReportOutput.model_validate(row) for row in rows]
        return page_of(
            found, limit, lambda one: (one.taken_at.isoformat(), str(one.delivery_report_id))
        )

    return router


def hooks_router(units: UnitOfWorkFactory, taking: Taking, keys: LinkKeys) -> APIRouter:
    """Return the route of providers, which asks for no key but a signature."""
    router = APIRouter(prefix=HOOKS, tags=["delivery-reports"])

    @router.post(
        "/{provider}",
        responses=may_refuse(SignatureInvalid),
        openapi_extra={**PUBLIC, **WITHOUT_KEY},
    )
    async def reported(
        request: Request,
        provider: ProviderInPath,
        body: ReportsInput,
        timestamp: Annotated[
            str,
            Header(
                alias="Suhde-Timestamp",
                max_length=20,
                description="Seconds since 1970, not over 5 minutes off.",
                examples=["1793600102"],
            ),
        ],
        signature: Annotated[
            str,
            Header(
                alias="Suhde-Signature",
                max_length=200,
                description="HMAC-SHA256 under the provider's secret of the timestamp, a point and "
                "the body as it is sent; in hexadecimal digits.",
                examples=["0" * 64],
            ),
        ],
    ) -> EffectsOutput:
        """Take what became of messages, signed by a provider of `/v1/report-providers`."""
        async with units() as uow:
            await require_signed(
                provider,
                timestamp=timestamp,
                signature=signature,
                body=await request.body(),
                keys=keys,
                connection=uow.connection,
                now=uow.now,
            )
            await uow.act_as(f"report-provider {provider}")
            told = [one.report(provider) for one in body.reports]
            return _shown(told, await take_reports(told, taking, uow))

    return router


def _shown(reports: Sequence[Report], effects: Sequence[Effect]) -> EffectsOutput:
    return EffectsOutput(
        outcomes=[
            EffectOutput(report_id=one.report_id, effect=done, detail=EXPLAINED[done])
            for one, done in zip(reports, effects, strict=True)
        ]
    )


def _mail(content_type: str, body: bytes) -> bytes:
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in MAIL_TYPES:
        raise NotAMail(f"The Content-Type is {content_type[:100]!r}.")
    if kind == "message/rfc822":
        return body
    return f"Content-Type: {content_type}\n\n".encode("latin-1", errors="replace") + body


def _place(cursor: str | None) -> tuple[datetime, UUID] | None:
    key = read_cursor(cursor, str, str)
    if key is None:
        return None
    try:
        moment = datetime.fromisoformat(str(key[0]))
        if moment.tzinfo is None:
            raise ValueError
        return moment, UUID(str(key[1]))
    except ValueError:
        raise BadCursor("The cursor belongs to another list.") from None


_EXAMPLE = """\
From: MAILER-DAEMON@mx.example.com
Date: Mon, 2 Nov 2026 08:15:02 +0200
Message-ID: <20261102061502.4F8K2x1abc@mx.example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; aino.virtanen@example.com
Action: failed
Status: 5.1.1

--b--
"""
_MAIL_BODY: dict[str, Any] = {
    "required": True,
    "content": {"message/rfc822": {"schema": {"type": "string"}, "example": _EXAMPLE}},
}
