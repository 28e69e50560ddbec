"""What the activities service has in the world that is asked at random."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import httpx

from services.activities import bootstrap
from services.activities.persistence.tables import metadata
from services.activities.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.migrations import upgrade
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from shared.contracts.pipeline import Membership, UserGroupSaved
from tests.integration.activities.hearing import hear, told
from tests.integration.customers.api_helpers import made
from tests.integration.openapi.running import at_work

# Whom the examples name.
SELLERS = ("anna.k", "ville.s")
CALLS = "ref;customer;category;memo\n{ref};{customer};1;Call\n"
# No period is asked about that begins before; from this one on, targets hold in all.
FIRST_DAY = "2000-01-03"
WAIT = {"Prefer": "wait=20"}


@dataclass
class Activities:
    """Makes what routes of activities ask about; the ids are those of the world, by path."""

    api: httpx.AsyncClient
    service: Service
    ids: dict[str, list[str]]
    # Of what is deleted, no answer tells the ETag any more.
    deleted: dict[str, str]

    async def fill(self) -> None:
        """Let there be sellers, and know of the group in which they are."""
        for seller in SELLERS:
            await self._seller(seller)
        group_id = UUID(self.ids["groups"][-1])
        members = [Membership(seller=SELLERS[0])]
        group = UserGroupSaved(group_id=group_id, version=1, title="North", members=members)
        await hear(self.service, [told(group)])

    async def remake(self, path: str) -> bool:
        """Make what the path asks about; tell whether it is one of activities at all."""
        if path.startswith("/v1/seller-view"):
            await self._seller(str(uuid4()))
            card = await made(self.api, "/v1/seller-cards", title=str(uuid4()))
            self.ids["cards"].append(str(card["number"]))
            for state in ("done", "open"):
                await self._activity(state=state, seller=self.ids["sellers"][-1])
        elif path.endswith("/timeline"):
            await self._activity(contacts=[self.ids["contacts"][-1]])
        elif path.startswith("/v1/activities"):
            await self._activity(state="open" if path.endswith("/completion") else "done")
            url = f"/v1/activities/{self.ids['activities'][-1]}"
            if "attachment" in path:
                url = await self._attachment(url)
            if path.endswith("/restore"):
                await self._delete(url)
        elif path.startswith("/v1/activity-reassignments"):
            await self._activity(state="open", seller=SELLERS[0])
        elif path.startswith(("/v1/sellers", "/calendar")):
            await self._seller(str(uuid4()))
            if "calendar" in path:
                await self._feed(self.ids["sellers"][-1])
        elif path.startswith("/v1/target"):
            await self._target()
            await self._exception()
        elif path.startswith("/v1/activity-imports/{"):
            await self._calls(runs=path.endswith("/undo"))
        else:
            return False
        return True

    async def _seller(self, seller: str) -> None:
        await self._put(f"/v1/sellers/{seller}", name="Anna")
        self.ids["sellers"].append(seller)

    async def _put(self, url: str, **body: Any) -> None:
        answer = await self.api.put(url, json=body)
        assert answer.status_code == 201, answer.text

    async def _feed(self, seller: str) -> None:
        feed = await made(self.api, f"/v1/sellers/{seller}/calendar-feeds", title="Phone")
        self.ids["calendar-feeds"].append(feed["feed_id"])
        self.ids["calendar"].append(feed["address"].split("/")[-1].removesuffix(".ics"))

    async def _category(self) -> None:
        """Make a category that is a sales target."""
        said: dict[str, Any] = {"sales_target": True}
        for fact in ("kind", "type"):
            value = await made(self.api, f"/v1/activity-{fact}s", title=str(uuid4()))
            said[fact] = value["number"]
        category = await made(self.api, "/v1/activity-categories", title=str(uuid4()), **said)
        self.ids["activity-categories"].append(str(category["number"]))

    async def _activity(self, **said: Any) -> None:
        # The one of before may be changed by now.
        await self._category()
        due = {"due_at": "2026-02-01T10:00:00Z"} if said.get("state") == "open" else {}
        one = await made(
            self.api,
            "/v1/activities",
            customer_id=self.ids["customers"][-1],
            category=int(self.ids["activity-categories"][-1]),
            memo="Call",
            **said,
            **due,
        )
        self.ids["activities"].append(one["activity_id"])

    async def _attachment(self, activity: str) -> str:
        answer = await self.api.post(
            f"{activity}/attachments",
            params={"name": "offer.txt"},
            content=b"An offer",
            headers={"Content-Type": "text/plain"},
        )
        assert answer.status_code == 201, answer.text
        self.ids["attachments"].append(answer.json()["attachment_id"])
        return answer.headers["location"]

    async def _delete(self, url: str) -> None:
        shown = await self.api.get(url)
        answer = await self.api.delete(url, headers={"If-Match": shown.headers["etag"]})
        assert answer.status_code == 200, answer.text
        self.deleted[url] = answer.headers["etag"]

    async def _target(self) -> None:
        """Set a target of a category that is one, for whom the examples name."""
        await self._category()
        target = await made(
            self.api,
            "/v1/targets",
            seller=SELLERS[0],
            category=int(self.ids["activity-categories"][-1]),
            period="week",
            first_day=FIRST_DAY,
            wanted=5,
        )
        self.ids["targets"].append(target["target_id"])

    async def _exception(self) -> None:
        await self._seller(str(uuid4()))
        one = await made(
            self.api,
            "/v1/target-exceptions",
            seller=self.ids["sellers"][-1],
            period="week",
            first_day=FIRST_DAY,
            percent=50,
        )
        self.ids["target-exceptions"].append(one["exception_id"])

    async def _calls(self, *, runs: bool) -> None:
        content = CALLS.format(ref=uuid4(), customer=self.ids["customers"][-1])
        params = {"source": "test", "name": "calls.csv"}
        answer = await self.api.post("/v1/activity-imports", params=params, content=content)
        assert answer.status_code == 201, answer.text
        url = answer.headers["location"]
        self.ids["activity-imports"].append(url.rpartition("/")[2])
        if runs:
            answer = await self.api.post(f"{url}/run", headers=WAIT)
            assert answer.status_code == 200, answer.text


@asynccontextmanager
async def open_activities(postgres: Postgres, api_key: str) -> AsyncIterator[Service]:
    """Activities on a database of its own; of it, what runs beside the inbox and the relay."""

    async def build(engine: object) -> None:
        await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]

    with TemporaryDirectory(prefix="suhde-test-") as kept:
        async with postgres.database("activities", build) as url:
            settings = Settings(
                database_url=url,
                broker_url="amqp://unused",
                api_key=api_key,
                attachments_path=Path(kept) / "attachments",
            )
            async with at_work(bootstrap.build(settings, InProcessBus())) as service:
                yield service
