"""The main job in one process: from the ERP's event over HTTP to a recipient and to a refusal."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from apps.embedded.application import Embedded, compose
from shared.chassis.testing.servers import Postgres
from shared.chassis.testing.waiting import eventually
from tests.integration.customers.erp import customer, document
from tests.system.processes import KEY


@pytest.fixture
async def suhde(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """All services running on the in-process bus, behind one client."""
    async with AsyncExitStack() as stack:

        async def empty(_: object) -> None:
            return None

        urls = {
            name: await stack.enter_async_context(postgres.database("empty", empty))
            for name in ("customers", "activities", "pipeline", "mailing")
        }
        names = {name: str(make_url(url).database) for name, url in urls.items()}
        server = make_url(urls["customers"])

        async def existing(_: str, __: object) -> None:
            return None

        monkeypatch.setattr("apps.embedded.application.ensure_databases", existing)
        monkeypatch.setattr(
            "apps.embedded.application.database_url",
            lambda _, name: SecretStr(
                server.set(database=names[name]).render_as_string(hide_password=False)
            ),
        )
        embedded: Embedded = await compose("unused", api_key=SecretStr(KEY), data=tmp_path)
        await stack.enter_async_context(embedded.app.router.lifespan_context(embedded.app))
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=embedded.app),
                base_url="http://suhde",
                headers={"Authorization": f"Bearer {KEY}"},
            )
        )

        async def ready() -> bool:
            answer = await client.get("/health/ready")
            assert answer.status_code == 200, answer.text
            return True

        await eventually(ready, within=90)
        yield client


@pytest.mark.requirement("LS-26", "LS-29", "LS-A4", "LS-A7")
async def test_an_invoice_makes_a_recipient_and_a_ban_refuses_him(
    suhde: httpx.AsyncClient,
) -> None:
    contact = {
        "contact_ref": "p1",
        "first_name": "Aino",
        "email": "Aino@Example.com",
        "address": {
            "street": "Katu 1",
            "postal_code": "00100",
            "city": "Helsinki",
            "country": "FI",
        },
    }
    sent = await suhde.post(
        "/v1/erp/events",
        json=[
            document("invoice-posted", "1", "A", "2024-03-01", "2024-03-01T09:00:00Z"),
            customer("A", contacts=[contact]),
        ],
    )
    assert [one["status"] for one in sent.json()["results"]] == ["accepted", "accepted"]
    made = await suhde.post(
        "/v1/segments",
        json={
            "name": "Since 2024",
            "rule": {"op": "relationship_start", "from_day": "2024-01-01"},
        },
    )
    segment = f"/v1/segments/{made.json()['segment_id']}"

    async def counted(channel: str, **want: int) -> bool:
        answer = await suhde.get(f"{segment}/counts")
        # Its members are being found.
        assert answer.status_code == 200, answer.text
        found = answer.json()
        of = found.get("channels", found)[channel]
        assert {name: of[name] for name in want} == want
        return True

    await eventually(lambda: counted("email", members=1, mailable=1))

    # On a busy machine the consent may not be fresh at every moment; then nobody is told of.
    async def reached() -> bool:
        recipients = await suhde.get(
            f"{segment}/recipients", params={"channel": "email", "purpose": "marketing"}
        )
        assert "aino@example.com" in recipients.text
        return True

    await eventually(reached)
    contact_id = (await suhde.get("/v1/contacts")).json()["items"][0]["contact_id"]

    banned = await suhde.put(f"/v1/contacts/{contact_id}/bans", json={"email": True})
    assert banned.status_code == 202
    await eventually(lambda: counted("email", members=1, mailable=0, banned=1))
    await eventually(lambda: counted("post", members=1, mailable=1))

    async def hand_off(purpose: str, channel: str = "email") -> str:
        answer = await suhde.post(
            "/v1/hand-offs",
            json={
                "contact_ids": [contact_id],
                "channel": channel,
                "purpose": purpose,
                "campaign": f"spring-{purpose}",
            },
        )
        assert answer.status_code == 200, answer.text
        return answer.text

    assert "banned" in await hand_off("marketing")
    assert "hand_off_id" in await hand_off("service")
    assert "hand_off_id" in await hand_off("marketing", "post")
