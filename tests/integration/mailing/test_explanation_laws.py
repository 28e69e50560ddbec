"""Laws of explanations, over people, rules and moments at random.

`SUHDE_EXPLANATIONS=1000` asks as often; by default little is asked.
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from services.mailing.domain.channels import Channel, Purpose
from services.mailing.domain.rules import All, Any_, Node, Not, Rule, SameCustomer
from services.mailing.handlers.explain import Explanation, explain
from services.mailing.handlers.judge_contact import Asked, judge_contact
from services.mailing.handlers.keep_segments import change_segment, make_segment, show_segment
from services.mailing.handlers.pin_contacts import Pin, pin_contact, unpin_contact
from services.mailing.persistence import pins, segment_history
from services.mailing.persistence.explanations import verdict
from shared.chassis.testing.servers import Postgres
from shared.contracts import customers
from shared.contracts.types import Contract
from tests.integration.mailing.rig import Rig, contact_saved, open_rig, value_saved
from tests.integration.mailing.test_projection_facts import activity, document, opportunity

EXPLANATIONS = int(os.environ.get("SUHDE_EXPLANATIONS", "60"))
EACH = 100
KNOWN = text(
    """
    SELECT EXISTS (SELECT FROM contact WHERE contact_id = :id AND told_at <= :at)
        OR EXISTS (SELECT FROM past
                   WHERE kind = 'contact' AND record_id = CAST(CAST(:id AS uuid) AS text)
                     AND since <= :at)
    """
)
ZONE = ZoneInfo("Europe/Helsinki")
BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
STEPS = 25
CITIES = ["Turku", "Oulu", "Tampere", None]


@dataclass
class World:
    """What happens at random, and the rules that ask about it."""

    chance: random.Random
    now: datetime = BEGIN
    customers: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(4)])
    contacts: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(5)])
    done: list[Any] = field(default_factory=list)
    segments: list[UUID] = field(default_factory=list)
    version: int = 1

    def values(self) -> Iterator[Contract]:
        for number in (1, 2, 3):
            flags = {"ended": number == 3}
            yield value_saved("customer_status", number, flags=flags)
            yield value_saved("contact_attribute", number)
            yield value_saved("customer_group", number, parent=number - 1 or None)
            yield value_saved("category", number)
        yield value_saved("status_group", 1, members=[1, 2])

    def some(self, numbers: int = 3, most: int = 1) -> list[int]:
        return sorted(self.chance.sample(range(1, numbers + 1), self.chance.randint(0, most)))

    def day(self) -> date:
        return self.now.date() + timedelta(self.chance.randint(-60, 20))

    def happens(self) -> Contract:
        """Return one thing that happens."""
        self.version += 1
        kinds = [self._customer, self._contact, self._contact, self._done, self._done, self._value]
        return self.chance.choice(kinds)()

    def _customer(self) -> Contract:
        one = self.chance.choice(self.customers)
        if self.chance.random() < 0.05:
            return customers.CustomerDeleted(customer_id=one, version=self.version)
        status = self.chance.randint(1, 3)
        place = customers.PostalAddress(city=self.chance.choice(CITIES))
        return customers.CustomerSaved(
            customer_id=one,
            version=self.version,
            number=str(self.customers.index(one)),
            name=self.chance.choice(["Oy", "Ab"]),
            address=place,
            headcount=self.chance.choice([None, 3, 50]),
            relationship=self.chance.choice(
                [None, customers.Relationship(started_on=self.day(), source="manual")]
            ),
            ended_on=self.day() if status == 3 else None,
            attribute_values={"5": self.chance.choice([1, 2.5, "red", "2026-01-10"])},
            classifications={
                "customer_status": [status],
                "customer_group": self.some(),
                "category": self.some(most=2),
            },
        )

    def _contact(self) -> Contract:
        one = self.chance.choice(self.contacts)
        if self.chance.random() < 0.05:
            return customers.ContactDeleted(contact_id=one, version=self.version)
        at = tuple(self.chance.sample(self.customers, self.chance.randint(0, 2)))
        place = customers.PostalAddress(city=self.chance.choice(CITIES))
        return contact_saved(
            one,
            self.version,
            at=at,
            role=self.chance.choice([None, "boss", "clerk"]),
            address=place,
            attributes=tuple(self.some(most=2)),
            held={"category": self.some(most=2)},
        )

    def _done(self) -> Contract:
        if self.done and self.chance.random() < 0.3:
            former = self.chance.choice(self.done)
            return self._again(former)
        at = self.chance.choice(self.customers)
        with_him = self.chance.sample(self.contacts, self.chance.randint(0, 1))
        moment = datetime.combine(self.day(), self.now.timetz())
        made: Contract = self.chance.choice(
            [
                activity(at, self.version, contacts=with_him, starts_at=moment,
                         category=self.chance.randint(1, 2)),
                document(at, self.version, document_id=str(uuid4()), document_date=self.day(),
                         net_amount=str(self.chance.randint(1, 9) * 10),
                         kind=self.chance.choice(["invoice", "credit_note", "sales_order"])),
                opportunity(at, self.version, contacts=with_him, expected_close=self.day()),
            ]
        )  # fmt: skip
        self.done.append(made)
        return made

    def _again(self, former: Any) -> Contract:
        if hasattr(former, "document_id"):
            return former.model_copy(
                update={"document_version": self.version, "voided": self.chance.random() < 0.5}
            )
        return former.model_copy(
            update={"version": self.version, "customer_id": self.chance.choice(self.customers)}
        )

    def _value(self) -> Contract:
        number = self.chance.randint(1, 3)
        if self.chance.random() < 0.5:
            members = self.some(most=3)
            return value_saved("status_group", 1, self.version, members=members)
        parent = self.chance.choice([None, *(one for one in (1, 2, 3) if one != number)])
        return value_saved("customer_group", number, self.version, parent=parent)

    # --- Rules.
    def rule(self, depth: int = 1, *, at_customer: bool = False) -> dict[str, Any]:
        chance = self.chance.random()
        if depth < 4 and chance < 0.45:
            op = self.chance.choice(["all", "any", "not", *([] if at_customer else ["same"])])
            if op in ("all", "any"):
                size = self.chance.randint(2, 3)
                below = [self.rule(depth + 1, at_customer=at_customer) for _ in range(size)]
                return {"op": op, "rules": below}
            if op == "not":
                return {"op": op, "rule": self.rule(depth + 1, at_customer=at_customer)}
            return {"op": "same_customer", "rule": self.rule(depth + 1, at_customer=True)}
        asked = self._of_customer() if at_customer or chance < 0.75 else self._of_contact()
        if at_customer:
            asked.pop("of", None)
        return asked

    def period(self) -> dict[str, Any]:
        return self.chance.choice(
            [
                {},
                {"last_days": self.chance.randint(1, 40)},
                {"older_than_days": self.chance.randint(1, 40)},
                {"next_days": self.chance.randint(1, 20)},
                {"from_day": "2026-01-01", "before_day": "2026-02-01"},
            ]
        )

    def _of_customer(self) -> dict[str, Any]:
        status = {"op": "customer_has", "list": "customer_status"}
        return self.chance.choice(
            [
                {**status, "numbers": self.chance.sample([1, 2, 3], 2)},
                {"op": "customer_has", "list": "status_group", "numbers": [1]},
                {"op": "customer_has", "list": "customer_group", "numbers": [1]},
                {"op": "customer_has", "list": "category", "numbers": [2]},
                {"op": "customer_flagged", "list": "customer_status", "flag": "ended"},
                {"op": "customer_ended", **self.period()},
                {"op": "relationship_start", **self.period()},
                {"op": "customer_field", "field": "city", "is_one_of": ["Turku", "Oulu"]},
                {"op": "customer_field", "field": "name", "starts_with": "O"},
                {"op": "customer_field", "field": "headcount", "at_least": 2.5, "below": 20.0},
                {"op": "customer_field", "field": "headcount", "below": 20.0},
                {"op": "customer_value", "attribute": 5, "at_least": 2.0},
                {"op": "customer_value", "attribute": 5, "below": "2026-02-01"},
                {"op": "customer_value", "attribute": 5, "contains": "re"},
                {"op": "turnover", "currency": "EUR", "at_least": "30", **self.period()},
                {"op": "turnover", "currency": "EUR", "below": "-5", **self.period()},
                {"op": "documents", "at_least": self.chance.randint(1, 2), **self.period()},
                self._activities("customer"),
                {"op": "opportunities", "of": "customer", "value_at_least": "100",
                 "currency": "EUR", **self.period()},
            ]
        )  # fmt: skip

    def _of_contact(self) -> dict[str, Any]:
        segment = [{"op": "in_segment", "segment_id": str(one)} for one in self.segments[:2]]
        return self.chance.choice(
            [
                {"op": "contact_has", "list": "category", "numbers": [1]},
                {"op": "contact_has", "list": "contact_attribute", "numbers": [1]},
                {"op": "has_attribute", "number": self.chance.randint(1, 2)},
                {"op": "contact_field", "field": "city", "is_set": True},
                {"op": "contact_field", "field": "city", "contains": "u"},
                {"op": "contact_field", "field": "role", "is_one_of": ["boss"]},
                {"op": "contact_value", "attribute": 5, "is_set": True},
                self._activities("contact"),
                {"op": "opportunities", "of": "contact", "outcomes": ["open"], **self.period()},
                *segment,
            ]
        )

    def _activities(self, of: str) -> dict[str, Any]:
        least = self.chance.randint(1, 2)
        return {"op": "activities", "of": of, "categories": [1], "at_least": least, **self.period()}


@dataclass
class Told:
    """A world that has been told to mailing, and the moments at which members were up to date."""

    rig: Rig
    world: World
    moments: list[datetime] = field(default_factory=list)

    async def happen(self) -> None:
        await self.rig.hear(*self.world.values(), *(self.world.happens() for _ in range(20)))
        for _ in range(8):
            await self._make()
        for _ in range(STEPS):
            self.world.now += timedelta(hours=self.world.chance.randint(1, 90))
            await self.rig.hear(*(self.world.happens() for _ in range(3)))
            chance = self.world.chance.random()
            if chance < 0.5:
                await self._pin()
            if chance < 0.2:
                await self._change()
            await self.rig.settle()
            self.moments.append(self.world.now)

    async def _make(self) -> None:
        rule = Rule.model_validate(self.world.rule())
        async with self.rig.service.units() as uow:
            made = await make_segment("Some", rule, uow)
        await self.rig.settle()
        self.world.segments.append(made.segment_id)

    async def _change(self) -> None:
        one = self.world.chance.choice(self.world.segments[2:])
        rule = Rule.model_validate(self.world.rule())
        async with self.rig.service.units() as uow:
            version = (await show_segment(one, uow)).version
            await change_segment(one, "Other", rule, uow, expected=version)

    async def _pin(self) -> None:
        segment = self.world.chance.choice(self.world.segments)
        contact = self.world.chance.choice(self.world.contacts)
        async with self.rig.service.units() as uow:
            await uow.act_as("test")
            pinned = await pins.page(uow.connection, segment, after=None, limit=100)
            if any(one.contact_id == contact for one in pinned):
                await unpin_contact(segment, contact, uow)
            elif await pins.is_live(uow.connection, contact):
                inside = self.world.chance.random() < 0.5
                await pin_contact(Pin(segment, contact, inside, ""), uow)


def answered(found: Explanation) -> bool:
    """Fold the answers of the conditions into that of the whole, by what the nodes mean."""
    (pin,) = found.scene.rows["segment_pin"] or [None]
    contact = found.scene.contact
    assert contact is not None
    if contact["deleted"]:
        return False
    if pin is not None:
        return bool(pin["inside"])
    customers = [UUID(one["customer_id"]) for one in found.scene.customers]

    def fold(node: Node, path: str, at: UUID | None) -> bool:
        match node:
            case All() | Any_():
                parts = [fold(one, f"{path}.rules.{n}", at) for n, one in enumerate(node.rules)]
                return all(parts) if isinstance(node, All) else any(parts)
            case Not():
                return not fold(node.rule, f"{path}.rule", at)
            case SameCustomer():
                return any(fold(node.rule, f"{path}.rule", one) for one in customers)
            case _:
                if at is None and (path, None) not in found.answers:
                    return any(found.answers[path, one].holds for one in customers)
                return found.answers[path, at].holds

    return fold(found.nodes[0].place.node, "rule", None)


@pytest.mark.parametrize("seed", range(max(1, EXPLANATIONS // EACH)))
async def test_explanations_answer_as_was_kept_and_their_changes_flip(
    postgres: Postgres, seed: int
) -> None:
    world = World(random.Random(seed))
    flipped = by_pin = 0
    async with open_rig(postgres, clock=lambda: world.now) as rig:
        told = Told(rig, world)
        await told.happen()
        for _ in range(min(EXPLANATIONS, EACH)):
            at = world.chance.choice([None, *told.moments])
            segment, contact = (
                world.chance.choice(world.segments),
                world.chance.choice(world.contacts),
            )
            asked = Asked(segment, contact, Channel.EMAIL, Purpose.MARKETING, at)
            async with rig.service.units() as uow:
                known = await uow.connection.scalar(KNOWN, {"id": contact, "at": at or world.now})
                if not known:
                    continue
                found = await explain(asked, uow, zone=ZONE, limit_seconds=5, past_days=1000)
                assert found.judged is found.member is answered(found), asked
                if found.flip.changes is None:
                    assert found.scene.contact and found.scene.contact["deleted"]
                    continue
                position = await segment_history.position_at(uow.connection, at)
                judged = await judge_contact(asked, uow, zone=ZONE, position=position)
                for size in range(1, len(found.flip.changes) + 1):
                    for some in combinations(found.flip.changes, size):
                        scene = judged.scene.with_patches(p for one in some for p in one.patches)
                        after = await verdict(uow.connection, scene, judged.whole)
                        all_of_them = size == len(found.flip.changes)
                        assert (after is not found.judged) is all_of_them, (asked, some)
                flipped += 1
                by_pin += any("pinned" in one.words for one in found.flip.changes)
    assert flipped > min(EXPLANATIONS, EACH) / 2
    assert by_pin < flipped / 10, "pins are the last resort"
