"""Routes of segments: the records, their counts, members and recipients."""

from collections.abc import Mapping
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.mailing.api.moments import At
from services.mailing.api.shapes import (
    BuildShown,
    BuildsShown,
    CountsShown,
    Member,
    Members,
    PreviewBody,
    Removed,
    SegmentBody,
    SegmentShown,
    UnknownShown,
)
from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.refusals import BanNotConfigured, ConsentNotFresh
from services.mailing.handlers import keep_segments
from services.mailing.handlers.evaluate_rule import UnknownValue
from services.mailing.handlers.export_recipients import Export, Format, export_recipients
from services.mailing.handlers.keep_segments import ChannelCounts
from services.mailing.handlers.segment_history import list_members_at
from services.mailing.persistence.segments import Segment
from shared.chassis.http.description import WITHOUT_KEY, may_refuse, streams
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

MEDIA = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


def segments_router(units: UnitOfWorkFactory, *, zone: ZoneInfo, limit_seconds: float) -> APIRouter:
    """Return the routes below /v1/segments."""
    router = APIRouter(prefix="/v1/segments", tags=["segments"])

    @router.post("", status_code=201, response_model=SegmentShown)
    async def make(request: Request, body: SegmentBody) -> Response:
        """Make a segment."""

        async def work(uow: UnitOfWork) -> Answer:
            segment = await keep_segments.make_segment(body.name, body.rule, uow)
            location = f"/v1/segments/{segment.segment_id}"
            return Answer(
                await _with_unknown(segment, uow),
                status=201,
                headers={"ETag": etag(1), "Location": location},
            )

        return await write(request, units, work)

    @router.get("")
    async def show_all(cursor: Cursor = None, limit: Limit = 50) -> Page[SegmentShown]:
        """List segments in the order they were made in."""
        async with units() as uow:
            rows = await keep_segments.list_segments(uow, after=cursor_id(cursor), limit=limit + 1)
            found = await keep_segments.named_in_vain(rows, uow)
        return page_of([_shown(*one) for one in found], limit, lambda one: (str(one.segment_id),))

    @router.get("/{segment_id}")
    async def show(segment_id: UUID, response: Response) -> SegmentShown:
        """Show one segment with its ETag."""
        async with units() as uow:
            segment = await keep_segments.show_segment(segment_id, uow)
            shown = await _with_unknown(segment, uow)
        response.headers["ETag"] = etag(segment.version)
        return shown

    @router.put("/{segment_id}", response_model=SegmentShown)
    async def change(
        request: Request, segment_id: UUID, body: SegmentBody, expected: Expected
    ) -> Response:
        """Replace a segment of the version in If-Match."""

        async def work(uow: UnitOfWork) -> Answer:
            segment = await keep_segments.change_segment(
                segment_id, body.name, body.rule, uow, expected=expected
            )
            shown = await _with_unknown(segment, uow)
            return Answer(shown, headers={"ETag": etag(segment.version)})

        return await write(request, units, work)

    @router.delete("/{segment_id}", response_model=Removed)
    async def remove(request: Request, segment_id: UUID, expected: Expected) -> Response:
        """Remove a segment of the version in If-Match."""

        async def work(uow: UnitOfWork) -> Answer:
            await keep_segments.remove_segment(segment_id, uow, expected=expected)
            return Answer(Removed(removed=segment_id))

        return await write(request, units, work)

    @router.post("/{segment_id}/checks", status_code=202, response_model=SegmentShown)
    async def check(request: Request, segment_id: UUID) -> Response:
        """Find the members anew beside those there are; builds then shows what differed."""

        async def work(uow: UnitOfWork) -> Answer:
            segment = await keep_segments.check_segment(segment_id, uow)
            shown = await _with_unknown(segment, uow)
            return Answer(shown, status=202, headers={"ETag": etag(segment.version)})

        return await write(request, units, work)

    @router.get("/{segment_id}/builds")
    async def builds(segment_id: UUID, limit: Limit = 20) -> BuildsShown:
        """Show how the members were found, the newest first; of a check, the drift."""
        async with units() as uow:
            rows = await keep_segments.list_builds(segment_id, uow, limit=limit)
        return BuildsShown(
            items=[BuildShown.model_validate(row, from_attributes=True) for row in rows]
        )

    @router.post("/preview", openapi_extra=WITHOUT_KEY)
    async def preview(body: PreviewBody) -> dict[Channel, CountsShown]:
        """Count whom a rule would match now, per channel, for marketing; keeps nothing."""
        async with units() as uow:
            found = await keep_segments.preview_rule(
                body.rule, uow, zone=zone, limit_seconds=limit_seconds
            )
        return _counts(found)

    @router.get("/{segment_id}/counts")
    async def counts(segment_id: UUID) -> dict[Channel, CountsShown]:
        """Count the members per channel, for marketing."""
        async with units() as uow:
            found = await keep_segments.count_segment(segment_id, uow, limit_seconds=limit_seconds)
        return _counts(found)

    @router.get("/{segment_id}/members")
    async def members(
        segment_id: UUID, at: At = None, cursor: Cursor = None, limit: Limit = 100
    ) -> Members:
        """List the members, banned or not, now or as of a moment."""
        after = cursor_id(cursor)
        async with units() as uow:
            if at is None:
                found = await keep_segments.list_members(
                    segment_id, uow, after=after, limit=limit + 1
                )
            else:
                found = await list_members_at(segment_id, at, uow, after=after, limit=limit + 1)
        items = [Member.model_validate(row, from_attributes=True) for row in found.rows]
        page = page_of(items, limit, lambda one: (str(one.contact_id),))
        return Members(items=page.items, next=page.next, unknown_values=_unknown(found.unknown))

    @router.get(
        "/{segment_id}/recipients",
        response_class=StreamingResponse,
        responses=streams(*MEDIA.values()) | may_refuse(BanNotConfigured, ConsentNotFresh),
    )
    async def recipients(
        segment_id: UUID, channel: Channel, purpose: Purpose, format: Format = "csv"
    ) -> StreamingResponse:
        """Stream whom the gate lets through now. It is a preview: only a hand-off releases."""
        stream = await export_recipients(
            Export(segment_id, channel, purpose, format), units, limit_seconds=limit_seconds
        )
        name = f"recipients-{channel}.{format}"
        return StreamingResponse(
            stream,
            media_type=MEDIA[format],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return router


async def _with_unknown(segment: Segment, uow: UnitOfWork) -> SegmentShown:
    ((_, unknown),) = await keep_segments.named_in_vain([segment], uow)
    return _shown(segment, unknown)


def _counts(found: Mapping[Channel, ChannelCounts]) -> dict[Channel, CountsShown]:
    return {
        channel: CountsShown(
            members=one.counts.members,
            mailable=one.counts.mailable,
            banned=one.counts.banned,
            without_address=one.counts.without_address,
            refused=one.refused,
            unknown_values=_unknown(one.unknown),
        )
        for channel, one in found.items()
    }


def _shown(segment: Segment, unknown: list[UnknownValue]) -> SegmentShown:
    return SegmentShown(
        segment_id=segment.segment_id,
        name=segment.name,
        rule=segment.rule.model_dump(mode="json", exclude_none=True),
        version=segment.version,
        created_at=segment.created_at,
        updated_at=segment.updated_at,
        building=segment.next_rule_id is not None,
        unknown_values=_unknown(unknown),
    )


def _unknown(found: list[UnknownValue]) -> list[UnknownShown]:
    return [UnknownShown.model_validate(one) for one in found]
