"""What imports do with rows of activities: how they are read, planned, stored, taken back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.activity import State
from services.activities.domain.import_cells import begins_at, read_cell
from services.activities.handlers.keep_tally import keep_tally
from services.activities.handlers.plan_activity import Planner, SaveActivity, planner
from services.activities.handlers.save_activity import store_activities
from services.activities.handlers.tell_activities import tell_activities
from services.activities.persistence import activities as store
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork
from shared.imports.cells import Titles
from shared.imports.customers import name_customers
from shared.imports.fields import CUSTOMER, REF
from shared.imports.imports import Line


class _Planner:
    """Plans rows, and says nothing of erased persons again: that was emptied for good."""

    def __init__(self, plan: Planner) -> None:
        self._plan = plan

    def new(self, command: SaveActivity) -> dict[str, Any]:
        """Return the row of a new activity."""
        self._refuse_erased(command)
        return self._plan.new(command)

    def changed(self, command: SaveActivity, present: Row[Any]) -> dict[str, Any]:
        """Return the row of a changed activity."""
        self._refuse_erased(command)
        return self._plan.changed(command, present)

    def _refuse_erased(self, command: SaveActivity) -> None:
        contacts = self._plan.known.contacts
        if any(found.erased for one in command.contacts if (found := contacts.get(one))):
            raise InvalidField(
                REF, "a person who took part was erased", "Leave the row out; the activity stays."
            )


class ImportedActivities:
    """Activities out of files (`Records`); days are days of the zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def read_cell(self, column: str, cell: str, zone: ZoneInfo, titles: Titles) -> Any:
        """Return what a cell says; raise `InvalidField` where it cannot mean anything."""
        return read_cell(column, cell, zone, titles)

    async def look_up(self, lines: Sequence[Line], uow: UnitOfWork) -> None:
        """Let customers be named by id; refuse, in its line, an unknown one."""
        await name_customers(lines, uow)

    async def known(
        self, connection: AsyncConnection, source: str, refs: Collection[str]
    ) -> dict[str, UUID]:
        """Return the activities that have these keys of a source, deleted ones too."""
        return await store.known_references(connection, source, refs)

    async def fetch(
        self, connection: AsyncConnection, ids: Collection[UUID], *, lock: bool = False
    ) -> dict[UUID, Row[Any]]:
        """Return activities by id, deleted ones too; locked in one order if asked."""
        return await store.fetch_activities(connection, ids, lock=lock)

    def command(self, line: Line, source: str) -> SaveActivity | None:
        """Return what a row asks for; refuse, in its line, a new one without what it needs."""
        cells, present = line.cells, line.present
        if present is None:
            missing = [field for field in (CUSTOMER, "category") if field not in cells]
            for field in missing:
                line.refuse(field, "is empty, and there is no such activity yet", "Fill it in.")
            if missing:
                return None
            stands = SaveActivity(cells[CUSTOMER], cells["category"], source=source, ref=line.ref)
        else:
            stands = _as_it_stands(present)
        if "time" in cells and "starts_at" not in cells:
            line.refuse("starts_at", "is empty though there is a time of day", "Fill in the day.")
            return None
        return _told(stands, cells)

    async def planner(self, commands: Sequence[SaveActivity], uow: UnitOfWork) -> _Planner:
        """Return who plans these commands; what they name is kept until the commit."""
        return _Planner(await planner(commands, uow, self._zone))

    def is_as(self, present: Row[Any], row: Mapping[str, Any]) -> bool:
        """Tell whether an activity says already what a row of it would."""
        return all(_comparable(getattr(present, name)) == _comparable(row[name]) for name in row)

    async def store(self, rows: Sequence[Mapping[str, Any]], uow: UnitOfWork) -> None:
        """Store new activities, count them and tell of them."""
        await store_activities(rows, uow)

    async def change(
        self,
        rows: Sequence[Mapping[str, Any]],
        present: Mapping[UUID, Row[Any]],
        uow: UnitOfWork,
    ) -> None:
        """Store changed activities, count them anew and tell of them."""
        ids = [row["activity_id"] for row in rows]
        await store.update_activities(uow.connection, rows, now=uow.now)
        after = await tell_activities(ids, uow)
        await keep_tally([present[one] for one in ids], after.values(), uow)

    async def delete(self, rows: Sequence[Row[Any]], uow: UnitOfWork) -> None:
        """Delete activities, count them no more and tell of it."""
        ids = [row.activity_id for row in rows]
        await store.set_deleted(uow.connection, ids, deleted=True, now=uow.now)
        await tell_activities(ids, uow)
        await keep_tally(rows, [], uow)


def _as_it_stands(present: Row[Any]) -> SaveActivity:
    return SaveActivity(
        customer_id=present.customer_id,
        category=present.category_number,
        subject=present.subject,
        memo=present.memo,
        result=present.result,
        contacts=tuple(present.contacts),
        opportunity_id=present.opportunity_id,
        attributes=frozenset(present.attribute_numbers),
        seller=present.seller,
        participants=tuple(present.participants),
        state=State(present.state),
        starts_at=present.starts_at,
        ends_at=present.ends_at,
        due_at=present.due_at,
        channel=present.channel,
        direction=present.direction,
    )


def _told(stands: SaveActivity, cells: Mapping[str, Any]) -> SaveActivity:
    """Return the command with what the cells say instead; an end moves with its beginning."""
    own = {
        "customer_id" if field == CUSTOMER else field: value
        for field, value in cells.items()
        if field not in (REF, "time", "starts_at")
    }
    if "starts_at" in cells:
        own["starts_at"] = begins_at(cells["starts_at"], cells.get("time"))
    if stands.ends_at is not None and stands.starts_at is not None and "ends_at" not in own:
        own.setdefault("duration", stands.ends_at - stands.starts_at)
        own["ends_at"] = None
    return replace(stands, **own)


def _comparable(value: Any) -> Any:
    # In the order of a list nothing is said.
    return sorted(value) if isinstance(value, list) else value
