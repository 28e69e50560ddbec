"""Webhooks: every move at least once and in order, signed, and told when it does not work."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.webhooks import LONGEST_DELAY, delay_after
from services.mailing.handlers import deliver_moves, keep_webhooks
from services.mailing.handlers.deliver_moves import Courier
from services.mailing.persistence import deliveries
from shared.chassis.http.app import create_app
from shared.chassis.outbound import Poster, Reach
from shared.chassis.testing.servers import Postgres
from shared.chassis.testing.waiting import eventually
from tests.integration.mailing.rig import KEY, LINK_KEY, Rig, open_rig
from tests.integration.receivers import BUSY, Received, Receiver, receiving

HOOKS = "/v1/webhooks"


class Clock:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def rig(postgres: Postgres, clock: Clock) -> AsyncIterator[Rig]:
    async with open_rig(postgres, clock=clock) as one:
        yield one


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app([rig.service], api_key=SecretStr(KEY), title="mailing", version="0")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://suhde",
        headers={"Authorization": f"Bearer {KEY}"},
    ) as client:
        yield client


@pytest.fixture
def courier(rig: Rig) -> Courier:
    poster = Poster(Reach(frozenset({443}), frozenset({"127.0.0.1"})))
    return Courier(rig.service.units, poster, LinkKeys.read(LINK_KEY))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


async def segment(rig: Rig, api: httpx.AsyncClient, number: int = 7) -> str:
    rule = {"op": "has_attribute", "number": number}
    answer = await api.post("/v1/segments", json={"name": "Some", "rule": rule})
    await rig.settle()
    return str(answer.json()["segment_id"])


async def hook(api: httpx.AsyncClient, url: str, **wanted: Any) -> dict[str, Any]:
    answer = await api.post(HOOKS, json={"url": url, **wanted})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(api: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"{HOOKS}/{made['webhook_id']}")).json()
    return found


async def moved(rig: Rig, count: int, number: int = 7) -> list[tuple[str, bool]]:
    """Let contacts come, and every second one leave; return the moves."""
    found = []
    for place in range(count):
        contact = await rig.contact(attributes=(number,))
        found.append((str(contact), True))
        if place % 2:
            await rig.contact(contact_id=contact, version=2)
            found.append((str(contact), False))
    return found


def told(received: list[Received]) -> list[tuple[str, bool]]:
    return [
        (move["contact_id"], move["entered"])
        for one in received
        for move in json.loads(one.body)["data"]["moves"]
    ]


def signatures(secret: str, one: Received) -> list[bool]:
    """Tell, of each signature, whether it is of this secret; as a receiver looks at it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    said = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    mine = base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
    return [other == f"v1,{mine}" for other in one.headers["webhook-signature"].split(" ")]


