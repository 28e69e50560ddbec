"""What the pipeline service has in the world that is asked at random."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from services.pipeline import bootstrap
from services.pipeline.domain.bridge import Cause
from services.pipeline.domain.invoiced import Match
from services.pipeline.persistence.projections import ProjectRow, save_projects
from services.pipeline.persistence.tables import metadata
from services.pipeline.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.migrations import upgrade
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from tests.integration.customers.api_helpers import made
from tests.integration.openapi.running import at_work, tell

# What the examples name; the pipeline is the one in which a new stage is.
QUARTER = "2026-Q4"
SERVICE = 11
ABOUT_OPPORTUNITIES = ("/v1/opportunities", "/v1/opportunity-", "/v1/forecasts", "/v1/pipeline-rep")
SELLER = "anna.k"
RATE = ("SEK", "2026-01-31")
DEALS = "ref,customer,name,expected close\n{ref},{customer},Lift,2026-12-18\n"


@dataclass
class Pipeline:
    """Makes what routes of pipeline ask about; the ids are those of the world, by path."""

    api: httpx.AsyncClient
    service: Service
    ids: dict[str, list[str]]
    # Of what is deleted, no answer tells the ETag any more.
    deleted: dict[str, str]
    # Of whom it has heard last.
    customer_id: str = ""
    contact_id: str = ""

    async def fill(self) -> None:
        """Let there be what the examples name, and a group of sellers."""
        await made(self.api, "/v1/pipelines", title="Service", number=SERVICE)
        for stage in ({"probability": 20}, {"probability": 100, "outcome": "won"}):
            await made(self.api, "/v1/stages", title=str(uuid4()), parent=SERVICE, **stage)
        await made(self.api, "/v1/revenue-targets", period=QUARTER, amount=25_000_000)
        self.ids["groups"].append(await self._group(SELLER))
        await self._rate()
        self.ids["bridge"] = [str(one) for one in Cause]
        self.ids["invoiced-bridge"] = [str(one) for one in Match]
        self.ids["opportunity-board"] = ["1", "2", "3"]
        for name in ("pipeline-lists", "pipeline-profiles"):
            found = (await self.api.get(f"/v1/{name}")).json()
            self.ids[name] = [one["name"] for one in found]

    async def remake(self, path: str) -> bool:
        """Make what the path asks about; tell whether it is one of pipeline at all."""
        if path.startswith(("/v1/opportunity-types", "/v1/opportunity-sources")):
            return False
        if path.startswith("/v1/opportunity-imports/{"):
            await self._deals(runs=path.endswith("/undo"))
        elif path.startswith(ABOUT_OPPORTUNITIES):
            await self._opportunity(path.rpartition("/")[2])
        elif path.startswith("/v1/user-groups"):
            self.ids["user-groups"].append(await self._group(self.ids["sellers"][-1]))
        elif path.startswith("/v1/revenue-targets"):
            await self._target()
        elif path.startswith("/v1/exchange-rates"):
            await self._rate()
        else:
            return False
        return True

    async def told(self, customer: dict[str, Any], contact: dict[str, Any]) -> None:
        """Know a customer and a contact, as if they had come over the bus."""
        await tell(self.service, customer, contact)
        self.customer_id, self.contact_id = customer["customer_id"], contact["contact_id"]

    async def _opportunity(self, what: str) -> None:
        """Make an opportunity with a history, and one to which `what` can be done."""
        async with self.service.units() as unit:
            project = ProjectRow(
                source="/erp/one",
                project_ref="P-1001",
                version=1,
                customer_id=UUID(self.customer_id),
                name="Harbour",
                active=True,
                violated_rule=None,
            )
            await save_projects(unit.connection, [project])
        for _ in range(2):
            one = await made(
                self.api,
                "/v1/opportunities",
                customer_id=self.customer_id,
                pipeline=1,
                stage=1,
                name="Lift",
                expected_close="2026-12-18",
                value=25_000,
                sellers=[{"seller": self.ids["sellers"][-1]}],
                contacts=[self.contact_id],
            )
            url = f"/v1/opportunities/{one['opportunity_id']}"
            self.ids["opportunities"].append(one["opportunity_id"])
            await self._done("POST", f"{url}/stage", stage=2)
        if what == "opportunity-moves":
            await self._done("POST", f"{url}/stage", stage=1)
        elif what == "reopening":
            await self._done("POST", f"{url}/win")
        elif what == "restore":
            await self._done("DELETE", url)

    async def _deals(self, *, runs: bool) -> None:
        """Import a file of one deal, and run it if asked."""
        content = DEALS.format(ref=uuid4(), customer=self.customer_id)
        params = {"source": "test", "name": "pipeline.csv"}
        answer = await self.api.post("/v1/opportunity-imports", params=params, content=content)
        assert answer.status_code == 201, answer.text
        url = answer.headers["location"]
        self.ids["opportunity-imports"].append(url.rpartition("/")[2])
        if runs:
            answer = await self.api.post(f"{url}/run", headers={"Prefer": "wait=30"})
            assert answer.status_code == 200, answer.text

    async def _done(self, method: str, url: str, **body: Any) -> None:
        record = "/".join(url.split("/")[:4])
        shown = await self.api.get(record)
        answer = await self.api.request(
            method,
            url,
            json=body if method == "POST" else None,
            headers={"If-Match": shown.headers["etag"]},
        )
        assert answer.status_code == 200, answer.text
        self.deleted[record] = answer.headers["etag"]

    async def _group(self, seller: str) -> str:
        members = [{"seller": seller}]
        group = await made(self.api, "/v1/user-groups", title=str(uuid4()), members=members)
        return str(group["group_id"])

    async def _target(self) -> None:
        seller = str(uuid4())
        target = await made(
            self.api, "/v1/revenue-targets", seller=seller, period=QUARTER, amount=1
        )
        self.ids["revenue-targets"].append(target["target_id"])

    async def _rate(self) -> None:
        currency, valid_from = RATE
        answer = await self.api.put(
            f"/v1/exchange-rates/{currency}/{valid_from}", json={"rate": "0.0879"}
        )
        assert answer.status_code == 200, answer.text
        self.ids["exchange-rates"], self.ids["valid-from"] = [currency], [valid_from]


@asynccontextmanager
async def open_pipeline(postgres: Postgres, api_key: str) -> AsyncIterator[Service]:
    """Pipeline on a database of its own; of it, what runs beside the inbox and the relay."""

    async def build(engine: object) -> None:
        await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]

    async with postgres.database("pipeline", build) as url:
        settings = Settings(database_url=url, broker_url="amqp://unused", api_key=api_key)
        async with at_work(bootstrap.build(settings, InProcessBus())) as service:
            yield service
