"""Routes of attachments: files go in and out as streams, and are never held in memory (LE-03)."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy.engine import Row
from starlette.requests import ClientDisconnect

from services.activities.api.ranges import wanted_part
from services.activities.domain.attachments import (
    AttachmentKind,
    checked_name,
    media_type_of,
    served_as,
)
from services.activities.domain.blobs import Blob, BlobStore, BlobUnavailable, Received
from services.activities.handlers.keep_attachments import (
    Attach,
    PersonErased,
    announce,
    attach,
    delete_attachment,
    live_attachment,
    locked_attachment,
    rename_attachment,
    restore_attachment,
)
from services.activities.handlers.live import live_activity
from services.activities.persistence.activities import fetch_activities
from services.activities.persistence.attachments import find_attachment, list_attachments
from shared.chassis.errors import InvalidField, Kind, Refusal
from shared.chassis.http.description import may_refuse, sends
from shared.chassis.http.invalid import InvalidRequest
from shared.chassis.http.limits import BodyTooLarge
from shared.chassis.http.paging import Cursor, Limit, Page, cursor_id, page_of
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.logs import get_logger
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

PATH = "/v1/activities/{activity_id}/attachments"
MOST_UPLOADS = 16
UPLOAD_SECONDS = 600.0
# However a browser came to it, it shows nothing of it and runs nothing of it.
_NEVER_SHOWN = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
}

log = get_logger(__name__)

FileName = Annotated[
    str, Field(min_length=1, max_length=1000, examples=["offer.pdf"], description="file name")
]
Checksum = Annotated[
    str | None,
    Query(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file, if it is to be checked"),
]


class UploadIncomplete(Refusal):
    """The file did not come whole: it broke off, took too long, or is not what was announced."""

    kind = Kind.MALFORMED
    slug = "upload_incomplete"
    remedy = f"Send it again, whole and within {UPLOAD_SECONDS:.0f} seconds."


class TooManyUploads(Refusal):
    """So many others are sending files that this one has to wait."""

    kind = Kind.UNAVAILABLE
    slug = "too_many_uploads"
    remedy = "Try again after the time in Retry-After."


class StoreUnavailable(Refusal):
    """The volume of the attachments is full or away; nothing was changed."""

    kind = Kind.UNAVAILABLE
    slug = "attachment_store_unavailable"
    remedy = "Tell whoever runs the service, and try again."


class AttachmentDamaged(Refusal):
    """The bytes of the attachment are missing or are not those that were sent."""

    kind = Kind.UNAVAILABLE
    slug = "attachment_damaged"
    remedy = "Tell whoever runs the service: the file is in the backup; or attach it anew."


class AttachmentInput(Input):
    """What can be changed of an attachment; its content never changes."""

    name: FileName
    kind: AttachmentKind = AttachmentKind.DOCUMENT


class AttachmentOutput(BaseModel):
    """An attachment; its bytes are at `content`."""

    attachment_id: UUID
    version: int
    activity_id: UUID
    kind: AttachmentKind
    name: str
    media_type: str = Field(description="as it was sent")
    size: int = Field(description="in bytes")
    sha256: str = Field(description="of the bytes, in hexadecimal digits")
    content: str = Field(description="path of the bytes")
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


def attachment_output(row: Row[Any]) -> AttachmentOutput:
    """Return an attachment as it is shown."""
    own = {"sha256", "content"}
    return AttachmentOutput(
        **{name: getattr(row, name) for name in AttachmentOutput.model_fields if name not in own},
        sha256=bytes(row.sha256).hex(),
        content=f"{_path(row.activity_id)}/{row.attachment_id}/content",
    )


def larger_bodies(limit: int) -> Mapping[str, int]:
    """Return which paths take files, and of how many bytes."""
    return {PATH: limit}


def attachments_router(units: UnitOfWorkFactory, blobs: BlobStore) -> APIRouter:
    """Return the routes of the attachments of activities."""
    router = APIRouter(prefix=PATH, tags=["attachments"])
    # As many as may be sent at once; each takes a piece of memory and perhaps a thread.
    uploading = 0

    async def answer(
        activity_id: UUID, attachment_id: UUID, unit: UnitOfWork, status: int = 200
    ) -> Answer:
        row = await find_attachment(unit.connection, activity_id, attachment_id)
        assert row is not None
        headers = {"ETag": etag(row.version)}
        if status == 201:
            headers["Location"] = f"{_path(activity_id)}/{attachment_id}"
        return Answer(attachment_output(row), status, headers)

    async def found(activity_id: UUID, attachment_id: UUID) -> Row[Any]:
        async with units.engine.connect() as connection:
            live_activity(await fetch_activities(connection, [activity_id]), activity_id)
            row = await find_attachment(connection, activity_id, attachment_id)
        return live_attachment(row, attachment_id)

    @router.post(
        "",
        status_code=201,
        response_model=AttachmentOutput,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {
                        "schema": {"type": "string"},
                        "example": "Met at the fair.\n",
                    }
                },
            }
        },
        responses=may_refuse(
            InvalidRequest, UploadIncomplete, PersonErased, BodyTooLarge, TooManyUploads
        ),
    )
    async def send(
        request: Request,
        activity_id: UUID,
        name: Annotated[FileName, Query()],
        kind: AttachmentKind = AttachmentKind.DOCUMENT,
        sha256: Checksum = None,
    ) -> Response:
        """Attach a file, which is the body as it is; its media type is the Content-Type."""
        nonlocal uploading
        media_type = media_type_of(request.headers.get("content-type"))
        command = Attach(activity_id, kind, checked_name(name), media_type)
        async with units.engine.connect() as connection:
            # Known before the bytes come; asked again when they are attached.
            live_activity(await fetch_activities(connection, [activity_id]), activity_id)
        if uploading >= MOST_UPLOADS:
            raise TooManyUploads(f"{MOST_UPLOADS} files are being sent.")
        uploading += 1
        try:
            received = await _received(request, blobs, sha256)
            try:
                return await _attached(request, command, received)
            finally:
                await blobs.discard(received)
        finally:
            uploading -= 1

    async def _attached(request: Request, command: Attach, received: Received) -> Response:
        async with units() as unit:
            await announce(received, unit)

        async def work(unit: UnitOfWork) -> Answer:
            attachment_id = await attach(command, received, blobs, unit)
            return await answer(command.activity_id, attachment_id, unit, 201)

        return await write(request, units, work, body_digest=received.sha256)

    @router.get("")
    async def show_all(
        activity_id: UUID,
        deleted: Annotated[bool, Query(description="show the deleted ones instead")] = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[AttachmentOutput]:
        """List the attachments of an activity, the oldest first."""
        async with units.engine.connect() as connection:
            live_activity(await fetch_activities(connection, [activity_id]), activity_id)
            rows = await list_attachments(
                connection, activity_id, deleted=deleted, after=cursor_id(cursor), limit=limit + 1
            )
        items = [attachment_output(row) for row in rows]
        return page_of(items, limit, lambda one: (str(one.attachment_id),))

    @router.get("/{attachment_id}")
    async def show(activity_id: UUID, attachment_id: UUID, response: Response) -> AttachmentOutput:
        """Show what is known of an attachment."""
        body = attachment_output(await found(activity_id, attachment_id))
        response.headers["ETag"] = etag(body.version)
        return body

    @router.get("/{attachment_id}/content", response_class=Response, responses=_CONTENT)
    async def content(request: Request, activity_id: UUID, attachment_id: UUID) -> Response:
        """Download an attachment, to be saved; with the header Range one range of its bytes."""
        row = await found(activity_id, attachment_id)
        try:
            blob = await blobs.open(bytes(row.sha256), row.size)
        except BlobUnavailable as error:
            # It may have been removed since it was found; then that is the answer.
            await found(activity_id, attachment_id)
            log.error("attachment_damaged", attachment_id=str(attachment_id), error=str(error))
            raise AttachmentDamaged(f"Attachment {attachment_id} cannot be read.") from None
        asked = request.headers
        # There is no ETag of the content, which never changes: a condition of others' is not met.
        part = None if "if-range" in asked else wanted_part(asked.get("range"), row.size)
        return _download(row, blob, part)

    @router.put("/{attachment_id}", response_model=AttachmentOutput)
    async def change(
        request: Request,
        activity_id: UUID,
        attachment_id: UUID,
        body: AttachmentInput,
        expected: Expected,
    ) -> Response:
        """Give an attachment another name or kind (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            name = checked_name(body.name)
            row = await locked_attachment(activity_id, attachment_id, unit, expected=expected)
            await rename_attachment(row, unit, name=name, kind=body.kind)
            return await answer(activity_id, attachment_id, unit)

        return await write(request, units, work)

    @router.delete(
        "/{attachment_id}", response_model=AttachmentOutput, responses={200: sends("ETag")}
    )
    async def delete(
        request: Request, activity_id: UUID, attachment_id: UUID, expected: Expected
    ) -> Response:
        """Delete an attachment (If-Match); it can be restored until the retention is over."""

        async def work(unit: UnitOfWork) -> Answer:
            row = await locked_attachment(activity_id, attachment_id, unit, expected=expected)
            await delete_attachment(row, unit)
            return await answer(activity_id, attachment_id, unit)

        return await write(request, units, work)

    @router.post("/{attachment_id}/restore", response_model=AttachmentOutput)
    async def restore(
        request: Request, activity_id: UUID, attachment_id: UUID, expected: Expected
    ) -> Response:
        """Bring a deleted attachment back (If-Match)."""

        async def work(unit: UnitOfWork) -> Answer:
            row = await locked_attachment(
                activity_id, attachment_id, unit, expected=expected, deleted=True
            )
            await restore_attachment(row, unit)
            return await answer(activity_id, attachment_id, unit)

        return await write(request, units, work)

    return router


async def _received(request: Request, blobs: BlobStore, sha256: str | None) -> Received:
    """Return the body when it is durable; what came if it is not what was announced goes again."""
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            received = await blobs.receive(_parts(request))
    except ClientDisconnect:
        raise UploadIncomplete("The upload broke off.") from None
    except TimeoutError:
        raise UploadIncomplete(f"The upload took more than {UPLOAD_SECONDS:.0f} seconds.") from None
    except OSError as error:
        log.error("attachment_store_unavailable", error=repr(error))
        raise StoreUnavailable("The file could not be stored.") from None
    try:
        _check(received, request.headers.get("content-length"), sha256)
    except Refusal:
        await blobs.discard(received)
        raise
    return received


async def _parts(request: Request) -> AsyncIterator[bytes]:
    async for part in request.stream():
        yield part


def _check(received: Received, announced: str | None, sha256: str | None) -> None:
    if announced is not None and int(announced) != received.size:
        raise UploadIncomplete(
            f"{received.size} bytes came, and Content-Length says {announced[:20]}."
        )
    if sha256 is not None and sha256 != received.sha256.hex():
        raise UploadIncomplete(f"The checksum of what came is {received.sha256.hex()}.")
    if received.size == 0:
        raise InvalidField("body", "holds no bytes", "Send the file as the body of the request.")


def _download(row: Row[Any], blob: Blob, part: tuple[int, int] | None) -> Response:
    headers = {
        **_NEVER_SHOWN,
        "Content-Type": served_as(row.media_type),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row.name, safe='')}",
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes(row.sha256)).decode()}:",
    }
    if part is None:
        headers["Content-Length"] = str(row.size)
        return StreamingResponse(blob.whole(), headers=headers)
    first, last = part
    headers["Content-Length"] = str(last - first + 1)
    headers["Content-Range"] = f"bytes {first}-{last}/{row.size}"
    return StreamingResponse(blob.part(first, last), status_code=206, headers=headers)


def _path(activity_id: UUID) -> str:
    return PATH.format(activity_id=activity_id)


_FILE: dict[str, Any] = {"content": {"*/*": {"schema": {"type": "string"}}}}
_SENT = sends(
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Security-Policy",
    "Repr-Digest",
    "X-Content-Type-Options",
)
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {**_FILE, **_SENT},
    206: {
        "description": "The part that was asked for.",
        **_FILE,
        "headers": {**_SENT["headers"], **sends("Content-Range")["headers"]},
    },
    **may_refuse(AttachmentDamaged),
}
