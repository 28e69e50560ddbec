"""The law of segments: however members came about, they are those of a plain reading.

`SUHDE_LAWS=n` tells n events for each seed instead of a few hundred, `SUHDE_LAWS_SEED` where the
seeds begin.
"""

import os
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.mailing.domain.channels import Channel
from services.mailing.domain.refusals import (
    ContactNotFound,
    PinNotFound,
    SegmentInUse,
    SegmentsMisnamed,
    UnknownValues,
)
from services.mailing.domain.rules import Rule
from services.mailing.handlers import keep_segments
from services.mailing.handlers.build_segments import build_next
from services.mailing.handlers.evaluate_rule import condition_of
from services.mailing.handlers.follow_changes import follow_changes
from services.mailing.handlers.pin_contacts import Pin, pin_contact, unpin_contact
from services.mailing.persistence.segments import members
from shared.chassis.messages import Incoming
from shared.chassis.testing.servers import Postgres
from shared.contracts.types import Contract
from shared.contracts.wiring import publication
from tests.integration.mailing.laws.reading import Reading, day_of
from tests.integration.mailing.laws.rules import Rules
from tests.integration.mailing.laws.steps import Steps
from tests.integration.mailing.laws.world import ZONE, World
from tests.integration.mailing.rig import Rig, open_rig

EVENTS = int(os.environ.get("SUHDE_LAWS", "350"))
FIRST_SEED = int(os.environ.get("SUHDE_LAWS_SEED", "0"))
SEGMENTS = 30


class Killed(Exception):
    """The builder was cut off."""


