"""What the history of a user group shows of its own: the group above by title, its members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.persistence.groups import fetch_groups
from shared.contracts.types import EARLIEST
from shared.history.read import FieldChange, Naming


@dataclass(frozen=True, slots=True)
class GroupName:
    """A user group by what it is called now; of a removed one, what it was called last."""

    group_id: UUID
    title: str


async def own_fields(connection: AsyncConnection, record: str, rows: Sequence[Row[Any]]) -> Naming:
    """Return how the group above and memberships are shown."""
    sides = [side for row in rows for side in (row.before, row.after)]
    named = {UUID(one) for side in sides if (one := side.get("parent_id"))}
    groups = await fetch_groups(connection, named) if named else {}

    def naming(field: str, before: Any, after: Any) -> FieldChange | None:
        if field == "parent_id":
            return FieldChange("parent", _name(before, groups), _name(after, groups))
        if field == "memberships":
            return FieldChange(field, _memberships(before), _memberships(after))
        return None

    return naming


def _memberships(kept: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    always = EARLIEST.isoformat()
    return [{**one, "since": None} if one["since"] == always else one for one in kept]


def _name(held: str | None, groups: Mapping[UUID, Row[Any]]) -> GroupName | None:
    if held is None:
        return None
    row = groups[UUID(held)]
    return GroupName(row.group_id, row.title)
