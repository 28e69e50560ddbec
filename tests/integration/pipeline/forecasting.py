"""A pipeline of many sorts, and its forecast counted by hand, share by share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx

from services.pipeline.domain import money
from shared.chassis.service import Service
from shared.projection.store import ValueRow, save_values
from tests.integration.pipeline.rows import OUTCOME, PROBABILITY, Opportunity, Rows
from tests.integration.pipeline.world import STAGE, World

PATH = "/v1/forecasts"
# Group 1 is above 2 and 3; 4 stands alone, and 5 is removed.
ABOVE = {2: 1, 3: 1}
# Days before today, both included; one is in two groups below one, one changes, one leaves.
MEMBERS = (
    (2, "seller.0", None, None),
    (3, "seller.0", None, None),
    (3, "seller.1", 60, 30),
    (4, "seller.1", 29, None),
    (2, "seller.2", 90, 10),
    (1, "seller.3", None, None),
    (5, "seller.4", None, None),
)
TREE = {"customer_group/2": "customer_group/1", "customer_group/3": "customer_group/2"}
HELD = (
    ("customer_status/1", "customer_group/1"),
    ("customer_status/2", "customer_group/2"),
    ("customer_status/2", "customer_group/3"),
    ("customer_status/1", "customer_group/2", "customer_group/3"),
    (),
    ("customer_status/1",),
)
SPLITS = (
    {},
    {"seller.0": 100},
    {"seller.1": 100},
    {"seller.4": 100},
    {"seller.0": 67, "seller.1": 33},
    {"seller.2": 34, "seller.0": 33, "seller.3": 33},
)
MEASURES = ("won", "weighted", "best", "worst", "committed", "open")


def group_id(number: int) -> str:
    return str(UUID(int=number))


def today() -> date:
    return datetime.now(ZoneInfo("Europe/Helsinki")).date()


def shifted(day: date, months: int) -> date:
    """Return the first of the month so many months from that of a day."""
    month = 12 * day.year + day.month - 1 + months
    return date(month // 12, month % 12 + 1, 1)


async def make_groups(rows: Rows) -> None:
    """Make the groups and put sellers into them."""
    day = today()
    for number in range(1, 6):
        above = ABOVE.get(number)
        await rows.write(
            "INSERT INTO user_group (group_id, version, title, kind, parent_id, created_at, "
            "updated_at, deleted_at) VALUES (:id, 1, :title, 'sales', :above, now(), now(), "
            "CASE WHEN :number = 5 THEN now() END)",
            id=UUID(int=number),
            title=f"Group {number}",
            above=above and UUID(int=above),
            number=number,
        )
    for group, seller, since, until in MEMBERS:
        await rows.write(
            "INSERT INTO user_group_member VALUES (:id, :seller, :since, :until)",
            id=UUID(int=group),
            seller=seller,
            since=date(2000, 1, 1) if since is None else day - timedelta(days=since),
            until=None if until is None else day - timedelta(days=until),
        )


async def make_customers(service: Service, world: World) -> dict[UUID, tuple[str, ...]]:
    """Make customers with what they hold; the sixth was merged into the second."""
    values = [
        ValueRow(
            f"{name}/{number}",
            name,
            number,
            version=1,
            title=f"{name} {number}",
            titles={},
            above=TREE.get(f"{name}/{number}"),
            removed=False,
        )
        for name in ("customer_status", "customer_group")
        for number in (1, 2, 3)
    ]
    async with service.units() as unit:
        await save_values(unit.connection, values)
    made: dict[UUID, tuple[str, ...]] = {}
    for held in HELD[:5]:
        made[await world.customer(held=held)] = held
    second = list(made)[1]
    made[await world.customer(held=HELD[5], merged_into=second)] = HELD[1]
    return made


def scattered(
    rows: Rows, customers: Mapping[UUID, Any], *, currencies: tuple[str, ...], seed: int, many: int
) -> list[Opportunity]:
    """Return opportunities of all sorts, from five months ago to six months from now."""
    chance = Random(seed)
    day = today()
    made = []
    for _ in range(many):
        stage = chance.choice(list(OUTCOME))
        opened = OUTCOME[stage] == "open"
        made.append(
            Opportunity(
                value=chance.choice((0, 1, chance.randrange(10_000), chance.randrange(10**7))),
                day=day + timedelta(days=chance.randrange(-150, 180 if opened else 1)),
                stage=stage,
                sellers=chance.choice(SPLITS),
                currency=chance.choice(currencies),
                probability=chance.choice((None, 0, 90, 95)) if opened else None,
                type=chance.choice((None, 1, 2)),
                customer_id=chance.choice(list(customers)),
            )
        )
    return made


@dataclass(frozen=True, slots=True)
class Share:
    """What one seller has in an opportunity."""

    which: int
    one: Opportunity
    seller: str
    value: int
    weighted: int
    probability: int

    @property
    def won(self) -> bool:
        return OUTCOME[self.one.stage] == "won"

    @property
    def row(self) -> tuple[Any, ...]:
        """The row of the rollup that it is in."""
        day = self.one.day if self.won else self.one.day.replace(day=1)
        one = self.one
        return (day, self.seller, one.currency, one.stage, one.type, self.probability)


@dataclass
class Recount:
    """Counts by hand what forecasts sum up."""

    opportunities: list[Opportunity]
    held: Mapping[UUID, tuple[str, ...]]
    # How many of the house's currency one is worth from a day on.
    rates: Mapping[str, Mapping[date, Fraction]] = field(default_factory=dict)
    house: str = "EUR"

    def shares(self) -> list[Share]:
        found = []
        for which, one in enumerate(self.opportunities):
            if OUTCOME[one.stage] not in ("open", "won"):
                continue
            probability = PROBABILITY[one.stage] if one.probability is None else one.probability
            sellers = one.sellers or {"": 100}
            weights = list(sellers.values())
            values = money.shares(one.value, weights)
            expected = money.shares(money.weighted(one.value, probability), weights)
            found += [
                Share(which, one, seller, values[place], expected[place], probability)
                for place, seller in enumerate(sellers)
            ]
        return found

    def groups(self, share: Share) -> set[str]:
        asked_on = share.one.day if share.won else today()
        found: set[int] = set()
        for group, seller, since, until in MEMBERS:
            first = date.min if since is None else today() - timedelta(days=since)
            last = date.max if until is None else today() - timedelta(days=until)
            if share.seller == seller and first <= asked_on <= last and group != 5:
                found |= {group, ABOVE.get(group, group)}
        return {group_id(one) for one in found}

    def keys(self, share: Share, dimension: str) -> set[str | None]:
        day = share.one.day
        match dimension:
            case "month":
                return {f"{day:%Y-%m}"}
            case "quarter":
                return {f"{day.year}-Q{(day.month + 2) // 3}"}
            case "seller":
                return {share.seller or None}
            case "group":
                return set(self.groups(share)) or {None}
            case "pipeline":
                return {"1"}
            case "stage":
                return {str(STAGE[share.one.stage])}
            case "type":
                return {share.one.type and str(share.one.type)}
        assert share.one.customer_id
        found = set()
        for token in self.held[share.one.customer_id]:
            one: str | None = token
            while one is not None and one.startswith(f"{dimension}/"):
                found.add(one.partition("/")[2])
                one = TREE.get(one)
        return set(found) or {None}

    def rate(self, currency: str, day: date) -> Fraction:
        if currency == self.house:
            return Fraction(1)
        known = self.rates[currency]
        return known[max(one for one in known if one <= day)]

    def converted(self, row: tuple[Any, ...], amount: int, currency: str) -> int:
        """Return the amount of a row of the rollup in another currency."""
        day, _, of, stage, *_ = row
        asked_on = day if OUTCOME[stage] == "won" else today()
        exact = (
            Fraction(amount)
            * self.rate(of, asked_on)
            / self.rate(currency, asked_on)
            / 10 ** money.digits_of(of)
            * 10 ** money.digits_of(currency)
        )
        return floor(exact + Fraction(1, 2))

    def lines(
        self,
        by: tuple[str, ...],
        wanted: Callable[[Share], bool] = lambda _: True,
        committed_from: int = 90,
        currency: str | None = None,
    ) -> dict[tuple[str | None, ...], dict[str, int]]:
        """Return sums by keys and currency; with a currency, whole rows are converted at once."""
        if currency:
            assert not {"customer_status", "customer_group"} & set(by)
        # By line, then by row of the rollup: value and expected part.
        found: dict[Any, dict[Any, list[int]]] = {}
        which: dict[Any, set[int]] = {}
        for share in filter(wanted, self.shares()):
            lines = [(key,) for key in self.keys(share, by[0])] if by else [()]
            if len(by) > 1:
                lines = [(*one, key) for one in lines for key in self.keys(share, by[1])]
            for line in lines:
                line = (*line, currency or share.one.currency)
                sums = found.setdefault(line, {}).setdefault(share.row, [0, 0])
                sums[0] += share.value
                sums[1] += share.weighted
                which.setdefault(line, set()).add(share.which)
        lines_of = {}
        for line, rows in found.items():
            sums = dict.fromkeys((*MEASURES, "opportunities"), 0)
            for row, (value, weighted) in rows.items():
                if currency and row[2] != currency:
                    value = self.converted(row, value, currency)
                    weighted = self.converted(row, weighted, currency)
                won = OUTCOME[row[3]] == "won"
                sums["won"] += value * won
                sums["open"] += value * (not won)
                sums["best"] += value
                sums["worst"] += value * won
                sums["weighted"] += weighted
                sums["committed"] += value * (won or row[5] >= committed_from)
            sums["opportunities"] = len(which[line])
            lines_of[line] = sums
        return lines_of


async def asked(api: httpx.AsyncClient, by: tuple[str, ...], **others: Any) -> Any:
    """Return the forecast of all that `scattered` makes."""
    params = {
        "from": f"{shifted(today(), -6):%Y-%m}",
        "to": f"{shifted(today(), 7):%Y-%m}",
        "by": ",".join(by or ("month",)),
        **others,
    }
    answer = await api.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def shown(body: Any, by: tuple[str, ...]) -> dict[tuple[str | None, ...], dict[str, int]]:
    """Return the lines of an answer as `Recount.lines` does."""
    names = ("by", "and_by")[: len(by)]
    sums = (*MEASURES, "opportunities")
    found = {
        (*(line[name] for name in names), line["currency"]): {one: line[one] for one in sums}
        for line in body["lines"]
    }
    assert len(found) == len(body["lines"])
    return found


def totals(body: Any) -> dict[tuple[str | None, ...], dict[str, int]]:
    """Return the totals of an answer as `Recount.lines` does without a dimension."""
    sums = (*MEASURES, "opportunities")
    return {(one["currency"],): {name: one[name] for name in sums} for one in body["totals"]}
