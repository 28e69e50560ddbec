"""All services behind one API, with a little of everything in them, to be asked at random."""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import time
from typing import Any
from uuid import UUID, uuid4

import httpx
from pydantic import SecretStr
from sqlalchemy import text

from services.customers import bootstrap
from services.customers.persistence.tables import metadata
from services.customers.settings import Settings
from services.mailing.domain.report_secrets import sign
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.http.app import create_app
from shared.chassis.jobs import insert_job
from shared.chassis.migrations import upgrade
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from tests.integration.customers.api_helpers import contact_at, delete, made
from tests.integration.customers.erp import customer, document, send
from tests.integration.customers.importing import mapped
from tests.integration.mailing.rig import Rig, open_rig
from tests.integration.openapi.activities import WAIT, Activities, open_activities
from tests.integration.openapi.pipeline import SERVICE, Pipeline, open_pipeline
from tests.integration.openapi.running import tell

KEY = "a-key-for-tests-of-enough-length"
MADE_AT = re.compile(r"^/v1/(?:[a-z-]+/[^/]+/)?([a-z-]+)/([^/]+)$")
# What is kept in the folder of something else, by the name of the parameter.
INSIDE = {
    "feed_id": "calendar-feeds",
    "attachment_id": "attachments",
    "seller": "sellers",
    "valid_from": "valid-from",
    "provider": "report-providers",
}
PART = re.compile(
    r"/(relationship-start|mapping|completion|closure|restore|stage|win|loss|expiry|reopening)$"
)
FILE = "customer ref;name\n{ref};Kauppa Oy\n"
# What a field or a parameter of this name means, wherever it is.
NAMED = {
    "customer_id": "customers",
    "segment_id": "segments",
    "contact_id": "contacts",
    "contacts": "contacts",
    "group_id": "groups",
    "group": "groups",
    "parent_id": "groups",
    "opportunity_ids": "opportunities",
    "before": "opportunities",
    "after": "opportunities",
}
SELLER = {"seller", "from_seller", "to_seller", "participant", "participants"}
OF_ACTIVITIES = ("/v1/activit", "/v1/target")
# These know contacts by what mailing was told of them.
OF_MAILING = ("/v1/hand-offs", "/v1/bans", "/v1/bans/all-channels")
# What the examples of values are values of.
TYPES = {7: "text", 8: "number", 9: "date", 10: "text", 11: "list"}


