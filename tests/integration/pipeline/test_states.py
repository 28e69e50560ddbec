"""Each state of an opportunity is kept with its time, whatever changes the opportunity."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.chassis.service import Service
from tests.integration.pipeline.rows_asof import BEGIN, RandomHistory, Rows
from tests.integration.pipeline.world import World

MINUTE = timedelta(minutes=1)
LAWS = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
async def rows(pipeline: Service, world: World) -> Rows:
    return await Rows.begin(pipeline, await world.customer())


async def states(rows: Rows, opportunity_id: UUID) -> list[tuple[datetime, datetime | None, int]]:
    found = await rows.asked(
        "SELECT since, until, value FROM opportunity_state WHERE opportunity_id = :id "
        "ORDER BY since",
        id=opportunity_id,
    )
    return [(one.since, one.until, one.value) for one in found]


async def broken(rows: Rows) -> list[UUID]:
    """Return the opportunities whose states have a gap, overlap, are empty or have no end."""
    found = await rows.asked(
        """
        SELECT DISTINCT opportunity_id
        FROM (SELECT opportunity_id, since, until, created_at,
                     lead(since) OVER one AS next, lag(since) OVER one AS before
              FROM opportunity_state JOIN opportunity USING (opportunity_id)
              WINDOW one AS (PARTITION BY opportunity_id ORDER BY since)) AS state
        WHERE until IS DISTINCT FROM next OR until <= since
           OR before IS NULL AND since <> created_at
        """
    )
    return [one.opportunity_id for one in found]


@pytest.mark.requirement("TS-31")
@given(seed=st.integers(0, 2**32), length=st.integers(1, 25))
@LAWS
async def test_the_state_that_holds_at_each_moment_is_what_the_table_was(
    rows: Rows, seed: int, length: int
) -> None:
    await rows.empty()
    history = RandomHistory(rows, seed)
    tables = {}
    for _ in range(length):
        history.wait()
        await history.happens()
        tables[history.now] = await history.table()

    assert not await broken(rows)
    moments = sorted(tables)
    for place, moment in enumerate(moments):
        until = moments[place + 1] if place + 1 < len(moments) else moment + timedelta(days=1)
        for at in (moment, until - timedelta(microseconds=1)):
            held = await rows.asked(
                "SELECT * FROM opportunity_state "
                "WHERE since <= :at AND (until IS NULL OR until > :at)",
                at=at,
            )
            assert len({one.opportunity_id for one in held}) == len(held)
            assert {
                one.opportunity_id: {
                    name: value
                    for name, value in one._mapping.items()
                    if name not in ("since", "until")
                }
                for one in held
            } == {key: dict(row) for key, row in tables[moment].items()}


@given(
    seed=st.integers(0, 2**32),
    jumps=st.lists(st.integers(-3, 3), min_size=1, max_size=20),
)
@LAWS
async def test_a_clock_that_goes_back_makes_neither_gap_nor_overlap(
    rows: Rows, seed: int, jumps: list[int]
) -> None:
    await rows.empty()
    history = RandomHistory(rows, seed)
    for jump in jumps:
        history.now += jump * MINUTE
        await history.happens()

    assert not await broken(rows)
    held = await rows.asked("SELECT * FROM opportunity_state WHERE until IS NULL")
    table = await history.table()
    assert len(held) == len(table)
    for one in held:
        row = table[one.opportunity_id]
        assert {name: one._mapping[name] for name in row} == dict(row)


async def test_several_changes_at_one_moment_leave_the_last(rows: Rows) -> None:
    one = await rows.add(BEGIN, value=1)
    await rows.change(BEGIN, one, value=2)
    await rows.change(BEGIN + MINUTE, one, value=3)
    await rows.change(BEGIN + MINUTE, one, value=4)
    assert await states(rows, one) == [
        (BEGIN, BEGIN + MINUTE, 2),
        (BEGIN + MINUTE, None, 4),
    ]


async def test_what_was_recorded_with_an_earlier_moment_changes_the_present_state(
    rows: Rows,
) -> None:
    one = await rows.add(BEGIN, value=1)
    await rows.change(BEGIN + MINUTE, one, value=2)
    await rows.change(BEGIN + MINUTE / 2, one, value=3)
    assert await states(rows, one) == [
        (BEGIN, BEGIN + MINUTE, 1),
        (BEGIN + MINUTE, None, 3),
    ]


async def test_what_is_no_part_of_a_state_writes_nothing(rows: Rows) -> None:
    one = await rows.add(BEGIN)
    await rows.change(
        BEGIN + MINUTE, one, name="Another", memo="Called", position=7, stale_reason="no_activity"
    )
    assert await states(rows, one) == [(BEGIN, None, 10_000)]


async def test_deletion_and_restoration_are_states(rows: Rows) -> None:
    one = await rows.add(BEGIN)
    await rows.change(BEGIN + MINUTE, one, deleted_at=BEGIN + MINUTE)
    await rows.change(BEGIN + 2 * MINUTE, one, deleted_at=None)
    found = await rows.asked(
        "SELECT deleted FROM opportunity_state WHERE opportunity_id = :id ORDER BY since", id=one
    )
    assert [state.deleted for state in found] == [False, True, False]


async def test_a_statement_that_changes_many_at_moments_of_their_own_keeps_each(
    rows: Rows,
) -> None:
    ids = [await rows.add(BEGIN, value=0) for _ in range(5)]
    await rows.run(
        "UPDATE opportunity SET value = place, updated_at = created_at + place * interval '1 hour' "
        "FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS one (id, place) "
        "WHERE opportunity_id = id",
        ids=ids,
    )
    for place, one in enumerate(ids, start=1):
        moment = BEGIN + timedelta(hours=place)
        assert await states(rows, one) == [(BEGIN, moment, 0), (moment, None, place)]
