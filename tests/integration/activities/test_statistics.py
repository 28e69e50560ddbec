"""Statistics equal a recount by hand, whatever they are by; and what cannot be asked is refused."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from shared.chassis.service import Service
from shared.projection.store import ValueRow, save_values
from tests.integration.activities.scattered import Scattered, scattered
from tests.integration.activities.world import World

PATH = "/v1/activity-statistics"
# Group 1 is above 2 and 3; 4 stands alone.
ABOVE = {2: 1, 3: 1}
MEMBERS = (
    (2, "seller.0", None, None),
    (3, "seller.0", None, None),
    (3, "seller.1", 40, 20),
    (2, "seller.1", 30, 10),
    (4, "seller.2", 25, None),
)
TREE = {"customer_group/2": "customer_group/1", "customer_group/3": "customer_group/2"}
HELD = (
    ("customer_type/1", "customer_group/1"),
    ("customer_type/2", "customer_group/2"),
    ("customer_type/2", "customer_group/3"),
    ("customer_type/1", "customer_group/2", "customer_group/3"),
    (),
    ("customer_type/1",),
)


def group_id(number: int) -> str:
    return str(UUID(int=number))


class Recount:
    """Counts by hand what the statistics count."""

    def __init__(self, made: Scattered, today: date) -> None:
        self.made = made
        self.today = today
        self.held = dict(zip(made.customers, HELD, strict=True))
        # The sixth was merged into the second.
        self.held[made.customers[5]] = self.held[made.customers[1]]

    def groups(self, row: dict[str, Any]) -> set[str]:
        found = set()
        for group, seller, since, until in MEMBERS:
            first = date.min if since is None else self.today - timedelta(days=since)
            last = date.max if until is None else self.today - timedelta(days=until)
            if row["seller"] == seller and first <= row["day"] <= last:
                found |= {group, ABOVE.get(group, group)}
        return {group_id(one) for one in found}

    def values(self, row: dict[str, Any], name: str) -> set[str]:
        found = set()
        for token in self.held[row["customer_id"]]:
            one: str | None = token
            while one is not None and one.startswith(f"{name}/"):
                found.add(one.partition("/")[2])
                one = TREE.get(one)
        return found

    def keys(self, row: dict[str, Any], dimension: str) -> set[Any]:
        monday = row["day"] - timedelta(days=row["day"].weekday())
        numbers: dict[str, Callable[[], set[Any]]] = {
            "category": lambda: {str(self.made.categories.index(row["category"]) + 1)},
            "kind": lambda: {str(self.made.kinds.index(row["kind"]) + 1)},
            "attribute": lambda: {
                str(self.made.attributes.index(x) + 1) for x in row["attributes"]
            },
            "seller": lambda: {row["seller"]},
            "group": lambda: self.groups(row),
            "day": lambda: {str(row["day"])},
            "week": lambda: {str(monday)},
            "month": lambda: {str(row["day"].replace(day=1))},
            "customer_type": lambda: self.values(row, "customer_type"),
            "customer_group": lambda: self.values(row, "customer_group"),
        }
        return numbers[dimension]() or {None}

    def lines(self, rows: list[dict[str, Any]], *by: str) -> dict[tuple[Any, ...], tuple[int, int]]:
        counts: Counter[tuple[Any, ...]] = Counter()
        for row in rows:
            for pair in product(*(self.keys(row, one) for one in by)):
                counts[pair, row["state"]] += 1
        pairs = {pair for pair, _ in counts}
        return {pair: (counts[pair, "done"], counts[pair, "open"]) for pair in pairs}


@pytest.fixture
async def recount(activities: Service, world: World) -> Recount:
    """Activities of three sellers in four groups, with six customers of which one was merged."""
    made = await scattered(activities, world, count=400, days=50)
    async with activities.units() as unit:
        today = unit.now.date()
        for number in range(1, 5):
            await unit.connection.execute(
                text(
                    "INSERT INTO user_group (group_id, version, title, parent_id) "
                    "VALUES (:id, 1, :title, :above)"
                ),
                {
                    "id": UUID(int=number),
                    "title": f"Team {number}",
                    "above": UUID(int=ABOVE[number]) if number in ABOVE else None,
                },
            )
        for group, seller, since, until in MEMBERS:
            await unit.connection.execute(
                text("INSERT INTO user_group_member VALUES (:id, :seller, :since, :until)"),
                {
                    "id": UUID(int=group),
                    "seller": seller,
                    "since": date.min if since is None else today - timedelta(days=since),
                    "until": None if until is None else today - timedelta(days=until),
                },
            )
        tokens = sorted({token for held in HELD for token in held})
        await save_values(
            unit.connection,
            [
                ValueRow(
                    token,
                    token.partition("/")[0],
                    int(token.partition("/")[2]),
                    1,
                    f"={token}",
                    {"fi": f"suomeksi {token}"},
                    TREE.get(token),
                    removed=False,
                )
                for token in tokens
            ],
        )
        for customer_id, held in zip(made.customers, HELD, strict=True):
            await unit.connection.execute(
                text(
                    "UPDATE customer SET held = :held, merged_into = :into, deleted = :deleted "
                    "WHERE customer_id = :id"
                ),
                {
                    "held": list(held),
                    "id": customer_id,
                    "into": made.customers[1] if customer_id == made.customers[5] else None,
                    "deleted": customer_id == made.customers[5],
                },
            )
        # What is deleted is in no statistics.
        await unit.connection.execute(
            text("UPDATE activity SET deleted_at = now() WHERE activity_id = ANY(:ids)"),
            {"ids": made.activities[:50]},
        )
    del made.rows[:50]
    return Recount(made, today)


async def asked(api: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await api.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def period(recount: Recount, days: int = 60) -> dict[str, str]:
    return {"since": str(recount.today - timedelta(days=days)), "until": str(recount.today)}


ALL = (
    "category",
    "kind",
    "attribute",
    "seller",
    "group",
    "day",
    "week",
    "month",
    "customer_type",
    "customer_group",
)
EXCLUSIVE = {"category", "kind", "seller", "day", "week", "month", "customer_type"}


@pytest.mark.requirement("LE-08")
async def test_every_thing_and_every_pair_equals_a_recount(
    api: httpx.AsyncClient, recount: Recount
) -> None:
    rows = recount.made.rows
    done = sum(row["state"] == "done" for row in rows)
    total = {"activities": len(rows), "done": done, "open": len(rows) - done}
    for by in [(one,) for one in ALL] + [pair for pair in product(ALL, ALL) if pair[0] < pair[1]]:
        params = {"by": by[0], **({"and": by[1]} if len(by) > 1 else {})}
        body = await asked(api, **period(recount), **params)
        found = {
            (one["by"], one["and_by"])[: len(by)]: (one["done"], one["open"])
            for one in body["lines"]
        }
        assert found == recount.lines(rows, *by), by
        assert len(body["lines"]) == len(found)
        assert body["total"] == total, by
        if set(by) <= EXCLUSIVE:
            assert body["adds_up"] is True, by


@pytest.mark.requirement("LE-08")
async def test_filters_equal_a_recount(api: httpx.AsyncClient, recount: Recount) -> None:
    holds: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = {
        "seller": (
            {"seller": ["seller.0", "seller.1"]},
            lambda row: row["seller"] in ("seller.0", "seller.1"),
        ),
        "group": ({"group": group_id(1)}, lambda row: group_id(1) in recount.groups(row)),
        "category": (
            {"category": [1, 2]},
            lambda row: row["category"] in recount.made.categories[:2],
        ),
        "kind": ({"kind": 2}, lambda row: row["kind"] == recount.made.kinds[1]),
        "attribute": (
            {"attribute": [1, 3]},
            lambda row: bool({"1", "3"} & recount.keys(row, "attribute")),
        ),
        "held": (
            {"held": "customer_group/2"},
            lambda row: "2" in recount.values(row, "customer_group"),
        ),
        "days": (
            {"since": str(recount.today - timedelta(days=7))},
            lambda row: row["day"] >= recount.today - timedelta(days=7),
        ),
        "nothing": ({"category": 99}, lambda row: False),
    }
    for filters in ["seller", "group", "category", "kind", "attribute", "held", "days", "nothing"]:
        params, keep = holds[filters]
        rows = [row for row in recount.made.rows if keep(row)]
        for by in ("category", "week", "group", "customer_type", "attribute"):
            body = await asked(api, **{**period(recount), "by": by, **params})
            found = {(one["by"],): (one["done"], one["open"]) for one in body["lines"]}
            assert found == recount.lines(rows, by), (filters, by)
            assert body["total"]["activities"] == len(rows)


@pytest.mark.requirement("LE-08")
async def test_what_is_removed_or_lies_in_another_list_is_not_below_a_value(
    activities: Service, api: httpx.AsyncClient, recount: Recount
) -> None:
    async with activities.units() as unit:
        for change in (
            "UPDATE classification SET removed = true WHERE token = 'customer_group/3'",
            "UPDATE classification SET above = 'customer_type/1' WHERE token = 'customer_group/1'",
        ):
            await unit.connection.execute(text(change))
    recount.held = {
        customer_id: tuple(token for token in held if token != "customer_group/3")
        for customer_id, held in recount.held.items()
    }
    for by in ("customer_group", "customer_type"):
        found = {
            (one["by"],): (one["done"], one["open"])
            for one in (await asked(api, **period(recount), by=by))["lines"]
        }
        assert found == recount.lines(recount.made.rows, by)


@pytest.mark.requirement("LE-08")
async def test_tables_have_labels_and_run_no_formula(
    api: httpx.AsyncClient, recount: Recount
) -> None:
    params = {**period(recount), "by": "customer_type", "and": "kind", "format": "csv"}
    plain = await api.get(PATH, params=params)
    assert plain.headers["content-type"].startswith("text/csv")
    assert "attachment" in plain.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(plain.text)))
    assert {row["label"] for row in rows} == {"'=customer_type/1", "'=customer_type/2", ""}
    assert {row["and_label"] for row in rows} == {"Events", "Sales", "Marketing"}
    finnish = await api.get(PATH, params={**params, "language": "fi"})
    rows = list(csv.DictReader(io.StringIO(finnish.text)))
    assert {row["label"] for row in rows} >= {"suomeksi customer_type/1"}
    assert {row["and_label"] for row in rows} == {"Tapahtumat", "Myynti", "Markkinointi"}
    assert sum(int(row["activities"]) for row in rows) == len(recount.made.rows)


async def test_weeks_and_months_are_called_by_their_names(
    api: httpx.AsyncClient, recount: Recount
) -> None:
    for by, name in (("week", "%G-W%V"), ("month", "%Y-%m")):
        for line in (await asked(api, **period(recount), by=by))["lines"]:
            assert line["label"] == date.fromisoformat(line["by"]).strftime(name)


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"by": "colour"}, "customer_type"),
        ({"by": "kind", "and": "kind"}, "same"),
        ({"by": "kind", "since": "2027-01-01", "until": "2026-01-01"}, "before"),
        ({"by": "kind", "since": "2020-01-01", "until": "2026-01-01"}, "five years"),
        ({"by": "x;y"}, "by"),
        ({"by": "kind", "held": "customer_type"}, "held"),
        ({"by": "kind", "group": "x"}, "group"),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    api: httpx.AsyncClient, recount: Recount, params: dict[str, str], word: str
) -> None:
    answer = await api.get(PATH, params={**period(recount), **params})
    assert answer.status_code == 422, answer.text
    assert word in answer.text
    assert answer.json()["remedy"]


async def test_more_lines_than_anybody_reads_are_refused(
    api: httpx.AsyncClient, recount: Recount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.activities.handlers.count_activities.MOST_LINES", 10)
    answer = await api.get(PATH, params={**period(recount), "by": "day", "and": "seller"})
    assert (answer.status_code, answer.json()["slug"]) == (422, "too_many_lines")
