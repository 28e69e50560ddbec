"""Statements on milestones, and on the words about customers that turns are read off."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.activities.domain.milestones import TURNS, Milestone, Place, Word

_FIELDS = ("version", "at", "deleted", "merged_into", "status", "ended_on")


async def save_words(connection: AsyncConnection, words: Sequence[Word]) -> None:
    """Keep words about customers; of one that was heard twice the earlier time holds."""
    await connection.execute(
        _SAVE_WORDS,
        {
            "ids": [word.customer_id for word in words],
            "versions": [word.version for word in words],
            "at": [word.at for word in words],
            "deleted": [word.deleted for word in words],
            "merged": [word.merged_into for word in words],
            "statuses": [word.status for word in words],
            "ended": [word.ended_on for word in words],
        },
    )


async def places_around(connection: AsyncConnection, words: Iterable[Word]) -> list[Place]:
    """Return these words and their neighbours, each in its place: where turns may be others now."""
    words = list(words)
    result = await connection.execute(
        _PLACES,
        {
            "ids": [word.customer_id for word in words],
            "versions": [word.version for word in words],
        },
    )
    return [
        Place(
            _word(row, "word"),
            *(
                None if getattr(row, f"{name}_version") is None else _word(row, name)
                for name in ("before", "saved_before", "saved_after")
            ),
        )
        for row in result
    ]


async def replace_turns(
    connection: AsyncConnection, places: Collection[Place], milestones: Sequence[Milestone]
) -> None:
    """Let these be the turns at these places, whatever was read off them before."""
    await connection.execute(
        _CLEAR,
        {
            "ids": [place.word.customer_id for place in places],
            "keys": [str(place.word.version) for place in places],
            "turns": sorted(TURNS),
        },
    )
    await save_milestones(connection, milestones)


async def save_milestones(connection: AsyncConnection, rows: Sequence[Milestone]) -> None:
    """Take over milestones that are newer than what stands; one per customer, kind and key."""
    if not rows:
        return
    await connection.execute(
        _SAVE,
        {
            "ids": [row.customer_id for row in rows],
            "keys": [row.key for row in rows],
            "kinds": [row.kind for row in rows],
            "versions": [row.version for row in rows],
            "at": [row.at for row in rows],
            "withdrawn": [row.withdrawn for row in rows],
            "facts": [json.dumps(row.facts) for row in rows],
        },
    )


def _word(row: Row[Any], name: str) -> Word:
    return Word(row.customer_id, *(getattr(row, f"{name}_{field}") for field in _FIELDS))


def _columns(name: str) -> str:
    return ", ".join(f"{name}.{field} AS {name}_{field}" for field in _FIELDS)


def _near(condition: str, order: str) -> str:
    """Return the nearest word of the same customer as `word` that fits a condition."""
    return f"""(SELECT {", ".join(_FIELDS)} FROM customer_word AS other
        WHERE other.customer_id = word.customer_id AND {condition}
        ORDER BY other.version {order} LIMIT 1)"""


_BEFORE = _near("other.version < word.version", "DESC")
_AFTER = _near("other.version > word.version", "ASC")
_SAVED_BEFORE = _near("other.version < word.version AND NOT other.deleted", "DESC")
_SAVED_AFTER = _near("other.version > word.version AND NOT other.deleted", "ASC")

_SAVE_WORDS = text(
    """
    INSERT INTO customer_word (customer_id, version, at, deleted, merged_into, status, ended_on)
    SELECT customer_id, version, at, deleted, merged_into, status, ended_on
    FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:at AS timestamptz[]),
                CAST(:deleted AS boolean[]), CAST(:merged AS uuid[]), CAST(:statuses AS integer[]),
                CAST(:ended AS date[]))
         AS new (customer_id, version, at, deleted, merged_into, status, ended_on)
    ORDER BY customer_id, version
    ON CONFLICT (customer_id, version) DO UPDATE SET at = EXCLUDED.at
    WHERE EXCLUDED.at < customer_word.at
    """
)
_PLACES = text(
    f"""
    WITH heard AS (
        SELECT customer_id, version
        FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[])) AS new (customer_id, version)
    ), affected AS (
        SELECT customer_id, version FROM heard
        UNION
        SELECT word.customer_id, near.version FROM heard AS word
        CROSS JOIN LATERAL ({_AFTER} UNION ALL {_SAVED_AFTER} UNION ALL {_SAVED_BEFORE}) AS near
    )
    SELECT word.customer_id, {_columns("word")}, {_columns("before")},
           {_columns("saved_before")}, {_columns("saved_after")}
    FROM affected JOIN customer_word AS word USING (customer_id, version)
    LEFT JOIN LATERAL {_BEFORE} AS before ON true
    LEFT JOIN LATERAL {_SAVED_BEFORE} AS saved_before ON true
    LEFT JOIN LATERAL {_SAVED_AFTER} AS saved_after ON true
    ORDER BY word.customer_id, word.version
    """
)
_CLEAR = text(
    """
    DELETE FROM milestone
    USING unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[])) AS place (customer_id, key)
    WHERE milestone.customer_id = place.customer_id AND milestone.key = place.key
      AND milestone.kind = ANY(CAST(:turns AS text[]))
    """
)
_SAVE = text(
    """
    INSERT INTO milestone (customer_id, key, kind, version, at, withdrawn, facts)
    SELECT customer_id, key, kind, version, at, withdrawn, CAST(facts AS jsonb)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[]), CAST(:kinds AS text[]),
                CAST(:versions AS bigint[]), CAST(:at AS timestamptz[]),
                CAST(:withdrawn AS boolean[]), CAST(:facts AS text[]))
         AS new (customer_id, key, kind, version, at, withdrawn, facts)
    ORDER BY customer_id, key, kind
    ON CONFLICT (customer_id, key, kind) DO UPDATE SET
        version = EXCLUDED.version, at = EXCLUDED.at, withdrawn = EXCLUDED.withdrawn,
        facts = EXCLUDED.facts
    WHERE EXCLUDED.version > milestone.version
    """
)
