"""Whatever is told, in any order and twice: members are those that a plain reading finds."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.mailing.domain.rules import Rule
from services.mailing.handlers.evaluate_rule import condition_of
from services.mailing.persistence.segments import members
from shared.contracts.customers import (
    ClassificationSaved,
    ContactDeleted,
    ContactSaved,
    CustomerDeleted,
    CustomerSaved,
)
from shared.contracts.types import Contract
from tests.integration.mailing.rig import Rig, contact_saved, customer_saved, value_saved

SIZES = {"customer_status": 4, "status_group": 2, "customer_group": 6, "category": 3}
DAYS = [date(2026, month, 1) for month in (1, 2, 3)]


@dataclass
class World:
    """What was told last of each thing, and all that was told on the way."""

    chance: random.Random
    customers: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(6)])
    contacts: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(8)])
    last: dict[object, Contract] = field(default_factory=dict)
    told: list[Contract] = field(default_factory=list)
    version: int = 0

    def happens(self) -> None:
        """Let one thing be saved or deleted, at the next version."""
        self.version += 1
        key, news = self.chance.choice([self._customer, self._contact, self._value])()
        self.last[key] = news
        self.told.append(news)

    def numbers(self, list_name: str, most: int) -> list[int]:
        return self.chance.sample(range(1, SIZES[list_name] + 1), self.chance.randint(0, most))

    def _customer(self) -> tuple[object, Contract]:
        one = self.chance.choice(self.customers)
        if self.chance.random() < 0.15:
            return one, CustomerDeleted(customer_id=one, version=self.version)
        return one, customer_saved(
            one,
            self.version,
            ended_on=self.chance.choice([None, *DAYS]),
            customer_status=self.numbers("customer_status", 1),
            customer_group=self.numbers("customer_group", 2),
            category=self.numbers("category", 2),
        )

    def _contact(self) -> tuple[object, Contract]:
        one = self.chance.choice(self.contacts)
        if self.chance.random() < 0.15:
            return one, ContactDeleted(contact_id=one, version=self.version)
        at = self.chance.sample(self.customers, self.chance.randint(0, 3))
        held = {"category": self.numbers("category", 2)}
        return one, contact_saved(one, self.version, at=tuple(at), held=held)

    def _value(self) -> tuple[object, Contract]:
        name = self.chance.choice(list(SIZES))
        number = self.chance.randint(1, SIZES[name])
        told: dict[str, Any] = {"removed": self.chance.random() < 0.25}
        if name == "customer_group":
            told["parent"] = self.chance.choice([None, *range(1, SIZES[name] + 1)])
        if name == "status_group":
            told["members"] = self.numbers("customer_status", 3)
        if name == "customer_status":
            told["flags"] = {"ended": self.chance.random() < 0.5}
        return (name, number), value_saved(name, number, self.version, **told)

    def rule(self, depth: int = 1) -> dict[str, Any]:
        kinds = ["customer", "customer", "contact", "ended"]
        kind = self.chance.choice(kinds if depth == 3 else [*kinds, "all", "any", "not"])
        if kind in ("all", "any"):
            return {"op": kind, "rules": [self.rule(depth + 1) for _ in range(2)]}
        if kind == "not":
            return {"op": kind, "rule": self.rule(depth + 1)}
        if kind == "ended":
            day = self.chance.choice([None, *DAYS])
            return {"op": "customer_ended", "from_day": day and day.isoformat()}
        name = "category" if kind == "contact" else self.chance.choice(list(SIZES))
        return {"op": f"{kind}_has", "list": name, "numbers": self.numbers(name, 1) or [1]}

    # --- The plain reading.
    def members(self, rule: dict[str, Any]) -> set[UUID]:
        live = [one for one in self.last.values() if isinstance(one, ContactSaved)]
        return {contact.contact_id for contact in live if self._holds(rule, contact)}

    def _holds(self, rule: dict[str, Any], contact: ContactSaved) -> bool:
        op = rule["op"]
        if op in ("all", "any"):
            verdicts = [self._holds(one, contact) for one in rule["rules"]]
            return all(verdicts) if op == "all" else any(verdicts)
        if op == "not":
            return not self._holds(rule["rule"], contact)
        if op == "contact_has":
            return self._has(rule, contact.classifications)
        customers = [
            customer
            for link in contact.customers
            if isinstance(customer := self.last.get(link.customer_id), CustomerSaved)
        ]
        if op == "customer_has":
            return any(self._has(rule, one.classifications) for one in customers)
        return any(self._ended(rule, one) for one in customers)

    def _ended(self, rule: dict[str, Any], customer: CustomerSaved) -> bool:
        flagged = any(
            (status := self._live(("customer_status", number))) and status.flags.get("ended")
            for number in customer.classifications["customer_status"]
        )
        since = rule["from_day"] and date.fromisoformat(rule["from_day"])
        in_time = since is None or (customer.ended_on is not None and customer.ended_on >= since)
        return flagged and in_time

    def _has(self, rule: dict[str, Any], held: dict[str, list[int]]) -> bool:
        return any(
            number in held.get(name, [])
            for wanted in rule["numbers"]
            for name, number in self._covered(rule["list"], wanted)
        )

    def _covered(self, name: str, number: int) -> Iterator[tuple[str, int]]:
        seen = {number}
        while True:
            below = {
                key[1]
                for key in self.last
                if isinstance(key, tuple)
                and key[0] == name
                and (value := self._live(key)) is not None
                and value.parent in seen
            }
            if below <= seen:
                break
            seen |= below
        yield from ((name, one) for one in seen)
        group = self._live((name, number))
        if name == "status_group" and group is not None:
            yield from (("customer_status", one) for one in group.members)

    def _live(self, key: object) -> ClassificationSaved | None:
        value = self.last.get(key)
        return value if isinstance(value, ClassificationSaved) and not value.removed else None


@pytest.mark.requirement("VF-23", "LS-06", "LS-A10")
@pytest.mark.parametrize("seed", range(6))
async def test_members_are_those_of_a_plain_reading(rig: Rig, seed: int) -> None:
    world = World(random.Random(seed))
    for _ in range(120):
        world.happens()
    republished = list(world.last.values())
    messages = world.told + republished + world.chance.sample(world.told, 30)
    world.chance.shuffle(messages)
    while messages:
        size = world.chance.randint(1, 60)
        await rig.hear(*messages[:size])
        del messages[:size]
    sizes = set()
    async with rig.service.engine.connect() as connection:
        for _ in range(60):
            rule = world.rule()
            condition = await condition_of(Rule.model_validate(rule), connection, date(2026, 6, 1))
            rows = await members(connection, condition, after=None, limit=100)
            assert {row.contact_id for row in rows} == world.members(rule), rule
            sizes.add(len(rows))
    assert len(sizes) > 2, "the rules tell nobody apart"