@dataclass
class World:
    """The API, what it says of itself, and the ids of what is there, by the path before them."""

    api: httpx.AsyncClient
    document: dict[str, Any]
    mailing: Rig
    customers: Service
    activities: Activities
    pipeline: Pipeline
    ids: dict[str, list[str]]
    deleted: dict[str, str]
    # Of the provider of reports.
    secret: str = ""

    def known(self, path: str, name: str) -> list[str]:
        """Return values that the first parameter of a path may have; `name` is its name."""
        before = path.partition("{")[0].rstrip("/").rpartition("/")[2]
        before = INSIDE.get(name, before)
        if name == "contact_id" and path.startswith(("/v1/segments/", "/v1/memberships/")):
            before = "reachability"
        if path.endswith("/events"):
            # Of what never ends, the answer would not end either.
            before = "operations"
        return [*{"number": ["1", "2", "3"]}.get(name, []), *self.ids[before]]

    def noticed(self, location: str) -> None:
        """Remember the id of what was made."""
        found = MADE_AT.match(location)
        assert found, f"Location {location!r} is no path of a record"
        self.ids[found[1]].append(found[2])

    async def etag(self, url: str) -> str:
        """Return the ETag of what a change at this URL changes."""
        record = PART.sub("", url)
        shown = await self.api.get(record)
        return str(shown.headers.get("etag") or self.deleted.get(record, '"1"'))

    async def meant(self, path: str, body: Any, choice: int = 0) -> Any:
        """Return a body with ids and versions of what is there in the places of any ids."""
        kind = "contacts" if "contact" in path else "customers"
        known = self.ids["reachability" if path in OF_MAILING else kind]
        named = NAMED | ({"contact_id": "reachability"} if path in OF_MAILING else {})
        stands_for: dict[str, str] = {}

        def meant(node: Any, inside: str = "") -> Any:
            if isinstance(node, dict):
                return {meant(name): meant(one, str(name)) for name, one in node.items()}
            if isinstance(node, list):
                return [meant(one, inside) for one in node]
            if inside == "category" and _is_number(node) and path.startswith(OF_ACTIVITIES):
                return int(self.ids["activity-categories"][-1])
            if inside in SELLER or (inside == "to" and path == "/v1/targets/copies"):
                among = self.ids["sellers"]
                if not isinstance(node, str) or node in among:
                    return node
            elif _is_id(node):
                among = self.ids[named[inside]] if inside in named else known
            else:
                return node
            return stands_for.setdefault(node, among[-1 - (choice + len(stands_for)) % len(among)])

        asked = meant(body)
        if isinstance(asked, dict) and isinstance(asked.get("if_match"), dict):
            others = asked["from"] if isinstance(asked.get("from"), list) else []
            for one in filter(_is_id, [asked.get("into"), *others]):
                version = (await self.etag(f"/v1/{kind}/{one}")).strip('"')
                asked["if_match"][one] = int(version)
        return asked

    async def remake(self, path: str) -> None:
        """Make what the path asks about, for deletions may have taken it away."""
        if await self.activities.remake(path) or await self.pipeline.remake(path):
            return
        if "{number}" in path:
            await self._listed(path.split("/")[2])
        elif path.startswith(("/v1/customers/{", "/v1/contacts")):
            await self._customer()
        elif "-merges" in path or "-duplicates" in path:
            await self._customer()
            await self._customer()
        elif path.startswith("/v1/deleted-"):
            one = await made(self.api, "/v1/customers", name="Gone", business_id=None)
            person = await contact_at(self.api, one, "Gone")
            await delete(self.api, person)
            await delete(self.api, one)
            self.ids["deleted-customers"].append(one["customer_id"])
            self.ids["deleted-contacts"].append(person["contact_id"])
        elif path.startswith("/v1/saved-searches"):
            saved = await made(self.api, "/v1/saved-searches", title=str(uuid4()), search={})
            self.ids["saved-searches"].append(saved["search_id"])
        elif path.startswith("/v1/segments"):
            rule = {"op": "all", "rules": []}
            segment = await made(self.api, "/v1/segments", name=str(uuid4()), rule=rule)
            self.ids["segments"].append(segment["segment_id"])
            await self.mailing.settle()
            await self.mailing.refresh()
            if "/pins" in path:
                await self._mailed()
                person = self.ids["reachability"][-1]
                url = f"/v1/segments/{segment['segment_id']}/pins/{person}"
                assert (await self.api.put(url, json={"inside": True})).status_code == 200
        elif path.startswith("/v1/audiences"):
            await self._audience()
        elif path.startswith(("/v1/operations", "/v1/jobs")):
            await self._operation()
            await self._job()
        elif path.startswith("/v1/imports/{"):
            await self._import(runs=path.endswith("/undo"))
        elif path.startswith("/v1/inboxes/"):
            await self._parked(path.split("/")[3])
        elif path.startswith(
            ("/v1/bans", "/v1/hand-offs", "/v1/reachability", "/v1/memberships", "/u/")
        ):
            await self._mailed()
        elif path.startswith("/v1/webhooks"):
            await self.mailing.change("DELETE FROM webhook")
            made_one = await made(self.api, "/v1/webhooks", url="http://127.0.0.1:9/")
            self.ids["webhooks"] = [made_one["webhook_id"]]
        elif "report" in path and not path.startswith("/v1/reports"):
            await self._reported()
        elif path.startswith("/v1/topics/{"):
            await self._topic()

    async def _value(self, name: str, **fields: Any) -> int:
        return int((await made(self.api, f"/v1/{name}", title=str(uuid4()), **fields))["number"])

    async def _listed(self, name: str) -> None:
        inside = {}
        if name == "tracking-values":
            inside["parent"] = await self._value("tracking-objects")
        elif name.endswith("-attribute-choices"):
            inside["parent"] = 11
        elif name == "stages":
            inside |= {"parent": SERVICE, "probability": 50}
        self.ids[name].append(str(await self._value(name, **inside)))

    async def _customer(self) -> None:
        one = await made(self.api, "/v1/customers", name="Firm")
        person = await contact_at(self.api, one, "Aino")
        self.ids["customers"].append(one["customer_id"])
        self.ids["contacts"].append(person["contact_id"])
        await tell(self.activities.service, one, person)
        await self.pipeline.told(one, person)

    async def _parked(self, name: str) -> None:
        """Let a message be parked that says nothing; those of before may be redriven by now."""
        services = [
            *(self.customers, self.activities.service),
            *(self.pipeline.service, self.mailing.service),
        ]
        (service,) = [one for one in services if one.name == name]
        heard = next(iter(service.subscriptions))
        empty = {"specversion": "1.0", "id": str(uuid4()), "source": "/test", "type": heard}
        await send(service, [{**empty, "data": {}}])
        parked = (await self.api.get(f"/v1/inboxes/{name}/parked-messages")).json()["items"]
        self.ids["parked-messages"] = [str(one["seq"]) for one in parked]

    async def _job(self) -> None:
        # Nobody does work of this kind: it waits until it is cancelled.
        async with self.customers.units() as unit:
            job = await insert_job("never-done", None, {}, unit)
        self.ids["jobs"].append(str(job.job_id))

    async def _import(self, *, runs: bool) -> None:
        url = await mapped(self.api, FILE.format(ref=uuid4()))
        self.noticed(url)
        if runs:
            answer = await self.api.post(f"{url}/run", headers=WAIT)
            assert answer.status_code == 200, answer.text

    async def _operation(self) -> None:
        name = str(uuid4())
        one = await made(self.api, "/v1/customers", name=name)
        change = {
            # Whatever has been made the default status meanwhile.
            "filter": {"fragment": name, "ended": "show"},
            "put": {"customer_type": [await self._value("customer-types")]},
        }
        answer = await self.api.post("/v1/customer-changes", json=change, headers=WAIT)
        assert one["customer_id"] in answer.json()["first"], answer.text
        self.ids["operations"].append(answer.json()["operation_id"])

    async def _topic(self) -> None:
        topic = await made(self.api, "/v1/topics", key=f"t{uuid4().hex}", titles={"en": "Some"})
        self.ids["topics"].append(topic["key"])

    async def _mailed(self) -> None:
        # What was parked for the routes of inboxes would be taken for a fault.
        async with self.mailing.service.units() as unit:
            await unit.connection.execute(text("DELETE FROM inbox WHERE state <> 'done'"))
        # The news must be fresh, or marketing is refused and nothing further is tried.
        await self.mailing.refresh()
        address = f"{uuid4().hex}@example.com"
        contact = str(await self.mailing.contact(email=address))
        self.ids["reachability"].append(contact)
        ban = {"channel": "email", "address": f"x{address}", "source": "test"}
        self.ids["bans"].append((await self.api.post("/v1/bans", json=ban)).json()["ban_id"])
        asked = {
            "contact_ids": [contact],
            "channel": "email",
            "purpose": "marketing",
            "campaign": "test",
        }
        answer = (await self.api.post("/v1/hand-offs", json=asked)).json()
        released = answer["outcomes"][0]["released"]
        self.ids["hand-offs"].append(released["hand_off_id"])
        self.ids["u"].append(released["unsubscribe_url"].rpartition("/")[2])

    async def _audience(self) -> None:
        """Let there be a segment of everybody, and an audience of it."""
        await self.remake("/v1/segments")
        await self._mailed()
        asked = {"channel": "email", "purpose": "marketing", "campaign": "test", "keep_up": True}
        taken = await made(self.api, "/v1/audiences", segment_id=self.ids["segments"][-1], **asked)
        self.ids["audiences"].append(taken["audience_id"])

    async def _reported(self) -> None:
        """Let there be a provider of reports, with one secret, and something reported."""
        provider = "mailhouse"
        await self.api.delete(f"/v1/report-providers/{provider}")
        given = await made(self.api, "/v1/report-providers", provider=provider)
        self.ids["report-providers"], self.secret = [provider], given["secret"]
        await self._mailed()
        report = {
            "report_id": str(uuid4()),
            "kind": "hard_bounce",
            "hand_off_id": self.ids["hand-offs"][-1],
            "reported_at": "2026-11-01T12:00:00Z",
        }
        body = {"provider": provider, "reports": [report]}
        assert (await self.api.post("/v1/delivery-reports", json=body)).status_code == 200

    def signed(self, path: str, content: str | bytes) -> dict[str, str]:
        """Return the headers with which the provider signs what it sends to its hook."""
        if not path.startswith("/hooks/"):
            return {}
        timestamp = str(int(time()))
        body = content.encode() if isinstance(content, str) else content
        signature = sign(self.secret, timestamp, body)
        return {"Suhde-Timestamp": timestamp, "Suhde-Signature": signature}


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_id(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


@asynccontextmanager
async def open_world(postgres: Postgres) -> AsyncIterator[World]:
    """All services on databases of their own in one application; nothing is heard or told."""

    async def build(engine: object) -> None:
        await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]

    async with (
        postgres.database("customers", build) as url,
        open_rig(postgres) as mailing,
        open_activities(postgres, KEY) as activities,
        open_pipeline(postgres, KEY) as pipeline,
    ):
        settings = Settings(
            database_url=url, broker_url="amqp://unused", api_key=KEY, restore_enabled=True
        )
        service = bootstrap.build(settings, InProcessBus())
        assert service.prepare is not None
        await service.prepare()
        app = create_app(
            [service, activities, pipeline, mailing.service],
            api_key=SecretStr(KEY),
            title="x",
            version="0",
        )
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://suhde", headers={"Authorization": f"Bearer {KEY}"}
        ) as api:
            document = json.loads(json.dumps(app.openapi()))
            ids: dict[str, list[str]] = defaultdict(list)
            deleted: dict[str, str] = {}
            world = World(
                api,
                document,
                mailing,
                service,
                Activities(api, activities, ids, deleted),
                Pipeline(api, pipeline, ids, deleted),
                ids,
                deleted,
            )
            assert service.jobs is not None
            loops = [service.jobs.run, dict(mailing.service.loops)["notices"]]
            running = [asyncio.create_task(loop()) for loop in loops]
            await _fill(world, service)
            await world.remake("/v1/segments/{segment_id}/pins")
            yield world
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await service.jobs.close()
        await service.engine.dispose()


