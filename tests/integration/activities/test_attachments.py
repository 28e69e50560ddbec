"""Attachments over HTTP: streamed in and out, bounded, never rendered, safe to race and repeat."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from shared.chassis.http.app import create_app
from shared.chassis.service import Service
from tests.integration.activities.attaching import attached, files
from tests.integration.activities.conftest import KEY

MEGABYTE = 2**20


@pytest.mark.requirement("LE-03")
async def test_a_file_comes_back_as_it_was_sent(
    api: httpx.AsyncClient, activity: str, store: Path
) -> None:
    content = hashlib.shake_256(b"a document").digest(3 * MEGABYTE + 17)
    body = await attached(api, activity, content, "tarjous ä.pdf")
    assert (body["size"], body["kind"]) == (len(content), "document")
    assert body["sha256"] == hashlib.sha256(content).hexdigest()
    path = store / body["sha256"][:2] / body["sha256"][2:4] / body["sha256"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert {one.stat().st_mode & 0o777 for one in (store, path.parent)} == {0o700}

    answer = await api.get(body["content"])
    assert answer.content == content
    assert answer.headers["content-type"] == "application/pdf"
    assert (
        answer.headers["content-disposition"] == "attachment; filename*=UTF-8''tarjous%20%C3%A4.pdf"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    part = await api.get(body["content"], headers={"Range": "bytes=1048570-1048585"})
    assert (part.status_code, part.content) == (206, content[1048570:1048586])
    assert part.headers["content-range"] == f"bytes 1048570-1048585/{len(content)}"


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "text/javascript"])
async def test_what_a_browser_runs_is_served_as_unknown_bytes(
    api: httpx.AsyncClient, activity: str, media_type: str
) -> None:
    sent = await api.post(
        f"{activity}/attachments",
        params={"name": "page.html", "kind": "memo"},
        content=b"<script>alert(1)</script>",
        headers={"Content-Type": media_type},
    )
    assert sent.status_code == 201, sent.text
    assert (sent.json()["media_type"], sent.json()["kind"]) == (media_type, "memo")
    shown = await api.get(sent.json()["content"])
    assert shown.headers["content-type"] == "application/octet-stream"
    assert shown.headers["content-disposition"].startswith("attachment;")


@pytest.mark.requirement("LE-03")
async def test_attachments_are_listed_renamed_deleted_and_restored(
    api: httpx.AsyncClient, activity: str
) -> None:
    names = [f"{number}.pdf" for number in range(3)]
    made = [await attached(api, activity, b"same", name) for name in names]
    path = f"{activity}/attachments"
    first = (await api.get(path, params={"limit": 2})).json()
    rest = (await api.get(path, params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["name"] for one in (*first["items"], *rest["items"])] == names
    assert rest["next"] is None

    one = f"{path}/{made[0]['attachment_id']}"
    stale = await api.put(one, json={"name": "b.pdf"}, headers={"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["slug"]) == (412, "stale_version")
    unsafe = await api.put(one, json={"name": "../b.pdf"}, headers={"If-Match": '"1"'})
    assert (unsafe.status_code, unsafe.json()["errors"][0]["field"]) == (422, "name")
    renamed = await api.put(
        one, json={"name": "b.pdf", "kind": "memo"}, headers={"If-Match": '"1"'}
    )
    assert (renamed.json()["name"], renamed.json()["kind"]) == ("b.pdf", "memo")

    deleted = await api.delete(one, headers={"If-Match": renamed.headers["etag"]})
    assert deleted.status_code == 200, deleted.text
    assert [(await api.get(f"{one}{end}")).status_code for end in ("", "/content")] == [404, 404]
    assert len((await api.get(path)).json()["items"]) == 2
    shown = (await api.get(path, params={"deleted": True})).json()["items"]
    assert [one["name"] for one in shown] == ["b.pdf"]
    back = await api.post(f"{one}/restore", headers={"If-Match": deleted.headers["etag"]})
    assert back.status_code == 200, back.text
    assert (await api.get(f"{one}/content")).content == b"same"
    assert (await api.get(activity)).headers["etag"] == '"1"', "the activity itself is unchanged"


async def test_the_same_content_is_stored_once(
    api: httpx.AsyncClient, activity: str, store: Path
) -> None:
    made = [await attached(api, activity, b"same", f"{number}.pdf") for number in range(3)]
    assert files(store) == [made[0]["sha256"]]


async def test_a_repeated_upload_attaches_once(api: httpx.AsyncClient, activity: str) -> None:
    asked: dict[str, Any] = {
        "params": {"name": "offer.pdf"},
        "headers": {"Idempotency-Key": str(uuid4())},
    }
    first = await api.post(f"{activity}/attachments", content=b"offer", **asked)
    again = await api.post(f"{activity}/attachments", content=b"offer", **asked)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    other = await api.post(f"{activity}/attachments", content=b"another", **asked)
    assert other.json()["slug"] == "idempotency_key_reused"
    assert len((await api.get(f"{activity}/attachments")).json()["items"]) == 1


@pytest.mark.requirement("LE-03")
async def test_two_gigabytes_are_refused_early(
    api: httpx.AsyncClient, activity: str, store: Path
) -> None:
    drawn = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal drawn
        while drawn < 2048 * MEGABYTE:
            drawn += MEGABYTE
            yield b"\x00" * MEGABYTE

    answer = await api.post(
        f"{activity}/attachments", params={"name": "film.mp4"}, content=endless()
    )
    assert (answer.status_code, answer.json()["slug"]) == (413, "body_too_large")
    assert drawn <= 26 * MEGABYTE
    drawn = 0
    announced = await api.post(
        f"{activity}/attachments",
        params={"name": "film.mp4"},
        content=endless(),
        headers={"Content-Length": str(2048 * MEGABYTE)},
    )
    assert (announced.status_code, drawn) == (413, 0)
    assert files(store) == []


@pytest.mark.parametrize(
    ("query", "headers", "status", "slug"),
    [
        ({"name": "../../etc/passwd"}, {}, 422, "invalid_field"),
        ({"name": "offer\u202efdp.exe"}, {}, 422, "invalid_field"),
        ({"name": "a.pdf", "kind": "film"}, {}, 422, "invalid_request"),
        ({}, {}, 422, "invalid_request"),
        ({"name": "a.pdf"}, {"Content-Type": "pdf"}, 422, "invalid_field"),
        ({"name": "a.pdf"}, {"Content-Length": "9"}, 400, "upload_incomplete"),
        ({"name": "a.pdf"}, {"Content-Length": "2"}, 400, "upload_incomplete"),
        ({"name": "a.pdf", "sha256": "0" * 64}, {}, 400, "upload_incomplete"),
        ({"name": "a.pdf", "sha256": "0"}, {}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_attached_is_refused_and_leaves_nothing(
    api: httpx.AsyncClient,
    activity: str,
    store: Path,
    query: dict[str, str],
    headers: dict[str, str],
    status: int,
    slug: str,
) -> None:
    answer = await api.post(
        f"{activity}/attachments", params=query, content=b"bytes", headers=headers
    )
    assert (answer.status_code, answer.json()["slug"]) == (status, slug), answer.text
    assert answer.json()["remedy"]
    assert files(store) == []
    assert (await api.get(f"{activity}/attachments")).json()["items"] == []


async def test_nothing_is_attached_to_what_is_not_there(
    api: httpx.AsyncClient, activity: str, store: Path
) -> None:
    await attached(api, activity)
    await api.delete(activity, headers={"If-Match": '"1"'})
    for path in (activity, f"/v1/activities/{uuid4()}"):
        answer = await api.post(f"{path}/attachments", params={"name": "a.pdf"}, content=b"new")
        assert (answer.status_code, answer.json()["slug"]) == (404, "activity_not_found")
        assert (await api.get(f"{path}/attachments")).status_code == 404
    assert len(files(store)) == 1


async def test_an_empty_body_is_refused(api: httpx.AsyncClient, activity: str) -> None:
    answer = await api.post(f"{activity}/attachments", params={"name": "a.pdf"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")


async def test_an_upload_that_breaks_off_leaves_nothing(
    activities: Service, activity: str, api: httpx.AsyncClient, store: Path
) -> None:
    coming = iter(
        [
            {"type": "http.request", "body": b"\x00" * 2 * MEGABYTE, "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    received: list[str] = []
    sent: list[Any] = []

    async def receive() -> Any:
        if not received:
            received.append("begun")
        else:
            received.extend(files(store))
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message)

    app = create_app([activities], api_key=SecretStr(KEY), title="activities", version="0")
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{activity}/attachments",
        "query_string": b"name=film.mp4",
        "headers": [(b"authorization", f"Bearer {KEY}".encode())],
    }
    await app(scope, receive, send)
    assert len(received) == 2, "it was being received"
    assert sent[0]["status"] == 400
    assert files(store) == []


async def test_damaged_bytes_are_noticed(
    api: httpx.AsyncClient, activity: str, store: Path
) -> None:
    content = b"\x01" * (2 * MEGABYTE)
    body = await attached(api, activity, content)
    path = store / body["sha256"][:2] / body["sha256"][2:4] / body["sha256"]

    path.write_bytes(content[:-1] + b"\x02")
    with pytest.raises(Exception, match="checksum"):
        # The answer breaks off before its announced length.
        await api.get(body["content"])
    for damage in (lambda: path.write_bytes(content[:-1]), path.unlink):
        damage()
        answer = await api.get(body["content"])
        assert (answer.status_code, answer.json()["slug"]) == (503, "attachment_damaged")
    await attached(api, activity, content, "again.pdf")
    assert (await api.get(body["content"])).content == content, "sending it again mends it"
