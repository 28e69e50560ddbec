"""Whatever happens, progress is what a recount from scratch gives (LE-A4, LE-A5)."""

import os
from random import Random

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.chassis.service import Service
from tests.integration.activities.recounting import ACTIONS, Step, begin

EXAMPLES = int(os.environ.get("SUHDE_SEQUENCES", "6"))
EDITS = 1000
CHECKED_EVERY = 125
SEEDS = range(int(os.environ.get("SUHDE_SEEDS", "1")))
CHOICE = st.integers(0, 1000)
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTIONS), CHOICE, CHOICE, CHOICE), min_size=10, max_size=50
)
ZONES = ("Europe/Helsinki", "America/New_York", "Pacific/Auckland")


@pytest.mark.requirement("LE-17", "LE-A4", "LE-A5", "LE-A6")
@pytest.mark.parametrize("zone", ZONES)
@given(steps=STEPS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_no_sequence_of_events_loses_or_doubles_a_piece(
    activities: Service, api: httpx.AsyncClient, zone: str, steps: list[Step]
) -> None:
    happenings = await begin(activities, api, zone)
    for step in steps:
        await happenings.take(step)
    await happenings.check()


@pytest.mark.requirement("LE-17", "LE-A4", "LE-A5")
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_thousand_edits_later_every_sum_is_right(
    activities: Service, api: httpx.AsyncClient, seed: int
) -> None:
    chance = Random(seed)
    happenings = await begin(activities, api, ZONES[seed % len(ZONES)])
    for edit in range(1, EDITS + 1):
        one, two, three = (chance.randrange(1001) for _ in range(3))
        await happenings.take((chance.choice(ACTIONS), one, two, three))
        if edit % CHECKED_EVERY == 0:
            await happenings.check()
    never = set(ACTIONS) - set(happenings.happened)
    assert not never, "everything has happened"
