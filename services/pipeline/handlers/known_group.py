"""What is asked of the user group by which something is narrowed."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.persistence.forecast_names import group_titles
from shared.chassis.errors import InvalidField


async def refuse_unknown_group(group_id: UUID | None, connection: AsyncConnection) -> None:
    """Refuse a user group that is not there, or is removed."""
    if group_id is not None and not await group_titles(connection, [str(group_id)], live=True):
        raise InvalidField(
            "group_id", f"there is no user group {group_id}", "List them: GET /v1/user-groups."
        )
