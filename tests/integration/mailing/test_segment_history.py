"""Who was a member, who came and left and why: as of moments, by days, and between segments."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest

from shared.chassis.testing.servers import Postgres
from tests.integration.mailing.conftest import client_of
from tests.integration.mailing.rig import Rig, contact_saved, open_rig
from tests.integration.mailing.test_explanations import SAUNA, Clock
from tests.integration.mailing.test_segments import make

OTHER: dict[str, Any] = {"op": "has_attribute", "number": 8}
ZONE = ZoneInfo("Europe/Helsinki")


async def pages(api: httpx.AsyncClient, url: str, **asked: Any) -> list[dict[str, Any]]:
    """Return all rows of a list, read by pages of two."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await api.get(url, params={**asked, "limit": "2", **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def ids(rows: list[dict[str, Any]]) -> set[UUID]:
    return {UUID(one["contact_id"]) for one in rows}


async def test_the_past_adds_up_at_every_moment(postgres: Postgres) -> None:
    """Members as of moments, differences, changes and growth all say what was seen then."""
    chance, clock = random.Random(1), Clock()
    people = [uuid4() for _ in range(7)]
    seen: list[tuple[datetime, set[UUID]]] = [(clock.now - timedelta(days=1), set())]
    async with open_rig(postgres, clock=clock) as rig, client_of(rig) as api:
        await rig.hear(*(contact_saved(one, attributes=(7,)) for one in people[:3]))
        url = f"/v1/segments/{await make(api, SAUNA)}"
        for version in range(2, 30):
            seen.append((clock.now, ids(await pages(api, f"{url}/members"))))
            clock.now += timedelta(hours=chance.randint(1, 30))
            some = chance.sample(people, 2)
            ticks = [(7,) if chance.random() < 0.5 else () for _ in some]
            await rig.hear(
                *(
                    contact_saved(one, version, attributes=tick)
                    for one, tick in zip(some, ticks, strict=True)
                )
            )
        seen.append((clock.now, ids(await pages(api, f"{url}/members"))))
        clock.now += timedelta(hours=1)

        changes = await pages(api, f"{url}/changes")
        assert [one["position"] for one in changes] == sorted(one["position"] for one in changes)
        for at, members in seen:
            assert ids(await pages(api, f"{url}/members", at=at.isoformat())) == members, at
        for (at, members), (other_at, others) in zip(seen, seen[5:], strict=False):
            two = {"at": at.isoformat(), "other_at": other_at.isoformat()}
            rows = await pages(api, f"{url}/differences", **two)
            assert ids([one for one in rows if one["side"] == "entered"]) == others - members
            assert ids([one for one in rows if one["side"] == "left"]) == members - others
            between = {"after": at.isoformat(), "before": other_at.isoformat()}
            assert await pages(api, f"{url}/changes", **between) == [
                one for one in changes if at <= datetime.fromisoformat(one["at"]) < other_at
            ]
        of_one = await pages(api, f"{url}/changes", contact_id=str(people[0]))
        assert of_one == [one for one in changes if one["contact_id"] == str(people[0])]

        for by, days in (("day", 1), ("week", 7)):
            first, last = date(2026, 6, 3), date(2026, 7, 1)
            asked = {"from_day": str(first), "before_day": str(last), "by": by}
            steps = (await api.get(f"{url}/growth", params=asked)).json()["items"]
            edges = [datetime.fromisoformat(f"{one['from_day']}T00:00").replace(tzinfo=ZONE)
                     for one in steps] + [datetime(2026, 7, 1, tzinfo=ZONE)]  # fmt: skip
            assert all(end - start <= timedelta(days, hours=1) for start, end in pairwise(edges))
            for step, start, end in zip(steps, edges[:-1], edges[1:], strict=True):
                inside = [
                    one for one in changes if start <= datetime.fromisoformat(one["at"]) < end
                ]
                then = end - timedelta(microseconds=1)
                if then <= clock.now:
                    members = ids(await pages(api, f"{url}/members", at=then.isoformat()))
                    assert step["members"] == len(members)
                for side, entered in (("entered", True), ("left", False)):
                    wanted = [one for one in inside if one["entered"] is entered]
                    assert sum(step[side].values()) == len(wanted)
                    assert set(step[side]) == {one["cause"] for one in wanted}


