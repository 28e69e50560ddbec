"""Statements on pipelines, their stages and reasons, and other values that opportunities name."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.pipeline.domain.lists import PIPELINE, REJECTION_REASON, STAGE

LOOKS_AT_MOST = 3
"""Of lists that change all the time, what was found last is taken."""


async def keep_values(
    connection: AsyncConnection, named: Collection[tuple[str, int]] = ()
) -> Sequence[Row[Any]]:
    """
    Return all pipelines, stages and reasons, and these other values, kept until the commit.

    Whoever changes a value holds it first and then the opportunities that hold it; so do all.
    """
    values = {
        "process": [PIPELINE, STAGE, REJECTION_REASON],
        "lists": [name for name, _ in named],
        "numbers": [number for _, number in named],
    }
    rows: Sequence[Row[Any]] = ()
    # Whoever waited for a value that is gone has read what named it as it was, and looks again.
    for _ in range(LOOKS_AT_MOST):
        rows = (await connection.execute(_KEEP, values)).all()
        if _is_whole(rows):
            break
    return rows


def _is_whole(rows: Sequence[Row[Any]]) -> bool:
    """Tell whether all that stages name is there, and a pipeline that is the default."""
    stages = [row for row in rows if row.list == STAGE]
    named = {key for row in stages for key in (*row.members, row.facts["rejection"])}
    default = any(row.list == PIPELINE and row.facts["default"] for row in rows)
    return default and named - {None} <= {row.key for row in rows}


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
