"""Take over user groups and who is in them as the pipeline service tells them."""

from datetime import date
from zoneinfo import ZoneInfo

from services.activities.handlers.tell_progress import tell_groups
from services.activities.persistence.groups import GroupRow, MemberRow, save_groups
from services.activities.persistence.tally import hold_tally
from shared.chassis.clock import day_of
from shared.chassis.messages import Batch
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.chassis.worker import Handler
from shared.contracts.pipeline import Membership, UserGroupSaved
from shared.contracts.types import EARLIEST


def on_user_group_saved(zone: ZoneInfo) -> Handler:
    """Return the handler of groups that were saved; days begin in this time zone."""

    async def handle(batch: Batch[UserGroupSaved], uow: UnitOfWork) -> None:
        saved = newest(
            (message.data for message in batch),
            key=lambda data: data.group_id,
            version=lambda data: data.version,
        )
        rows = [_row(data) for data in saved]
        # Targets of groups are told anew: nobody counts to them in between.
        await hold_tally(uow.connection)
        left = await save_groups(uow.connection, rows)
        concerned = {row.group_id for row in rows} | left
        await tell_groups(concerned, uow, today=day_of(uow.now, zone))

    return handle


def _row(data: UserGroupSaved) -> GroupRow:
    """Return a group with its members; a removed one stays as a tombstone without members."""
    return GroupRow(
        group_id=data.group_id,
        version=data.version,
        title=data.title,
        kind=data.kind,
        parent_id=data.parent_id,
        removed=data.removed,
        members=() if data.removed else _members(data.members),
    )


def _members(told: list[Membership]) -> tuple[MemberRow, ...]:
    """Return who is a member of at least a day; of two stretches that begin together the longer."""
    found: dict[tuple[str, date], MemberRow] = {}
    for one in told:
        row = MemberRow(one.seller, one.since or EARLIEST, one.until)
        held = found.get((row.seller, row.since))
        if _last(row) >= row.since and (held is None or _last(row) > _last(held)):
            found[row.seller, row.since] = row
    return tuple(found.values())


def _last(row: MemberRow) -> date:
    return row.until or date.max
