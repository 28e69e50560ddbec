"""Both services behind one API, with a little of everything in them, to be asked at random."""

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from pydantic import SecretStr

from services.customers import bootstrap
from services.customers.persistence.tables import metadata
from services.customers.settings import Settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.http.app import create_app
from shared.chassis.migrations import upgrade
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from tests.integration.customers.api_helpers import contact_at, delete, made
from tests.integration.customers.erp import customer, document, event, send
from tests.integration.mailing.rig import Rig, open_rig

KEY = "a-key-for-tests-of-enough-length"
MADE_AT = re.compile(r"^/v1/([a-z-]+)/([^/]+)$")


@dataclass
class World:
    """The API, what it says of itself, and the ids of what is there, by the path before them."""

    api: httpx.AsyncClient
    document: dict[str, Any]
    mailing: Rig
    customers: Service
    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def known(self, path: str, name: str) -> list[str]:
        """Return values that the first parameter of a path may have; `name` is its name."""
        before = path.partition("{")[0].rstrip("/").rpartition("/")[2]
        return [*{"number": ["1", "2", "3"]}.get(name, []), *self.ids[before]]

    def noticed(self, location: str) -> None:
        """Remember the id of what was made."""
        found = MADE_AT.match(location)
        assert found, f"Location {location!r} is no path of a record"
        self.ids[found[1]].append(found[2])

    async def remake(self, path: str) -> None:
        """Make what the path asks about, for deletions may have taken it away."""
        if "{number}" in path:
            name = path.split("/")[2]
            inside = {}
            if name == "tracking-values":
                inside["parent"] = await self._value("tracking-objects")
            self.ids[name].append(str(await self._value(name, **inside)))
        elif path.startswith(("/v1/customers/{", "/v1/contacts")):
            one = await made(self.api, "/v1/customers", name="Firm")
            person = await contact_at(self.api, one, "Aino")
            self.ids["customers"].append(one["customer_id"])
            self.ids["contacts"].append(person["contact_id"])
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
        elif path.startswith("/v1/operations"):
            await self._operation()
        elif path.startswith("/v1/jobs"):
            self.ids["jobs"].append((await self._change()).json()["job_id"])
            if path.endswith("/events"):
                # They are told until the job ends.
                await self._work()
        elif path.startswith("/v1/imports"):
            await self._import(path.rpartition("/")[2])
        elif path.startswith(("/v1/bans", "/v1/hand-offs", "/v1/reachability")):
            await self._mailed()

    async def _value(self, name: str, **fields: int) -> int:
        return int((await made(self.api, f"/v1/{name}", title=str(uuid4()), **fields))["number"])

    async def _change(self) -> httpx.Response:
        """Ask for a job, which waits: nobody runs it before it is told to."""
        name = str(uuid4())
        await made(self.api, "/v1/customers", name=name)
        change = {
            "filter": {"fragment": name},
            "put": {"customer_type": [await self._value("customer-types")]},
        }
        answer = await self.api.post("/v1/customer-changes", json=change)
        assert answer.status_code == 202, answer.text
        return answer

    async def _operation(self) -> None:
        asked = await self._change()
        await self._work()
        done = (await self.api.get(asked.headers["location"])).json()
        assert done["result"]["customers"] == 1, done
        self.ids["operations"].append(done["result"]["operation_id"])

    async def _work(self) -> None:
        assert self.customers.jobs is not None
        while await self.customers.jobs.work_once():
            continue

    async def _import(self, asked: str) -> None:
        """Make an import that is as far as what is asked of it needs."""
        said = {"source": "/crm/old", "name": "file"}
        sent = await self.api.post(
            "/v1/imports", params=said, content="Asiakastunnus,Nimi\nK1,Kala Oy\n"
        )
        url = sent.headers["location"]
        if asked in ("rehearsal", "run", "undo", "rows", "rows.csv"):
            mapping = {"columns": sent.json()["proposed"]}
            mapped = await self.api.put(f"{url}/mapping", json=mapping, headers={"If-Match": '"1"'})
            assert mapped.status_code == 200, mapped.text
        if asked in ("undo", "rows", "rows.csv"):
            await self.api.post(f"{url}/run")
            await self._work()
        self.noticed(url)

    async def _mailed(self) -> None:
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
            "purpose": "service",
            "campaign": "test",
        }
        answer = (await self.api.post("/v1/hand-offs", json=asked)).json()
        self.ids["hand-offs"].append(answer["outcomes"][0]["released"]["hand_off_id"])


@asynccontextmanager
async def open_world(postgres: Postgres) -> AsyncIterator[World]:
    """Both services on databases of their own, not running, in one application."""

    async def build(engine: object) -> None:
        await upgrade(engine, bootstrap.VERSIONS, metadata)  # type: ignore[arg-type]

    async with postgres.database("customers", build) as url, open_rig(postgres) as mailing:
        settings = Settings(
            database_url=url, broker_url="amqp://unused", api_key=KEY, restore_enabled=True
        )
        service = bootstrap.build(settings, InProcessBus())
        assert service.prepare is not None
        await service.prepare()
        app = create_app([service, mailing.service], api_key=SecretStr(KEY), title="x", version="0")
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://suhde", headers={"Authorization": f"Bearer {KEY}"}
        ) as api:
            world = World(api, json.loads(json.dumps(app.openapi())), mailing, service)
            await _fill(world, service)
            yield world
        assert service.jobs is not None
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
    broken = event("customer-saved", {"erp_ref": 1})
    await send(customers, [broken])
    for title in ("One", "Two"):
        await made(world.api, "/v1/categories", title=title)
    world.ids["parked-messages"] = ["1", "2"]
    world.ids["settings"] = [one["name"] for one in (await world.api.get("/v1/settings")).json()]
    profiles = (await world.api.get("/v1/list-profiles")).json()
    world.ids["list-profiles"] = [one["name"] for one in profiles]
