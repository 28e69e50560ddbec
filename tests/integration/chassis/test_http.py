"""The HTTP edge, asked through the whole application with a database beneath."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, SecretStr
from sqlalchemy import text

from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.clock import system_clock
from shared.chassis.database import connect
from shared.chassis.errors import InvalidField, Kind, Refusal, StaleVersion
from shared.chassis.http.app import create_app
from shared.chassis.http.limits import MAX_BODY
from shared.chassis.http.writes import Answer, etag, expected_version, write
from shared.chassis.inbox import Inbox
from shared.chassis.relay import Address, Relay
from shared.chassis.service import Service
from shared.chassis.testing.servers import Postgres
from shared.chassis.testing.waiting import eventually
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.chassis.worker import Worker
from shared.contracts.envelope import body_hash
from tests.integration.chassis.rig import (
    Thing,
    build,
    headers_of,
    metadata,
    read_label,
    read_stored,
    translate,
)

KEY = "k" * 24


class ThingNotFound(Refusal):
    kind = Kind.NOT_FOUND
    slug = "thing_not_found"
    remedy = "List the things."


class Saved(BaseModel):
    id: str
    version: int


@dataclass
class Edge:
    client: httpx.AsyncClient
    service: Service
    bus: InProcessBus

    async def count(self, table: str) -> int:
        async with self.service.engine.connect() as connection:
            found = await connection.execute(text(f"SELECT count(*) FROM {table}"))  # noqa: S608
            return int(found.scalar_one())

    async def post(
        self, thing: dict[str, object], key: str | None = None, path: str = "/v1/things"
    ) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return await self.client.post(path, json=thing, headers=headers)


def things_router(units: UnitOfWorkFactory) -> APIRouter:
    router = APIRouter(prefix="/v1/things")

    @router.post("")
    async def create(request: Request, thing: Thing) -> Response:
        async def work(unit: UnitOfWork) -> Answer:
            await unit.connection.execute(
                text("INSERT INTO thing (id, version, value) VALUES (:id, 1, :value)"),
                {"id": thing.id, "value": thing.value},
            )
            unit.record(Thing(id=thing.id, heard=False))
            if thing.value == "refused":
                raise InvalidField("value", "is refused", "Send another value.")
            return Answer(Saved(id=thing.id, version=1), 201, {"ETag": etag(1)})

        return await write(request, units, work)

    @router.put("/{id_}")
    async def change(
        request: Request, id_: str, thing: Thing, version: Annotated[int, Depends(expected_version)]
    ) -> Response:
        async def work(unit: UnitOfWork) -> Answer:
            changed = await unit.connection.execute(
                text(
                    "UPDATE thing SET version = version + 1, value = :value "
                    "WHERE id = :id AND version = :version"
                ),
                {"id": id_, "value": thing.value, "version": version},
            )
            if not changed.rowcount:
                raise StaleVersion("It has another version.")
            return Answer(Saved(id=id_, version=version + 1), 200, {"ETag": etag(version + 1)})

        return await write(request, units, work)

    @router.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("a fault of ours")

    @router.get("/late")
    async def late() -> None:
        raise TimeoutError

    @router.get("/{id_}")
    async def show(id_: str) -> Saved:
        raise ThingNotFound(f"No thing {id_}.")

    return router


@pytest.fixture
async def edge(postgres: Postgres, tmp_path: Path) -> AsyncIterator[Edge]:
    async with postgres.database("chassis", build) as url:
        engine = connect(url, name="chassis-http-test")
        bus = InProcessBus()
        units = UnitOfWorkFactory(engine, system_clock, translate)
        worker = Worker(units, {}, read_data=read_stored)
        service = Service(
            name="things",
            engine=engine,
            bus=bus,
            clock=system_clock,
            units=units,
            inbox=Inbox(
                engine,
                system_clock,
                read_label=read_label,
                read_data=read_stored,
                body_hash=body_hash,
            ),
            worker=worker,
            relay=Relay(engine, bus, source="things", address=lambda _: Address("x", False)),
            subscriptions={},
            routers=[things_router(units)],
            versions=tmp_path,
            metadata=metadata,
            retention=timedelta(days=1),
            fleeting=frozenset(),
        )
        app = create_app([service], api_key=SecretStr(KEY), title="things", version="1")
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://test",
            headers={"Authorization": f"Bearer {KEY}"},
        )
        async with app.router.lifespan_context(app), client:
            made = Edge(client, service, bus)

            async def ready() -> bool:
                answer = await client.get("/health/ready")
                assert answer.status_code == 200, answer.text
                return True

            await eventually(ready)
            yield made


def slug(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:suhde:problem:{problem['slug']}"
    assert problem["title"] and problem["detail"] and problem["remedy"]
    return str(problem["slug"])


async def test_a_repeated_key_gets_the_first_answer_and_does_nothing(edge: Edge) -> None:
    first = await edge.post({"id": "a"}, key="k1")
    again = await edge.post({"id": "a"}, key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["etag"] == again.headers["etag"] == '"1"'
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (await edge.count("thing"), await edge.count("outbox")) == (1, 1)


async def test_a_key_belongs_to_one_request(edge: Edge) -> None:
    await edge.post({"id": "a"}, key="k1")
    assert slug(await edge.post({"id": "b"}, key="k1"), 422) == "idempotency_key_reused"
    assert slug(await edge.post({"id": "a"}, "k1", "/v1/things?x=1"), 422)
    assert await edge.count("thing") == 1


@pytest.mark.parametrize("key", ["", "x" * 201])
async def test_a_key_must_be_usable(edge: Edge, key: str) -> None:
    assert slug(await edge.post({"id": "a"}, key=key), 422) == "idempotency_key_invalid"


async def test_the_correlation_id_of_a_command_goes_with_its_events(edge: Edge) -> None:
    headers = {"Idempotency-Key": "c1", "X-Correlation-Id": "call-17"}
    answer = await edge.client.post("/v1/things", json={"id": "c"}, headers=headers)
    assert answer.status_code == 201
    async with edge.service.engine.connect() as connection:
        rows = await connection.execute(text("SELECT subject, correlation_id FROM outbox"))
        assert [tuple(row) for row in rows] == [("c", "call-17")]


async def test_a_failed_attempt_leaves_no_trace(edge: Edge) -> None:
    answer = await edge.post({"id": "a", "value": "refused"}, key="k1")
    assert slug(answer, 422) == "invalid_field"
    assert answer.json()["errors"][0]["field"] == "value"
    for table in ("thing", "outbox", "idempotency_key"):
        assert await edge.count(table) == 0
    assert (await edge.post({"id": "a"}, key="k1")).status_code == 201


async def test_a_change_names_the_version_it_changes(edge: Edge) -> None:
    await edge.post({"id": "a"})
    body = {"id": "a", "value": "new"}
    assert slug(await edge.client.put("/v1/things/a", json=body), 428) == "if_match_required"
    for wrong in ("*", '"x"', '"99999999999999999999"', '"²"'.encode()):
        answer = await edge.client.put("/v1/things/a", json=body, headers={"If-Match": wrong})
        assert slug(answer, 428) == "if_match_required"
    stale = await edge.client.put("/v1/things/a", json=body, headers={"If-Match": '"7"'})
    assert slug(stale, 412) == "stale_version"
    good = await edge.client.put("/v1/things/a", json=body, headers={"If-Match": '"1"'})
    assert (good.status_code, good.headers["etag"]) == (200, '"2"')


async def test_a_body_over_the_bound_is_refused_declared_or_not(edge: Edge) -> None:
    body = b'{"id": "' + b"x" * MAX_BODY + b'"}'
    json_ = {"Content-Type": "application/json"}
    declared = await edge.client.post("/v1/things", content=body, headers=json_)
    assert slug(declared, 413) == "body_too_large"

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 65_536):
            yield body[at : at + 65_536]

    streamed = await edge.client.post("/v1/things", content=chunks(), headers=json_)
    assert slug(streamed, 413) == "body_too_large"


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {KEY}", "Bearer", "Bearer ä"])
@pytest.mark.parametrize("path", ["/v1/things/a", "/v1/inboxes/things"])
async def test_every_route_is_closed(edge: Edge, header: str | None, path: str) -> None:
    del edge.client.headers["authorization"]
    headers = {"Authorization": header.encode()} if header else {}
    answer = await edge.client.get(path, headers=headers)
    assert slug(answer, 401) == "not_authenticated"
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_every_error_is_a_problem(edge: Edge) -> None:
    client = edge.client
    assert slug(await client.get("/nowhere"), 404) == "no_such_route"
    assert slug(await client.delete("/v1/things"), 405) == "method_not_allowed"
    assert slug(await client.get("/v1/things/a"), 404) == "thing_not_found"
    assert slug(await client.get("/v1/things/broken"), 500) == "internal_error"
    late = await client.get("/v1/things/late")
    assert slug(late, 503) == "unavailable" and late.headers["retry-after"]
    json_ = {"Content-Type": "application/json"}
    for body in (b"[1]", b'{"version": 1}'):
        answer = await client.post("/v1/things", content=body, headers=json_)
        assert slug(answer, 422) == "invalid_request"
    for body in (b"{", b"\xff", b"[" * 100_000):
        answer = await client.post("/v1/things", content=body, headers=json_)
        assert slug(answer, 400) == "malformed_json"
    for type_ in ("text/plain", "multipart/form-data", ""):
        answer = await client.post(
            "/v1/things", content=b'{"id": "a"}', headers={"Content-Type": type_}
        )
        assert slug(answer, 415) == "not_json"


async def test_broken_json_is_told_where_it_breaks(edge: Edge) -> None:
    body = b'{"id": "a",\n "value" 1}'
    answer = await edge.client.post(
        "/v1/things", content=body, headers={"Content-Type": "application/json"}
    )
    assert slug(answer, 400) == "malformed_json"
    problem = answer.json()
    assert (problem["position"], problem["line"], problem["column"]) == (21, 2, 10)
    assert "line 2, column 10" in problem["detail"]


async def test_each_field_at_fault_is_told_what_it_takes(edge: Edge) -> None:
    redrive = "/v1/inboxes/things/redrive"
    answer = await edge.client.post(redrive, json={"seqs": ["x"], "all": "maybe", "when": 1})
    assert slug(answer, 422) == "invalid_request"
    told = {one["field"]: one["remedy"] for one in answer.json()["errors"]}
    assert told == {
        "body.seqs.0": "Send a whole number from 0 below 9007199254740992.",
        "body.all": "Send true or false.",
        "body.when": "Leave when out: this takes an object with the fields: seqs, reason, all.",
    }
    listed = await edge.client.get(
        "/v1/inboxes/things/parked-messages", params={"limit": 0, "reason": "x" * 201}
    )
    assert {one["field"]: one["remedy"] for one in listed.json()["errors"]} == {
        "query.limit": "Send a whole number from 1 to 500.",
        "query.reason": "Send text of at most 200 characters that matches ^[^\\x00]*$ or null.",
    }
    missing = await edge.client.post("/v1/things", json={})
    (error,) = missing.json()["errors"]
    assert (error["field"], error["remedy"]) == ("body.id", "Send text.")


async def test_what_the_database_cannot_hold_is_refused_and_not_our_fault(edge: Edge) -> None:
    redrive = "/v1/inboxes/things/redrive"
    for body in ({"seqs": [2**53]}, {"seqs": [-1]}, {"reason": "\x00"}, {"reason": "x" * 201}):
        assert slug(await edge.client.post(redrive, json=body), 422) == "invalid_request"
    listed = await edge.client.get("/v1/inboxes/things/parked-messages", params={"reason": "\x00"})
    assert slug(listed, 422) == "invalid_request"


async def test_the_api_is_described_without_a_page_that_needs_the_internet(edge: Edge) -> None:
    described = await edge.client.get("/openapi.json")
    assert "/v1/things" in described.json()["paths"]
    for page in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        answer = await edge.client.get(page)
        assert slug(answer, 404)
        assert "/openapi.json" in answer.json()["remedy"]


async def test_ready_tells_the_truth_and_live_only_its_own(edge: Edge) -> None:
    assert (await edge.client.get("/health/live")).status_code == 200
    await edge.bus.stop()
    answer = await edge.client.get("/health/ready")
    assert answer.status_code == 503
    assert "bus" in answer.json()["problems"]["things"]
    assert (await edge.client.get("/health/live")).status_code == 200
    await edge.bus.start()
    assert (await edge.client.get("/health/ready")).status_code == 200


async def test_a_task_that_died_takes_the_readiness_with_it(edge: Edge) -> None:
    async def dies() -> None:
        raise RuntimeError("dead")

    edge.service._spawn("victim", dies)
    await edge.service.failed()
    assert (await edge.client.get("/health/ready")).status_code == 503


async def test_parked_messages_are_listed_shown_and_redriven(edge: Edge) -> None:
    from shared.chassis.messages import Incoming

    await edge.service.inbox.store(
        [Incoming(b"{}", headers_of(f"m-{n}", kind="unknown.v1")) for n in range(3)]
    )

    async def parked() -> bool:
        counts = (await edge.client.get("/v1/inboxes/things")).json()
        return bool(counts["parked_by_reason"] == {"type_unknown": 3})

    await eventually(parked)
    path = "/v1/inboxes/things/parked-messages"
    page = (await edge.client.get(path, params={"limit": 2})).json()
    rest = (await edge.client.get(path, params={"limit": 2, "cursor": page["next"]})).json()
    assert [item["message_id"] for item in page["items"] + rest["items"]] == ["m-0", "m-1", "m-2"]
    assert rest["next"] is None
    shown = (await edge.client.get(f"{path}/{page['items'][0]['seq']}")).json()
    assert shown["body"] == "{}" and shown["headers"]["ce-id"] == "m-0"
    assert slug(await edge.client.get(f"{path}/999"), 404) == "parked_message_not_found"
    assert slug(await edge.client.get(path, params={"cursor": "x"}), 422) == "bad_cursor"
    redrive = "/v1/inboxes/things/redrive"
    assert slug(await edge.client.post(redrive, json={}), 422) == "invalid_request"
    key = {"Idempotency-Key": str(uuid4())}
    done = await edge.client.post(redrive, json={"reason": "type_unknown"}, headers=key)
    assert done.json() == {"redriven": 3}
    await eventually(parked)
