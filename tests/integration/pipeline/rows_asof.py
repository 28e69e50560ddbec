"""Opportunities put into the table by SQL, at any moment of the past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, text

from services.pipeline.domain.lists import Outcome
from services.pipeline.persistence.tables import metadata
from shared.chassis.ids import new_id
from shared.chassis.service import Service
from tests.integration.pipeline.world import STAGE

OPPORTUNITY = metadata.tables["opportunity"]
BEGIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SELLERS = ("anna.k", "ville.s", "noor.h")
CURRENCIES = ("EUR", "SEK", "JPY")
VALUES = (0, 1, 7, 999, 12_345, 250_001)
WEIGHTS = {0: (), 1: (100,), 2: (67, 33), 3: (50, 10, 40)}
DAYS = tuple(date(2026, month, day) for month in (1, 2, 3, 4) for day in (1, 17, 28))


@dataclass(frozen=True)
class Step:
    """What a stage says."""

    key: int
    number: int
    outcome: str
    closed: bool
    probability: int


class Rows:
    """Writes rows of `opportunity`, as whatever changes opportunities would."""

    def __init__(self, service: Service, customer_id: UUID) -> None:
        self.service = service
        self.customer_id = customer_id
        self.stages: dict[str, Step] = {}
        self.pipeline = 0

    @classmethod
    async def begin(cls, service: Service, customer_id: UUID) -> "Rows":
        """Return a writer of opportunities of this customer."""
        rows = cls(service, customer_id)
        for one in await rows.asked(
            "SELECT key, number, parent, facts FROM list_value WHERE list = 'stage'"
        ):
            name = next((name for name, number in STAGE.items() if number == one.number), None)
            if name is not None:
                facts = one.facts
                rows.stages[name] = Step(
                    one.key,
                    one.number,
                    facts.get("outcome") or "open",
                    bool(facts.get("closed")),
                    facts["probability"],
                )
                rows.pipeline = one.parent
        return rows

    async def asked(self, statement: str, **values: Any) -> Sequence[Any]:
        async with self.service.engine.connect() as connection:
            return (await connection.execute(text(statement), values)).all()

    async def run(self, statement: str, **values: Any) -> None:
        async with self.service.engine.begin() as connection:
            await connection.execute(text(statement), values)

    async def empty(self) -> None:
        """Forget all opportunities, as no service ever does."""
        await self.run("TRUNCATE opportunity CASCADE")

    def at_stage(self, stage: str, *, closed_on: date | None = None) -> dict[str, Any]:
        """Return the columns that follow from a stage."""
        step = self.stages[stage]
        return {
            "stage": step.key,
            "outcome": step.outcome,
            "closed": step.closed,
            "probability": step.probability,
            "closed_on": None if step.outcome == Outcome.OPEN else closed_on or DAYS[0],
        }

    async def add(self, at: datetime, stage: str = "phone-call", **said: Any) -> UUID:
        """Add an opportunity at a moment; return its id."""
        opportunity_id = new_id()
        row = {
            "opportunity_id": opportunity_id,
            "version": 1,
            "customer_id": self.customer_id,
            "name": f"Opportunity {opportunity_id.hex[-4:]}",
            "value": 10_000,
            "currency": "EUR",
            "expected_close": DAYS[4],
            "pipeline": self.pipeline,
            "entered_at": at,
            "probability_source": "stage",
            "sellers": ["anna.k"],
            "weights": [100],
            "position": 1,
            "created_at": at,
            "updated_at": at,
            **self.at_stage(stage, closed_on=said.pop("closed_on", None)),
            **said,
        }
        await self._do(OPPORTUNITY.insert().values(row))
        return opportunity_id

    async def change(self, at: datetime, *opportunity_ids: UUID, **said: Any) -> None:
        """Change columns of opportunities in one statement, at a moment."""
        if "stage" in said:
            stage = said.pop("stage")
            said = {
                **self.at_stage(stage, closed_on=said.get("closed_on")),
                "entered_at": at,
                **{name: value for name, value in said.items() if name != "closed_on"},
            }
        changed = OPPORTUNITY.update().where(OPPORTUNITY.c.opportunity_id.in_(opportunity_ids))
        await self._do(
            changed.values(said | {"updated_at": at, "version": OPPORTUNITY.c.version + 1})
        )

    async def _do(self, statement: Executable) -> None:
        async with self.service.engine.begin() as connection:
            await connection.execute(statement)


class RandomHistory:
    """Does things to opportunities at random; the moment of each is later, or the same."""

    def __init__(self, rows: Rows, seed: int) -> None:
        self.rows = rows
        self.chance = Random(seed)
        self.now = BEGIN
        self.ids: list[UUID] = []

    def wait(self) -> None:
        """Let time go by, or none."""
        self.now += self.chance.choice(
            [timedelta(), timedelta(microseconds=1), timedelta(minutes=5), timedelta(days=9)]
        )

    def some(self) -> list[UUID]:
        return self.chance.sample(self.ids, k=min(len(self.ids), self.chance.randint(1, 3)))

    def sellers(self) -> dict[str, Any]:
        count = self.chance.choice([0, 1, 1, 2, 3])
        return {
            "sellers": self.chance.sample(SELLERS, k=count),
            "weights": list(WEIGHTS[count]),
        }

    async def happens(self) -> None:
        """Let one thing happen at the present moment."""
        chance, rows = self.chance, self.rows
        stage = chance.choice(list(rows.stages))
        if not self.ids or chance.random() < 0.3:
            self.ids.append(
                await rows.add(
                    self.now,
                    stage,
                    value=chance.choice(VALUES),
                    currency=chance.choice(CURRENCIES),
                    expected_close=chance.choice(DAYS),
                    closed_on=chance.choice(DAYS),
                    **self.sellers(),
                )
            )
            return
        said: dict[str, Any] = chance.choice(
            [
                {"stage": stage, "closed_on": chance.choice(DAYS)},
                {"stage": stage, "closed_on": chance.choice(DAYS)},
                {"value": chance.choice(VALUES)},
                {"currency": chance.choice(CURRENCIES), "value": chance.choice(VALUES)},
                {"expected_close": chance.choice(DAYS)},
                {"deleted_at": chance.choice([None, self.now])},
                self.sellers(),
                {"probability": chance.choice([0, 33, 85, 95, 100])},
                {"position": chance.randint(1, 9)},
            ]
        )
        ids = self.some()
        if "probability" in said:
            opened = await rows.asked(
                "SELECT opportunity_id FROM opportunity "
                "WHERE opportunity_id = ANY(:ids) AND outcome = 'open'",
                ids=ids,
            )
            ids = [one.opportunity_id for one in opened]
        if ids:
            await rows.change(self.now, *ids, **said)

    async def table(self) -> dict[UUID, Mapping[str, Any]]:
        """Return what the table says now, by id."""
        return {one.opportunity_id: one._mapping for one in await self.rows.asked(_AS_IT_IS)}


_AS_IT_IS = """
    SELECT opportunity_id, deleted_at IS NOT NULL AS deleted, customer_id, pipeline, stage,
           entered_at, outcome, closed_on, value, currency, probability, expected_close, type,
           sellers, weights
    FROM opportunity
"""
