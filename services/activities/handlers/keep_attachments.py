"""Attach memos and documents to activities, rename, delete and restore them (LE-03).

The bytes are kept before the attachment is committed, and their row before the bytes: a crash at
any step leaves nothing that is not found again and removed.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from services.activities.domain.attachments import AttachmentKind
from services.activities.domain.blobs import BlobStore, Received
from services.activities.handlers.live import live_activity
from services.activities.persistence import attachments as store
from services.activities.persistence.activities import fetch_activities
from services.activities.persistence.erasure import has_erased_contact
from shared.chassis.crash_points import crash_point
from shared.chassis.errors import Kind, Refusal, Unavailable, check_version
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork

UNHELD = timedelta(hours=1)
"""How long bytes, received or kept, may wait for their attachment; no upload lasts that long."""


class AttachmentNotFound(Refusal):
    """There is no such attachment of this activity, or it is deleted."""

    kind = Kind.NOT_FOUND
    slug = "attachment_not_found"
    remedy = "List them: GET /v1/activities/{id}/attachments, with ?deleted=true the deleted ones."


class PersonErased(Refusal):
    """Somebody who takes part in the activity was erased, and with him what was attached."""

    kind = Kind.CONFLICT
    slug = "person_erased"
    remedy = "Attach it to another activity, in which the erased contact does not take part."


@dataclass(frozen=True, slots=True)
class Attach:
    """What is said of a file that is attached; its name is checked."""

    activity_id: UUID
    kind: AttachmentKind
    name: str
    media_type: str


async def announce(received: Received, uow: UnitOfWork) -> None:
    """Let the bytes be known before they are kept; they go unless they are attached soon."""
    await store.announce_blob(
        uow.connection,
        received.sha256,
        received.size,
        now=uow.now,
        expires_at=uow.now + UNHELD,
    )


async def attach(command: Attach, received: Received, blobs: BlobStore, uow: UnitOfWork) -> UUID:
    """Attach what was received, and announced, to a live activity; return the attachment's id."""
    rows = await fetch_activities(uow.connection, [command.activity_id], lock=True)
    live_activity(rows, command.activity_id)
    if await has_erased_contact(uow.connection, command.activity_id):
        raise PersonErased(f"A contact of activity {command.activity_id} was erased.")
    if not await store.hold_blob(uow.connection, received.sha256):
        raise Unavailable(
            "The last attachment with the same content is being removed at this moment.",
            remedy="Send it again.",
        )
    await blobs.keep(received)
    crash_point("attachment.kept")
    attachment_id = new_id()
    await store.insert_attachment(
        uow.connection,
        {
            "attachment_id": attachment_id,
            "activity_id": command.activity_id,
            "kind": command.kind,
            "name": command.name,
            "media_type": command.media_type,
            "size": received.size,
            "sha256": received.sha256,
            "now": uow.now,
        },
    )
    await store.note_in_history(
        uow.connection, command.activity_id, None, command.name, now=uow.now
    )
    return attachment_id


async def rename_attachment(
    row: Row[Any], uow: UnitOfWork, *, name: str, kind: AttachmentKind
) -> None:
    """Give a locked attachment another name or kind."""
    await _update(row, uow, name=name, kind=kind, deleted=False)
    if name != row.name:
        await store.note_in_history(uow.connection, row.activity_id, row.name, name, now=uow.now)


async def delete_attachment(row: Row[Any], uow: UnitOfWork) -> None:
    """Delete a locked attachment softly; its bytes stay as long as it can be restored."""
    await _update(row, uow, name=row.name, kind=row.kind, deleted=True)
    await store.note_in_history(uow.connection, row.activity_id, row.name, None, now=uow.now)


async def restore_attachment(row: Row[Any], uow: UnitOfWork) -> None:
    """Bring a locked attachment back; one that is live stays as it is."""
    if row.deleted_at is None:
        return
    await _update(row, uow, name=row.name, kind=row.kind, deleted=False)
    await store.note_in_history(uow.connection, row.activity_id, None, row.name, now=uow.now)


async def _update(
    row: Row[Any], uow: UnitOfWork, *, name: str, kind: AttachmentKind, deleted: bool
) -> None:
    await store.update_attachment(
        uow.connection,
        row.attachment_id,
        name=name,
        kind=kind,
        deleted_at=uow.now if deleted else None,
        now=uow.now,
    )


async def locked_attachment(
    activity_id: UUID, attachment_id: UUID, uow: UnitOfWork, *, expected: int, deleted: bool = False
) -> Row[Any]:
    """Lock an attachment of a live activity that is still at the expected version."""
    rows = await fetch_activities(uow.connection, [activity_id], lock=True)
    live_activity(rows, activity_id)
    row = await store.find_attachment(uow.connection, activity_id, attachment_id, lock=True)
    row = live_attachment(row, attachment_id, deleted=deleted)
    check_version("attachment", row.version, expected)
    return row


def live_attachment(
    row: Row[Any] | None, attachment_id: UUID, *, deleted: bool = False
) -> Row[Any]:
    """Return a known attachment; refuse a deleted one too, unless that is what is asked for."""
    if row is None:
        raise AttachmentNotFound(f"The activity has no attachment {attachment_id}.")
    if row.deleted_at is not None and not deleted:
        raise AttachmentNotFound(
            f"Attachment {attachment_id} is deleted.",
            remedy=f"Restore it: POST /v1/activities/{row.activity_id}/attachments/"
            f"{attachment_id}/restore.",
        )
    return row