@dataclass
class Life:
    """A service to which a world is told in any order, and what a plain reading makes of it."""

    rig: Rig
    world: World
    chance: random.Random
    reading: Reading = field(default_factory=Reading)
    waiting: list[Contract] = field(default_factory=list)
    told: list[Contract] = field(default_factory=list)
    versions: dict[UUID, int] = field(default_factory=dict)
    depths: dict[UUID, int] = field(default_factory=dict)
    members: dict[UUID, set[UUID]] = field(default_factory=dict)
    position: int = 0
    since: list[str] = field(default_factory=list)
    alone: bool = True

    # --- Events.
    async def tell(self, count: int) -> None:
        """Tell some of what waits, in any order, and some of it again, and take it over."""
        await self.store(count)
        while await self.rig.service.worker.work_batch():
            pass

    async def store(self, count: int) -> None:
        """Tell some of what waits, in any order, and some of it again."""
        self.chance.shuffle(self.waiting)
        told, self.waiting = self.waiting[:count], self.waiting[count:]
        again = self.chance.sample(self.told, min(len(self.told), self.chance.randint(0, 2)))
        self.told += told
        messages = [self._message(one) for one in told + again]
        if messages and self.chance.random() < 0.2:
            messages.append(messages[0])
        await self.rig.service.inbox.store(messages)

    def _message(self, one: Contract) -> Incoming:
        self.reading.hear(one)
        told = publication(one, subject=str(uuid4()))
        self.since.append(str(uuid4()))
        headers = {
            "ce-specversion": "1.0", "ce-id": self.since[-1], "ce-source": "/suhde/customers",
            "ce-type": told.type, "ce-subject": told.subject,
        }  # fmt: skip
        return Incoming(body=told.body, headers=headers)

    def pass_time(self) -> None:
        days = self.chance.choice([0, 0, 0, 0, 0, 0, 1, 3, 20])
        self.world.now += timedelta(days=days, minutes=self.chance.randint(1, 300))

    # --- Segments.
    async def change_segments(self) -> None:
        known = list(self.reading.rules)
        doing: dict[Callable[[], Awaitable[None]], float] = {
            self._make: SEGMENTS - len(known), self._change: 3, self._remove: 0.4,
            self._check: 1, self._pin: 4, self._unpin: 1,
        }  # fmt: skip
        (act,) = self.chance.choices(list(doing), [max(0.0, one) for one in doing.values()])
        if known or act == self._make:
            self.alone = False
            await act()

    def _rule(self, below: int) -> tuple[dict[str, Any], int]:
        asked = [one for one in self.reading.rules if self.depths[one] < below]
        rule = Rules(self.chance).rule(day_of(self.world.now), asked)
        named = [self.depths[one] for one in asked if str(one) in str(rule)]
        return rule, max(named, default=-1) + 1

    async def _make(self) -> None:
        rule, depth = self._rule(3)
        try:
            async with self.rig.service.units() as uow:
                made = await keep_segments.make_segment("Some", Rule.model_validate(rule), uow)
        except UnknownValues:
            return
        self.reading.rules[made.segment_id] = rule
        self.versions[made.segment_id], self.depths[made.segment_id] = 1, depth
        self.members[made.segment_id] = set()

    async def _change(self) -> None:
        one = self.chance.choice(list(self.reading.rules))
        rule, depth = self._rule(self.depths[one])
        try:
            async with self.rig.service.units() as uow:
                changed = await keep_segments.change_segment(
                    one, "Other", Rule.model_validate(rule), uow, expected=self.versions[one]
                )
        except (UnknownValues, SegmentsMisnamed):
            return
        assert depth <= self.depths[one]
        self.reading.rules[one], self.versions[one] = rule, changed.version

    async def _remove(self) -> None:
        one = self.chance.choice(list(self.reading.rules))
        try:
            async with self.rig.service.units() as uow:
                await keep_segments.remove_segment(one, uow, expected=self.versions[one])
        except SegmentInUse:
            return
        del self.reading.rules[one], self.members[one]
        self.reading.pins.pop(one, None)

    async def _check(self) -> None:
        async with self.rig.service.units() as uow:
            await keep_segments.check_segment(self.chance.choice(list(self.reading.rules)), uow)

    async def _pin(self) -> None:
        segment, contact = self._pair()
        inside = self.chance.random() < 0.5
        try:
            async with self.rig.service.units() as uow:
                await pin_contact(Pin(segment, contact, inside, "So it is."), uow)
        except ContactNotFound:
            return
        self.reading.pins.setdefault(segment, {})[contact] = inside

    async def _unpin(self) -> None:
        segment, contact = self._pair()
        pinned = list(self.reading.pins.get(segment, {}))
        contact = self.chance.choice(pinned) if pinned else contact
        try:
            async with self.rig.service.units() as uow:
                await unpin_contact(segment, contact, uow)
        except PinNotFound:
            assert not pinned
            return
        del self.reading.pins[segment][contact]

    def _pair(self) -> tuple[UUID, UUID]:
        segment = self.chance.choice(list(self.reading.rules))
        return segment, self.chance.choice(self.world.contacts)

    # --- Members.
    async def build_amid_events(self) -> None:
        """Build one rule while events come between its steps, or it is cut off."""
        self.alone = False

        async def between() -> None:
            draw = self.chance.random()
            if draw < 0.15:
                raise Killed
            if draw < 0.6:
                await self.tell(self.chance.randint(1, 4))
            if draw < 0.4:
                async with self.rig.service.units() as uow:
                    await follow_changes(uow, ZONE, taken=self.chance.choice([1, 3, 1000]))

        with suppress(Killed):
            await build_next(Steps(self.rig.service.units, before=between), ZONE)

    async def settle_and_compare(self) -> None:
        await self.rig.settle()
        await self._compare_changes()
        today = day_of(self.world.now)
        async with self.rig.service.units() as uow:
            for segment_id, rule in self.reading.rules.items():
                plain = self.reading.members(segment_id, today)
                live = await keep_segments.list_members(segment_id, uow, after=None, limit=1000)
                assert {row.contact_id for row in live.rows} == plain, (segment_id, rule)
                assert self.members[segment_id] == plain, (segment_id, rule)
                condition = await condition_of(Rule.model_validate(rule), uow.connection, today)
                rows = await members(uow.connection, condition, after=None, limit=1000)
                pins = self.reading.pins.get(segment_id, {})
                scratch = {row.contact_id for row in rows if row.contact_id not in pins}
                assert scratch == plain - pins.keys(), rule
        self.since.clear()
        self.alone = True

    async def _compare_changes(self) -> None:
        """Changes add up to the members, none of them is idle, and events name what told them."""
        rows = await self.rig.rows(
            "SELECT position, segment_id, contact_id, entered, cause, told_by FROM member_change "
            "WHERE position > :position ORDER BY position",
            position=self.position,
        )
        for position, segment_id, contact_id, entered, cause, told_by in rows:
            self.position = position
            assert (cause == "event") == (told_by is not None)
            assert told_by is None or told_by in self.since
            if segment_id not in self.members:
                continue
            stood = self.members[segment_id]
            assert (contact_id in stood) is not entered, "a change without a difference"
            stood.symmetric_difference_update({contact_id})
            if self.alone and len(self.since) == 1:
                assert cause in ("event", "day") and told_by in (None, *self.since)

    async def compare_counts(self) -> None:
        today = day_of(self.world.now)
        for segment_id in self.reading.rules:
            async with self.rig.service.units() as uow:
                counted = await keep_segments.count_segment(segment_id, uow, limit_seconds=5)
            plain = [
                one for one in self.reading.contacts()
                if self.reading.is_member(segment_id, one, today)
            ]  # fmt: skip
            for channel, address in ((Channel.EMAIL, "email"), (Channel.SMS, "mobile")):
                having = [one for one in plain if getattr(one.person, address)]
                counts = counted[channel].counts
                assert counts.members == len(plain)
                assert counts.without_address == len(plain) - len(having)
                assert counts.banned == sum(self.reading.banned(one, channel) for one in having)

    async def check_all(self) -> None:
        """Find the members of all segments anew: there is no drift."""
        for segment_id in self.reading.rules:
            async with self.rig.service.units() as uow:
                await keep_segments.check_segment(segment_id, uow)
        before = self.position
        await self.settle_and_compare()
        assert self.position == before
        drift = await self.rig.rows(
            "SELECT segment_id FROM segment_rule WHERE why = 'checked' AND entered + exited > 0"
        )
        assert not drift


@pytest.mark.requirement("LS-06", "LS-A10", "VF-23")
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + 2))
async def test_members_are_those_of_a_plain_reading_at_any_time(
    postgres: Postgres, seed: int
) -> None:
    chance = random.Random(seed)
    world = World(chance)

    def clock() -> datetime:
        return world.now

    async with open_rig(postgres, clock=clock) as rig:
        life = Life(rig, world, chance)
        life.waiting = world.values()
        await life.tell(len(life.waiting))
        while len(life.told) < EVENTS:
            life.waiting += [world.happens() for _ in range(chance.randint(1, 12))]
            await life.tell(chance.choice([1, 1, 3, 10, 40]))
            life.pass_time()
            if chance.random() < 0.5:
                await life.change_segments()
            if chance.random() < 0.4:
                await life.build_amid_events()
            if chance.random() < 0.4:
                await life.settle_and_compare()
        await life.tell(len(life.waiting))
        await life.settle_and_compare()
        await life.compare_counts()
        await life.check_all()
        sizes = {len(one) for one in life.members.values()}
        assert len(sizes) > 3, "the rules tell nobody apart"
