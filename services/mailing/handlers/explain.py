"""Why somebody is in a segment, or why not, now or at a moment before; and what would change it.

The answers are those of the evaluator: its SQL is asked node by node, and of what would be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Row

from services.mailing.domain.conditions import ContactHas, CustomerEnded, CustomerHas
from services.mailing.domain.lists import CUSTOMER_STATUS
from services.mailing.domain.refusals import ContactNotFound, MomentNotKnown, SegmentBeingBuilt
from services.mailing.domain.rules import Rule, conditions
from services.mailing.domain.scenes import Scene
from services.mailing.handlers.evaluate_rule import find_segment
from services.mailing.handlers.find_flip import Flip, find_flip
from services.mailing.handlers.judge_contact import ALWAYS, Asked, Judged, judge_contact
from services.mailing.handlers.reachability import Reachability, reachability
from services.mailing.persistence import segment_history
from services.mailing.persistence.classifications import titles
from services.mailing.persistence.explanations import Answers
from services.mailing.persistence.rules import AskedNode
from shared.chassis.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    Why a contact was in a segment at a moment, or not.

    `member` is as it was kept, `judged` what rule and pin say of the facts as of then: they differ
    only for the moment in which a change is not followed yet.
    """

    at: datetime
    member: bool
    judged: bool
    changes_on: date | None
    rule_row: Row[Any]
    since: Row[Any] | None
    scene: Scene
    nodes: Sequence[AskedNode]
    answers: Answers
    titles: dict[str, str]
    flip: Flip
    gate: Reachability | None


async def explain(
    asked: Asked, uow: UnitOfWork, *, zone: ZoneInfo, limit_seconds: float, past_days: int
) -> Explanation:
    """Explain one answer; refuse moments of which too little is known."""
    segment = await find_segment(asked.segment_id, uow.connection)
    if asked.at is None and segment.live_rule_id is None:
        raise SegmentBeingBuilt(f"The members of {segment.name!r} are being found.")
    _refuse_moment(asked.at, uow.now, past_days)
    position = await segment_history.position_at(uow.connection, asked.at)
    found = await judge_contact(asked, uow, zone=zone, position=position)
    if found.scene.contact is None:
        raise ContactNotFound(f"Contact {asked.contact_id} was not known here.")
    since = await segment_history.last_change(
        uow.connection, asked.segment_id, asked.contact_id, position=position
    )
    named = await titles(uow.connection, _tokens(found), _lists(found.rule), asked.at or ALWAYS)
    gate = None
    if asked.at is None:
        gate = await reachability(
            asked.contact_id, asked.channel, asked.purpose, uow, limit_seconds=limit_seconds
        )
    return Explanation(
        at=asked.at or uow.now,
        member=since is not None and since.entered,
        judged=found.judged,
        changes_on=found.changes_on,
        rule_row=found.rule_row,
        since=since,
        scene=found.scene,
        nodes=found.nodes,
        answers=found.answers,
        titles=named,
        flip=await find_flip(found, named, uow.connection),
        gate=gate,
    )


def _refuse_moment(at: datetime | None, now: datetime, past_days: int) -> None:
    if at is None:
        return
    if at > now:
        raise MomentNotKnown("The moment has not come yet.")
    if at < now - timedelta(days=past_days):
        raise MomentNotKnown(f"What was known more than {past_days} days ago is forgotten.")


def _tokens(found: Judged) -> set[str]:
    held = {
        token
        for row in (*found.scene.rows["customer"], *found.scene.rows["contact"])
        for token in row["held"]
    }
    return held | {token for node in found.nodes for token in node.covers[:_NAMED]}


def _lists(rule: Rule) -> set[str]:
    """Return the lists of which other values may have to take the place of one that is held."""
    lists = {
        node.list for node, _ in conditions(rule) if isinstance(node, CustomerHas | ContactHas)
    }
    asks_ended = any(isinstance(node, CustomerEnded) for node, _ in conditions(rule))
    return lists | {CUSTOMER_STATUS} if asks_ended or "status_group" in lists else lists


_NAMED = 200
