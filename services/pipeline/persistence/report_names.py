"""What things of reports are called."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def group_titles(connection: AsyncConnection, groups: Collection[str]) -> dict[str, str]:
    """Return the titles of live user groups by their id."""
    result = await connection.execute(
        text(
            "SELECT group_id, title FROM user_group WHERE deleted_at IS NULL "
            "AND group_id = ANY(CAST(CAST(:ids AS text[]) AS uuid[]))"
        ),
        {"ids": list(groups)},
    )
    return {str(row.group_id): row.title for row in result}