async def test_moves_are_sent_in_order_once_and_signed(
    rig: Rig,
    api: httpx.AsyncClient,
    courier: Courier,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliver_moves, "TOLD", 2)
    await segment(rig, api)
    await moved(rig, 1)
    made = await hook(api, receiver.url)
    expected = await moved(rig, 5)
    await courier.settle()
    await courier.settle()
    assert told(receiver.received) == expected
    assert max(len(json.loads(one.body)["data"]["moves"]) for one in receiver.received) == 2
    assert len({one.headers["webhook-id"] for one in receiver.received}) == len(receiver.received)
    for one in receiver.received:
        assert signatures(made["secret"], one) == [True]
        assert abs(int(one.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    last = await rig.one("SELECT max(position) FROM member_change")
    assert (await shown(api, made))["position"] == last
    assert "secret" not in await shown(api, made)


async def test_only_what_is_wanted_is_sent(
    rig: Rig, api: httpx.AsyncClient, courier: Courier, receiver: Receiver
) -> None:
    one, other = await segment(rig, api), await segment(rig, api, 8)
    await hook(api, receiver.url + "&only=left", segments=[one], events=["left"])
    await hook(api, receiver.url + "&only=entered", segments=[one, other], events=["entered"])
    first, second = await moved(rig, 4), await moved(rig, 4, 8)
    await courier.settle()
    by_target = {
        name: [each for each in receiver.received if each.target.endswith(name)]
        for name in ("left", "entered")
    }
    assert told(by_target["left"]) == [move for move in first if not move[1]]
    assert told(by_target["entered"]) == [move for move in first + second if move[1]]


async def test_what_was_not_taken_comes_again_as_it_was_and_nothing_is_lost(
    rig: Rig, api: httpx.AsyncClient, courier: Courier, receiver: Receiver, clock: Clock
) -> None:
    await segment(rig, api)
    made = await hook(api, receiver.url)
    receiver.answers.extend([BUSY, BUSY])
    expected = await moved(rig, 2)
    await courier.settle()
    assert (len(receiver.received), (await shown(api, made))["failures"]) == (1, 1)
    expected += await moved(rig, 2)
    await courier.settle()
    assert len(receiver.received) == 1, "it is not its turn yet"
    for _ in range(2):
        clock.ahead += timedelta(seconds=11)
        await courier.settle()
    first, again, taken, rest = receiver.received
    assert first.body == again.body == taken.body
    assert len({one.headers["webhook-id"] for one in (first, again, taken)}) == 1
    assert told([taken, rest]) == expected
    now = await shown(api, made)
    assert (now["failures"], now["failing_since"], now["next_at"]) == (0, None, None)
    items = (await api.get(f"{HOOKS}/{made['webhook_id']}/deliveries")).json()["items"]
    assert [(one["status"], one["error"]) for one in items] == [
        (204, None), (204, None), (503, "refused"), (503, "refused")
    ]  # fmt: skip


async def test_who_is_cut_off_before_it_is_kept_sends_the_same_again(
    rig: Rig,
    api: httpx.AsyncClient,
    courier: Courier,
    receiver: Receiver,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await segment(rig, api)
    await hook(api, receiver.url)
    expected = await moved(rig, 3)

    async def cut_off(*_: object, **__: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "move_on", cut_off)
        await courier.settle()
    await courier.settle()
    assert told(receiver.received) == expected, "another still has the claim"
    clock.ahead += deliver_moves.CLAIMED
    await courier.settle()
    first, again = receiver.received
    assert first.body == again.body
    assert first.headers["webhook-id"] == again.headers["webhook-id"]


async def test_a_redirect_is_a_failure(
    rig: Rig, api: httpx.AsyncClient, courier: Courier, receiver: Receiver
) -> None:
    await segment(rig, api)
    made = await hook(api, receiver.url)
    async with receiving() as other:
        receiver.answers.append(f"HTTP/1.1 302 Go\r\nLocation: {other.url}\r\n\r\n".encode())
        await moved(rig, 1)
        await courier.settle()
        assert other.connections == 0
    (one,) = (await api.get(f"{HOOKS}/{made['webhook_id']}/deliveries")).json()["items"]
    assert (one["status"], one["error"]) == (302, "redirected")


async def test_after_three_days_it_is_switched_off_says_so_and_goes_on_when_mended(
    rig: Rig, api: httpx.AsyncClient, courier: Courier, receiver: Receiver, clock: Clock
) -> None:
    await segment(rig, api)
    made = await hook(api, receiver.url)
    expected = await moved(rig, 1)
    receiver.answers.extend([BUSY] * 3)
    for ahead, active in ((0, True), (71, True), (1, False)):
        clock.ahead += timedelta(hours=ahead)
        await courier.settle()
        now = await shown(api, made)
        assert (now["active"], now["switched_off_at"] is None) == (active, active)
    clock.ahead += timedelta(days=30)
    expected += await moved(rig, 1)
    await courier.settle()
    assert len(receiver.received) == 3
    changed = await api.put(
        f"{HOOKS}/{made['webhook_id']}", json={"url": receiver.url}, headers={"If-Match": '"1"'}
    )
    assert (changed.status_code, changed.json()["switched_off_at"]) == (200, None)
    await courier.settle()
    assert told(receiver.received[3:]) == expected


async def test_after_a_change_of_secrets_both_sign_for_a_while(
    rig: Rig, api: httpx.AsyncClient, courier: Courier, receiver: Receiver, clock: Clock
) -> None:
    made = await hook(api, receiver.url)
    url = f"{HOOKS}/{made['webhook_id']}"
    changed = (await api.post(f"{url}/secrets", json={"overlap_hours": 1})).json()
    assert changed["secret"] != made["secret"]
    for ahead, of_new, of_old in ((0, [True, False], [False, True]), (2, [True], [False])):
        clock.ahead += timedelta(hours=ahead)
        tested = (await api.post(f"{url}/test")).json()
        assert (tested["kind"], tested["status"], tested["error"]) == ("test", 204, None)
        assert json.loads(receiver.received[-1].body)["type"] == "webhook.tested"
        assert signatures(changed["secret"], receiver.received[-1]) == of_new
        assert signatures(made["secret"], receiver.received[-1]) == of_old


async def test_it_is_sent_anew_from_where_it_is_asked(
    rig: Rig, api: httpx.AsyncClient, courier: Courier, receiver: Receiver
) -> None:
    await segment(rig, api)
    made = await hook(api, receiver.url)
    expected = await moved(rig, 4)
    await courier.settle()
    url = f"{HOOKS}/{made['webhook_id']}/replay"
    (first,) = receiver.received
    place = json.loads(first.body)["data"]["moves"][2]["position"]
    assert (await api.post(url, json={"after": place})).status_code == 200
    await courier.settle()
    assert told(receiver.received[1:]) == expected[3:]
    assert receiver.received[1].headers["webhook-id"] != first.headers["webhook-id"]
    ahead = await api.post(url, json={"after": 10**9})
    assert (ahead.status_code, ahead.json()["slug"]) == (422, "invalid_field")


async def test_a_running_courier_is_woken_and_a_silent_receiver_delays_no_other(
    rig: Rig, api: httpx.AsyncClient, courier: Courier, receiver: Receiver
) -> None:
    await segment(rig, api)
    async with receiving() as silent:
        silent.answers.append(None)
        await hook(api, silent.url)
        await hook(api, receiver.url)
        running = asyncio.create_task(courier.run())
        expected: list[tuple[str, bool]] = []
        for _ in range(2):
            expected += await moved(rig, 1)
            await eventually(lambda so_far=tuple(expected): told(receiver.received) == [*so_far])
        assert len(silent.received) == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_wrong_ones_are_refused_and_all_is_bounded(
    rig: Rig,
    api: httpx.AsyncClient,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for wanted, field in (
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"url": "https://169.254.169.254/"}, "url"),
        ({"url": receiver.url, "segments": [str(uuid4())]}, "segments"),
        ({"url": receiver.url, "events": []}, "body.events"),
    ):
        refused = await api.post(HOOKS, json=wanted)
        assert refused.status_code == 422, refused.text
        assert [one["field"] for one in refused.json()["errors"]] == [field]
    monkeypatch.setattr(deliveries, "KEPT", 2)
    made = await hook(api, receiver.url)
    url = f"{HOOKS}/{made['webhook_id']}"
    for _ in range(4):
        assert (await api.post(f"{url}/test")).status_code == 200
    assert len((await api.get(f"{url}/deliveries")).json()["items"]) == 2
    assert await rig.one("SELECT count(*) FROM webhook_delivery") == 2
    monkeypatch.setattr(keep_webhooks, "MOST_WEBHOOKS", 1)
    assert (await api.post(HOOKS, json={"url": receiver.url})).status_code == 409
    assert (await api.delete(url, headers={"If-Match": '"2"'})).status_code == 412
    assert (await api.delete(url, headers={"If-Match": '"1"'})).status_code == 200
    assert (await api.get(url)).status_code == 404
    assert await rig.one("SELECT count(*) FROM webhook_delivery") == 0


def test_delays_grow_to_a_bound_and_are_spread() -> None:
    for failures in (1, 2, 5, 100):
        assert delay_after(failures, 0.0) * 2 == delay_after(failures, 1.0)
    assert delay_after(2, 1.0) == 2 * delay_after(1, 1.0) == timedelta(seconds=10)
    assert delay_after(100, 1.0) == LONGEST_DELAY


async def test_a_replay_goes_before_what_is_under_way(
    rig: Rig, api: httpx.AsyncClient, courier: Courier, receiver: Receiver
) -> None:
    await segment(rig, api)
    made = await hook(api, receiver.url)
    expected = await moved(rig, 1)
    receiver.answers.append(None)
    sending = asyncio.create_task(courier.settle())
    await eventually(lambda: len(receiver.received) == 1)
    url = f"{HOOKS}/{made['webhook_id']}/replay"
    assert (await api.post(url, json={"after": 0})).status_code == 200
    receiver.let_go.set()
    await sending
    await courier.settle()
    assert told(receiver.received) == expected * 2
    assert (await shown(api, made))["failures"] == 0
