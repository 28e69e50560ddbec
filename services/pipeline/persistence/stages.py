"""Statements on pipelines and their stages, and on the other values that opportunities name."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.lists import PIPELINE, STAGE


async def keep_values(
    connection: AsyncConnection, named: Collection[tuple[str, int]]
) -> Sequence[Row[Any]]:
    """
    Return all pipelines and stages and these other values, kept as they are until the commit.

    Whoever changes a value holds it first and then the opportunities that hold it; so do all.
    """
    result = await connection.execute(
        _KEEP,
        {
            "process": [PIPELINE, STAGE],
            "lists": [name for name, _ in named],
            "numbers": [number for _, number in named],
        },
    )
    return result.all()


_KEEP = text(
    """
    SELECT key, list, number, title, position, parent, members, facts, archived_at
    FROM list_value
    WHERE list = ANY(CAST(:process AS text[]))
       OR (list, number) IN (SELECT name, own FROM unnest(
              CAST(:lists AS text[]), CAST(:numbers AS int[])) AS named (name, own))
    ORDER BY key FOR KEY SHARE
    """
)
