"""Values of lists as the past names them: those that are, and those that are gone, as they were."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.lists import STAGE

_TYPES = {
    **{"key": "int", "list": "text", "number": "int", "title": "text", "titles": "jsonb"},
    **{"position": "int", "parent": "int", "facts": "jsonb"},
}
# A partial index has those that are gone, by key.
_KNOWN = f"""(
    SELECT {", ".join(_TYPES)} FROM list_value
    UNION ALL
    SELECT {
    ", ".join(
        f"before -> '{name}'" if kind == "jsonb" else f"CAST(before ->> '{name}' AS {kind})"
        for name, kind in _TYPES.items()
    )
}
    FROM history WHERE record = 'list_value' AND after = '{{}}'
)"""


async def known_values(connection: AsyncConnection, keys: Collection[int]) -> dict[int, Row[Any]]:
    """Return `number`, `title` and `titles` of values by key, of those that are gone too."""
    result = await connection.execute(
        text(
            f"SELECT key, number, title, titles FROM {_KNOWN} AS value "
            "WHERE key = ANY(CAST(:keys AS int[]))"
        ),
        {"keys": list(keys)},
    )
    return {row.key: row for row in result}


STEP = f"""
    step AS MATERIALIZED (
        SELECT stage.key, process.number AS pipeline, stage.number AS stage,
               coalesce(stage.titles ->> CAST(:language AS text), stage.title) AS title,
               CAST(stage.facts ->> 'probability' AS int) AS probability,
               row_number() OVER (ORDER BY process.position, process.number,
                                           stage.position, stage.number) AS place
        FROM {_KNOWN} AS stage JOIN {_KNOWN} AS process ON process.key = stage.parent
        WHERE stage.list = '{STAGE}'
    )
"""
"""The subquery `step`: each stage by `key`, with what it is called and its `place` among all."""