async def _fill(world: World, customers: Service) -> None:
    await send(
        customers,
        [
            *(customer(ref) for ref in ("a", "b", "c")),
            document("invoice-posted", "1", "a", "2024-01-01"),
            document("sales-order-posted", "2", "b", "2024-02-01"),
        ],
    )
    for title in ("One", "Two"):
        await made(world.api, "/v1/categories", title=title)
    for name in ("customer-attributes", "contact-attributes"):
        for number, value_type in TYPES.items():
            title = f"{value_type} {number}"
            await made(world.api, f"/v1/{name}", title=title, number=number, value_type=value_type)
    await world.pipeline.fill()
    await world.activities.fill()
    for path in (
        *("/v1/contacts", "/v1/operations", "/v1/imports/{}"),
        *("/v1/activities/attachments", "/calendar", "/v1/activity-imports/{}", "/v1/targets"),
        "/v1/opportunity-imports/{}",
    ):
        await world.remake(path)
    lists = (await world.api.get("/v1/activity-lists")).json()
    world.ids["activity-lists"] = [one["name"] for one in lists]
    world.ids["lists"] = [one["name"] for one in (await world.api.get("/v1/lists")).json()]
    world.ids["settings"] = [one["name"] for one in (await world.api.get("/v1/settings")).json()]
    profiles = (await world.api.get("/v1/list-profiles")).json()
    world.ids["list-profiles"] = [one["name"] for one in profiles]
