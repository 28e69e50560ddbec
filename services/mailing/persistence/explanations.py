"""One contact as of a moment: his facts in the places of the tables, asked by the evaluator's SQL.

Tables of the same names, filled with rows that were read or thought of, stand before the real ones.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.scenes import Scene
from services.mailing.persistence.conditions import NET, Counted
from services.mailing.persistence.members import VERDICTS, judged_by
from services.mailing.persistence.past import facts_at
from services.mailing.persistence.rules import AskedNode, Condition

SHOWN = 20
"""How many of the rows that a condition counts are returned at most."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a condition counts: how many rows, their sum of money if it asks for one, the newest."""

    count: int
    total: str
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node answers of the contact, or of one of his customers."""

    holds: bool
    changes_on: date | None
    tally: Tally | None


Answers = dict[tuple[str, UUID | None], Answer]
"""Answers by path and customer."""


async def scene_at(
    connection: AsyncConnection,
    segment_id: UUID,
    contact_id: UUID,
    at: datetime,
    *,
    asked: Collection[UUID],
    position: int,
) -> Scene:
    """Return what was known of a contact, his pin, and in which of the `asked` segments he was."""
    facts = await facts_at(connection, contact_id, at, lists=False)
    whose = {
        "segment_id": segment_id, "contact_id": contact_id, "record_id": str(contact_id), "at": at
    }  # fmt: skip
    pins = list((await connection.execute(_PIN, whose)).scalars())
    inside = await connection.execute(
        _INSIDE, {"contact_id": contact_id, "segments": list(asked), "position": position}
    )
    return Scene(
        segment_id,
        contact_id,
        frozenset(asked),
        {
            **{table: facts[table] for table in _FACTS},
            "segment_pin": pins,
            "member": [
                {"rule_id": str(one), "contact_id": str(contact_id)} for one in inside.scalars()
            ],
        },
    )


async def rule_at(connection: AsyncConnection, segment_id: UUID, at: datetime) -> Row[Any] | None:
    """Return the rule that was live: rule_id, version, rule, why, live_from, live_until."""
    return (await connection.execute(_RULE, {"segment_id": segment_id, "at": at})).one_or_none()


async def answers(
    connection: AsyncConnection, scene: Scene, whole: Condition, nodes: Sequence[AskedNode]
) -> tuple[bool, date | None, Answers]:
    """Return whether he is to be a member, the next day that may change it, and all answers."""
    result = await connection.execute(
        text(_asking(whole, nodes)), {**whole.parameters, **_parameters(scene)}
    )
    found: Answers = {}
    verdict: tuple[bool, date | None] = (False, None)
    for row in result:
        if row.n == _WHOLE:
            verdict = row.holds, row.changes_on
        else:
            tally = Tally(**row.counted) if row.counted else None
            path = nodes[row.n].place.path
            found[path, row.customer_id] = Answer(row.holds, row.changes_on, tally)
    return *verdict, found


async def verdict(connection: AsyncConnection, scene: Scene, whole: Condition) -> bool:
    """Return whether he is to be a member, as the evaluator would say."""
    holds: bool = await connection.scalar(
        text(_TABLES + judged_by(f"SELECT holds FROM ({VERDICTS}) AS one", [whole])),
        {**whole.parameters, **_parameters(scene)},
    )
    return holds


def _parameters(scene: Scene) -> dict[str, object]:
    return {
        "judged": [scene.contact_id],
        "judges": [scene.segment_id],
        "segments": [scene.segment_id],
        "asked_segments": list(scene.asked),
        **{f"rows_{table}": json.dumps(rows) for table, rows in scene.rows.items()},
    }


def _asking(whole: Condition, nodes: Sequence[AskedNode]) -> str:
    verdicts = judged_by(
        f"SELECT {_WHOLE} AS n, CAST(NULL AS uuid) AS customer_id, holds, changes_on, "
        f"CAST(NULL AS jsonb) AS counted FROM ({VERDICTS}) AS one",
        [whole],
    )
    of_contact = [(n, one) for n, one in enumerate(nodes) if not one.of_customer]
    of_customer = [(n, one) for n, one in enumerate(nodes) if one.of_customer]
    parts = [verdicts]
    if of_contact:
        parts.append(_NODES.format(customer="CAST(NULL AS uuid)", whose=_OF_CONTACT,
                                   values=_values(of_contact)))  # fmt: skip
    if of_customer:
        parts.append(_NODES.format(customer="customer.customer_id", whose=_OF_CUSTOMERS,
                                   values=_values(of_customer)))  # fmt: skip
    return _TABLES + " UNION ALL ".join(parts)


def _values(nodes: Sequence[tuple[int, AskedNode]]) -> str:
    return ", ".join(
        f"({n}, ({one.asked.holds}), CAST({one.asked.changes_on or 'NULL'} AS date), "
        f"{_tally(one.asked.counted)})"
        for n, one in nodes
    )


def _tally(counted: Counted | None) -> str:
    if counted is None:
        return "CAST(NULL AS jsonb)"
    total = f"coalesce(sum({NET}), 0)" if counted.table == "document" else "0"
    return _TALLY.format(table=counted.table, rows=counted.rows, day=counted.day, total=total)


_WHOLE = -1
_FACTS = ("contact", "contact_customer", "customer", "document", "activity", "opportunity")
_TABLES = (
    "WITH "
    + ", ".join(
        f"{table} AS (SELECT one.* FROM jsonb_populate_recordset(CAST(NULL AS {table}), "
        f"CAST(:rows_{table} AS jsonb)) AS one)"
        for table in (*_FACTS, "segment_pin", "member")
    )
    # Whoever is in a segment is so by its rule, which is called as the segment is here.
    + """, segment AS (
        SELECT segment_id, segment_id AS live_rule_id
        FROM unnest(CAST(:asked_segments AS uuid[])) AS one (segment_id))
    """
)
_NODES = """
    SELECT node.n, {customer}, node.holds, node.changes_on, node.counted
    FROM {whose} CROSS JOIN LATERAL (VALUES {values}) AS node (n, holds, changes_on, counted)
