"""The route of explanations: why somebody is in a segment, or why not."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.mailing.api.consent import reachability_shown
from services.mailing.api.moments import At
from services.mailing.api.segment_history import ChangeCause
from services.mailing.api.shapes import ReachabilityShown
from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.evidence import Fact, counted_fact, facts_behind
from services.mailing.domain.flips import ANOTHER
from services.mailing.domain.rules import is_condition
from services.mailing.domain.scenes import Fields
from services.mailing.handlers.explain import Explanation, explain
from services.mailing.handlers.find_flip import Flip
from services.mailing.handlers.judge_contact import Asked
from services.mailing.persistence.explanations import Answer
from services.mailing.persistence.rules import AskedNode
from shared.chassis.unit_of_work import UnitOfWorkFactory

FEW = 5
"""How many of the rows that a condition counts are shown."""


class FactShown(BaseModel):
    """A fact, and the event that told it; null where it is not known, as of links."""

    name: str = Field(description="such as city, held (a value of a list), activity")
    value: Any = Field(description="as it was told; of documents, activities and such their fields")
    title: str | None = Field(description="of a value of a list")
    told_type: str | None
    told_by: str | None = Field(description="the id of the event")
    told_at: str | None


class FoundShown(BaseModel):
    """What a condition finds."""

    holds: bool
    changes_on: date | None = Field(description="on this day passing time may change it next")
    facts: list[FactShown] = Field(description="of what is counted the newest five")
    count: int | None = Field(description="of what is counted: how many there are")
    total: str | None = Field(description="of money: the sum")


class AtCustomerShown(FoundShown):
    """What a node finds at one customer of the contact."""

    customer_id: UUID
    number: str
    name: str


class NodeShown(BaseModel):
    """A node of the rule and its answer; of what is asked of customers, also at each of them."""

    path: str = Field(description="where it is in the rule, such as rule.rules.0")
    op: str
    holds: bool = Field(description="of what is asked of customers: at one of them at least")
    condition: dict[str, Any] | None = Field(description="null where it only joins others")
    found: FoundShown | None = Field(description="null where customers are asked")
    customers: list[AtCustomerShown]
    rules: list["NodeShown"]


class RuleAtShown(BaseModel):
    """The rule that members followed."""

    rule_id: UUID
    version: int = Field(description="of the segment")
    why: Literal["made", "changed", "checked"]
    live_from: datetime
    live_until: datetime | None


class SinceShown(ChangeCause):
    """The last time that the contact came or left."""

    position: int
    entered: bool
    at: datetime


class PinAtShown(BaseModel):
    """The decision of a person, which goes before the rule."""

    inside: bool
    note: str
    actor: str | None
    at: datetime


class ChangeShown(BaseModel):
    """A change of facts."""

    words: str
    customer_id: UUID | None


class WantedShown(BaseModel):
    """A condition that would have to turn."""

    path: str
    customer_id: UUID | None
    holds: bool = Field(description="what it would have to answer")


class FlipShown(BaseModel):
    """
    What would turn the answer: all of these changes together, and no part of them.

    Tried by the same evaluator. A pin is named where nothing else was found.
    """

    found: bool
    changes: list[ChangeShown]
    wanted: list[WantedShown] = Field(
        description="where no change of facts was found: the conditions that would have to turn"
    )


class ExplanationShown(BaseModel):
    """Why a contact is, or was, in a segment, or why not."""

    segment_id: UUID
    contact_id: UUID
    first_name: str
    last_name: str
    deleted: bool
    at: datetime
    member: bool = Field(description="as it was kept")
    judged: bool = Field(
        description="as pin and rule say of the facts: another than `member` only until a change "
        "is followed"
    )
    since: SinceShown | None = Field(description="null: he was never a member")
    changes_on: date | None = Field(description="on this day passing time may change it next")
    rule: RuleAtShown
    pin: PinAtShown | None
    tree: NodeShown
    flip: FlipShown
    reachability: ReachabilityShown | None = Field(
        description="what the gate says now; null where `at` was sent"
    )


def explanations_router(
    units: UnitOfWorkFactory, *, zone: ZoneInfo, limit_seconds: float, past_days: int
) -> APIRouter:
    """Return the route below /v1/segments."""
    router = APIRouter(prefix="/v1/segments", tags=["segments"])

    @router.get("/{segment_id}/explanations/{contact_id}")
    async def show(
        segment_id: UUID,
        contact_id: UUID,
        channel: Channel = Channel.EMAIL,
        purpose: Purpose = Purpose.MARKETING,
        at: At = None,
    ) -> ExplanationShown:
        """Explain why a contact is in a segment or why not, now or at a moment before."""
        asked = Asked(segment_id, contact_id, channel, purpose, at)
        async with units() as uow:
            found = await explain(
                asked, uow, zone=zone, limit_seconds=limit_seconds, past_days=past_days
            )
        return _shown(asked, found)

    return router


def _shown(asked: Asked, found: Explanation) -> ExplanationShown:
    contact, pin = found.scene.contact, found.scene.pin
    assert contact is not None
    nodes = {node.place.path: node for node in found.nodes}
    gate = found.gate
    return ExplanationShown(
        segment_id=asked.segment_id,
        contact_id=asked.contact_id,
        first_name=contact["first_name"],
        last_name=contact["last_name"],
        deleted=contact["deleted"],
        at=found.at,
        member=found.member,
        judged=found.judged,
        since=found.since and SinceShown.model_validate(found.since, from_attributes=True),
        changes_on=found.changes_on,
        rule=RuleAtShown.model_validate(found.rule_row, from_attributes=True),
        pin=pin and PinAtShown.model_validate(pin, from_attributes=True),
        tree=_Tree(found, nodes).node("rule"),
        flip=_flip(found.flip),
        reachability=gate
        and reachability_shown(asked.contact_id, asked.channel, asked.purpose, gate),
    )


class _Tree:
    def __init__(self, found: Explanation, nodes: dict[str, AskedNode]) -> None:
        self._found = found
        self._nodes = nodes

    def node(self, path: str) -> NodeShown:
        asked = self._nodes[path]
        node = asked.place.node
        customers = [self._at(asked, one) for one in self._asked_customers(asked)]
        own = self._found.answers.get((path, None))
        contact = self._found.scene.contact
        assert contact is not None
        found = None if own is None else FoundShown(**self._what(asked, own, contact))
        below = [f"{path}.rule"] if hasattr(node, "rule") else [
            f"{path}.rules.{place}" for place in range(len(getattr(node, "rules", ())))
        ]  # fmt: skip
        condition = node.model_dump(mode="json", exclude_none=True) if is_condition(node) else None
        return NodeShown(
            path=path,
            op=node.op,
            holds=found.holds if found else any(one.holds for one in customers),
            condition=condition,
            found=found,
            customers=customers,
            rules=[self.node(one) for one in below],
        )

    def _asked_customers(self, asked: AskedNode) -> list[Fields]:
        return self._found.scene.customers if asked.of_customer else []

    def _at(self, asked: AskedNode, customer: Fields) -> AtCustomerShown:
        customer_id = UUID(customer["customer_id"])
        answer = self._found.answers[asked.place.path, customer_id]
        return AtCustomerShown(
            customer_id=customer_id,
            number=customer["number"],
            name=customer["name"],
            **self._what(asked, answer, customer),
        )

    def _what(self, asked: AskedNode, answer: Answer, row: Fields) -> dict[str, Any]:
        tally = answer.tally
        return {
            "holds": answer.holds,
            "changes_on": answer.changes_on,
            "facts": [self._fact(one) for one in self._facts(asked, answer, row)],
            "count": tally.count if tally else None,
            "total": tally.total if tally and asked.place.node.op == "turnover" else None,
        }

    def _facts(self, asked: AskedNode, answer: Answer, row: Fields) -> Iterator[Fact]:
        node = asked.place.node
        if answer.tally and asked.asked.counted:
            table = asked.asked.counted.table
            yield from (counted_fact(table, one) for one in answer.tally.rows[:FEW])
        elif is_condition(node):
            links: Iterable[Fields] = self._found.scene.rows["contact_customer"]
            yield from facts_behind(node, row, list(links), asked.covers)

    def _fact(self, fact: Fact) -> FactShown:
        title = self._found.titles.get(fact.value) if fact.name == "held" else None
        return FactShown(
            name=fact.name,
            value=fact.value,
            title=title,
            told_type=fact.told_type,
            told_by=fact.told_by,
            told_at=fact.told_at,
        )


def _flip(flip: Flip) -> FlipShown:
    return FlipShown(
        found=flip.changes is not None,
        changes=[
            ChangeShown(words=one.words, customer_id=one.customer_id) for one in flip.changes or ()
        ],
        wanted=[
            WantedShown(
                path=one.path,
                customer_id=None if one.customer_id == ANOTHER else one.customer_id,
                holds=one.holds,
            )
            for one in flip.wanted
            if one.condition is not None
        ],
    )
