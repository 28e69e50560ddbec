"""What the evaluator says of one contact, now or as of a moment: as a whole and node by node."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.refusals import MomentNotKnown
from services.mailing.domain.rules import Rule, named_segments
from services.mailing.domain.scenes import Scene
from services.mailing.handlers.evaluate_rule import refuse_not_told
from services.mailing.persistence.explanations import Answers, answers, rule_at, scene_at
from services.mailing.persistence.rules import AskedNode, Condition, compile_nodes
from shared.chassis.unit_of_work import UnitOfWork

ALWAYS = datetime.max.replace(tzinfo=UTC)
"""Of what stands, nothing was told after it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked about, and for which channel; without a moment, as it is now."""

    segment_id: UUID
    contact_id: UUID
    channel: Channel
    purpose: Purpose
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule and a contact as of a moment, and what the evaluator says."""

    rule_row: Row[Any]
    rule: Rule
    today: date
    whole: Condition
    nodes: Sequence[AskedNode]
    scene: Scene
    judged: bool
    changes_on: date | None
    answers: Answers


async def judge_contact(asked: Asked, uow: UnitOfWork, *, zone: ZoneInfo, position: int) -> Judged:
    """Ask the evaluator of one contact, by the rule and the facts that stood."""
    connection = uow.connection
    rule_row = await rule_at(connection, asked.segment_id, asked.at or ALWAYS)
    if rule_row is None:
        raise MomentNotKnown("The segment had no members then: its first rule came later.")
    rule = Rule.model_validate(rule_row.rule)
    await refuse_not_told(connection, customers=rule.asks_customers, contacts=rule.asks_contacts)
    scene = await scene_at(
        connection,
        asked.segment_id,
        asked.contact_id,
        asked.at or ALWAYS,
        asked={node.segment_id for node, _ in named_segments(rule)},
        position=position,
    )
    today = (asked.at or uow.now).astimezone(zone).date()
    whole, nodes = await compile_nodes(connection, rule, today, asked.at or ALWAYS)
    judged, changes_on, found = await answers(connection, scene, whole, nodes)
    return Judged(rule_row, rule, today, whole, nodes, scene, judged, changes_on, found)