"""
_OF_CONTACT = "contact"
_OF_CUSTOMERS = """contact
    JOIN contact_customer AS link ON link.contact_id = contact.contact_id
    JOIN customer ON customer.customer_id = link.customer_id AND NOT customer.deleted
"""
_TALLY = (
    "(SELECT jsonb_build_object('count', count(*), 'total', CAST({total} AS text), 'rows', "
    "coalesce(jsonb_agg(fields ORDER BY place) FILTER (WHERE place <= " + str(SHOWN) + "), '[]')) "
    "FROM (SELECT {table}.*, to_jsonb({table}) AS fields, "
    "row_number() OVER (ORDER BY {day} DESC NULLS LAST) AS place FROM {rows}) AS counted)"
)
_PIN = text(
    """
    SELECT to_jsonb(stands) FROM segment_pin AS stands
    WHERE segment_id = :segment_id AND contact_id = :contact_id AND at <= :at
    UNION ALL
    SELECT fields FROM past
    WHERE kind = 'segment_pin' AND record_id = :record_id AND since <= :at AND until > :at
      AND fields @> jsonb_build_object('segment_id', CAST(:segment_id AS uuid))
    """
)
_INSIDE = text(
    """
    SELECT asked.segment_id FROM unnest(CAST(:segments AS uuid[])) AS asked (segment_id)
    CROSS JOIN LATERAL (
        SELECT entered FROM member_change AS change
        WHERE change.segment_id = asked.segment_id AND change.contact_id = :contact_id
          AND change.position <= :position
        ORDER BY change.position DESC LIMIT 1) AS last
    WHERE last.entered
    """
)
_RULE = text(
    """
    SELECT rule_id, version, rule, why, live_from, live_until FROM segment_rule
    WHERE segment_id = :segment_id AND live_from <= :at AND (live_until IS NULL OR live_until > :at)
    ORDER BY live_from DESC LIMIT 1
    """
)