async def test_causes_name_the_event_the_rule_and_the_pin(rig: Rig, api: httpx.AsyncClient) -> None:
    person = await rig.contact(attributes=(7,), first_name="Aino")
    segment = await make(api, SAUNA)
    url = f"/v1/segments/{segment}"
    await rig.contact(contact_id=person, version=2, first_name="Aino")
    await api.put(f"{url}/pins/{person}", json={"inside": True})
    changes = await pages(api, f"{url}/changes")
    assert [(one["entered"], one["cause"]) for one in changes] == [
        (True, "rule"),
        (False, "event"),
        (True, "pin"),
    ]
    ((told_by,),) = await rig.rows("SELECT told_by FROM contact")
    assert (changes[1]["told_type"], changes[1]["told_by"]) == (
        "customers.contact-saved.v1",
        told_by,
    )
    assert {one["first_name"] for one in changes} == {"Aino"}
    (one,) = await pages(api, f"/v1/memberships/{person}")
    assert (one["segment_id"], one["cause"], one["pinned"]) == (segment, "pin", True)
    assert one["since"] == changes[-1]["at"]


async def test_two_segments_are_compared(rig: Rig, api: httpx.AsyncClient) -> None:
    both, here, there = [
        await rig.contact(attributes=attributes) for attributes in ((7, 8), (7,), (8,))
    ]
    await rig.contact()
    one, other = await make(api, SAUNA), await make(api, OTHER)
    rows = await pages(api, f"/v1/segments/{one}/differences", **{"with": other})
    assert {(UUID(row["contact_id"]), row["side"]) for row in rows} == {
        (here, "here"),
        (there, "there"),
    }
    assert {row["segment_id"] for row in await pages(api, f"/v1/memberships/{both}")} == {
        one,
        other,
    }


@pytest.mark.parametrize(
    ("path", "asked", "slug"),
    [
        ("differences", {}, "invalid_field"),
        ("differences", {"at": "2026-01-01T00:00:00Z", "with": str(uuid4())}, "invalid_field"),
        ("differences", {"with": str(uuid4())}, "segment_not_found"),
        ("differences", {"at": "2199-01-01T00:00:00Z"}, "invalid_field"),
        ("members", {"at": "2199-01-01T00:00:00Z"}, "moment_not_known"),
        ("growth", {"from_day": "2026-02-01", "before_day": "2026-02-01"}, "invalid_field"),
        ("growth", {"from_day": "2020-01-01", "before_day": "2026-02-01", "by": "day"},
         "too_many_steps"),
    ],
)  # fmt: skip
async def test_what_cannot_be_told_is_refused(
    rig: Rig, api: httpx.AsyncClient, path: str, asked: dict[str, str], slug: str
) -> None:
    segment = await make(api, SAUNA)
    answer = await api.get(f"/v1/segments/{segment}/{path}", params=asked)
    assert answer.json()["slug"] == slug, answer.text
    assert (await api.get(f"/v1/memberships/{uuid4()}")).json()["slug"] == "contact_not_found"


async def test_moments_never_go_back_whoever_commits_later(
    rig: Rig, api: httpx.AsyncClient
) -> None:
    person = await rig.contact(attributes=(7,))
    await make(api, SAUNA)
    ahead = datetime.now(UTC) + timedelta(hours=1)
    await rig.change("UPDATE member_change SET at = :at", at=ahead)
    await rig.contact(contact_id=person, version=2)
    assert await rig.rows("SELECT at, entered FROM member_change ORDER BY position") == [
        (ahead, True),
        (ahead, False),
    ]
