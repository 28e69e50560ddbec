"""Opportunities put into the database as they are to stand, past the service."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.pipeline.domain import money
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from tests.integration.pipeline.world import STAGE

OUTCOME = {
    "phone-call": "open",
    "first-visit": "open",
    "second-visit": "open",
    "follow-up-call": "won",
    "lost-customer": "lost",
    "expired": "expired",
}
PROBABILITY = {
    "phone-call": 15,
    "first-visit": 35,
    "second-visit": 65,
    "follow-up-call": 100,
    "lost-customer": 0,
    "expired": 0,
}
Key = tuple[Any, ...]
Sums = dict[Key, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Opportunity:
    """What is of consequence to forecasts; `day` is when it is expected to close or was closed."""

    value: int
    day: date
    stage: str = "phone-call"
    sellers: Mapping[str, int] = field(default_factory=dict)
    currency: str = "EUR"
    probability: int | None = None
    type: int | None = None
    customer_id: UUID | None = None


class Rows:
    """Writes opportunities by SQL, and counts by hand what there is."""

    def __init__(self, service: Service, customer_id: UUID) -> None:
        self.service = service
        self._customer_id = customer_id
        self.stages: dict[str, int] = {}
        self.types: list[int] = []

    async def begin(self) -> "Rows":
        """Look up which keys the installed stages and types have."""
        found = await self.read("SELECT list, number, key FROM list_value ORDER BY number")
        keys = {(row.list, row.number): row.key for row in found}
        self.stages = {name: keys["stage", number] for name, number in STAGE.items()}
        self.types = [keys["opportunity_type", 1], keys["opportunity_type", 2]]
        return self

    async def add(self, *opportunities: Opportunity) -> list[UUID]:
        """Insert all in one statement; return their ids."""
        ids = [new_id() for _ in opportunities]
        rows = [self._row(*one) for one in zip(ids, opportunities, strict=True)]
        await self.write(_INSERT, rows=json.dumps(rows, default=str))
        return ids

    async def write(self, *statements: str, **values: Any) -> None:
        """Run statements in one transaction."""
        async with self.service.engine.begin() as connection:
            for statement in statements:
                used = {name: one for name, one in values.items() if f":{name}" in statement}
                await connection.execute(text(statement), used)

    async def read(self, statement: str) -> Any:
        """Return what a statement finds."""
        async with self.service.engine.connect() as connection:
            return (await connection.execute(text(statement))).all()

    async def recounted(self) -> tuple[Sums, Sums]:
        """Return what both rollups have to hold, counted by hand with the domain's arithmetic."""
        live = "deleted_at IS NULL AND outcome IN ('open', 'won')"
        shares: Counter[tuple[Key, str]] = Counter()
        shared: Counter[Key] = Counter()
        for row in await self.read(f"SELECT * FROM opportunity WHERE {live}"):  # noqa: S608
            day = row.closed_on or row.expected_close.replace(day=1)
            rest = (row.currency, row.stage, row.type or 0, row.probability)
            weights = row.weights or [100]
            expected = money.weighted(row.value, row.probability)
            parts = zip(
                row.sellers or [""],
                money.shares(row.value, weights),
                money.shares(expected, weights),
                strict=True,
            )
            for seller, value, weighted in parts:
                shares[(day, seller, *rest), "value"] += value
                shares[(day, seller, *rest), "weighted"] += weighted
                shares[(day, seller, *rest), "opportunities"] += 1
            if len(row.sellers) > 1:
                shared[(day, tuple(sorted(row.sellers)), *rest)] += 1
        sums = ("value", "weighted", "opportunities")
        keys = {key for key, _ in shares}
        return (
            {key: tuple(shares[key, one] for one in sums) for key in keys},
            {key: (number,) for key, number in shared.items()},
        )

    async def kept(self) -> tuple[Sums, Sums]:
        """Return what both rollups hold."""
        shares = await self.read("SELECT * FROM forecast_share")
        shared = await self.read("SELECT * FROM forecast_shared")
        return (
            {tuple(row[:6]): tuple(row[6:]) for row in shares},
            {(row.day, tuple(row.sellers), *row[2:6]): (row.opportunities,) for row in shared},
        )

    def _row(self, opportunity_id: UUID, one: Opportunity) -> dict[str, Any]:
        outcome = OUTCOME[one.stage]
        return {
            "opportunity_id": opportunity_id,
            "customer_id": one.customer_id or self._customer_id,
            "value": one.value,
            "currency": one.currency,
            "expected_close": one.day,
            "stage": self.stages[one.stage],
            "outcome": outcome,
            "closed_on": None if outcome == "open" else one.day,
            "probability": PROBABILITY[one.stage] if one.probability is None else one.probability,
            "probability_source": "stage" if one.probability is None else "manual",
            "type": None if one.type is None else self.types[one.type - 1],
            "sellers": list(one.sellers),
            "weights": list(one.sellers.values()),
        }


def total(sums: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the sums of sums."""
    return tuple(map(sum, zip(*sums, strict=True)))


_INSERT = """
    INSERT INTO opportunity (opportunity_id, version, customer_id, name, value, currency,
                             expected_close, pipeline, stage, outcome, closed, closed_on,
                             entered_at, probability, probability_source, type, sellers, weights,
                             position, created_at, updated_at)
    SELECT opportunity_id, 1, customer_id, 'Uusi kone', new.value, currency, expected_close,
           stage.parent, stage.key, outcome, outcome <> 'open', closed_on, '2026-01-01',
           probability, probability_source, type, sellers, weights, 1, '2026-01-01', '2026-01-01'
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (
        opportunity_id uuid, customer_id uuid, value bigint, currency text, expected_close date,
        stage int, outcome text, closed_on date, probability smallint, probability_source text,
        type int, sellers text[], weights smallint[])
    JOIN list_value AS stage ON stage.key = new.stage
"""
