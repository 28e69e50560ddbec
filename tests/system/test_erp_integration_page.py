"""docs/erp-integration.md works as typed: its snippets are taken from the page and run."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from shared.chassis.testing.waiting import eventually
from tests.system.pages import blocks, contains, run
from tests.system.processes import KEY, ROOT, ServiceProcess
from tests.system.suhde_up import SuhdeUp, suhde_up

PAGE = (ROOT / "docs/erp-integration.md").read_text()


def section(begin: str, end: str) -> str:
    return PAGE.partition(begin)[2].partition(end)[0]


HTTP = blocks(section("## 2. The customer", "### Over AMQP"))
AMQP = blocks(section("### Over AMQP", "## 4. The envelope"))
EXPORTS = dict(
    zip(("make up", "url and key", "compose"), blocks(section("## 1.", "## 2.")), strict=True)
)


@pytest.fixture(scope="module")
async def suhde() -> AsyncIterator[SuhdeUp]:
    async with suhde_up() as one:
        yield one


async def test_the_http_part_answers_what_the_page_shows(suhde: SuhdeUp) -> None:
    exports = EXPORTS["url and key"][1].replace(":8080", f":{suhde.port}")
    printed, checked, ran = "", 0, set()

    for language, code in HTTP:
        if language == "json":
            assert contains(json.loads(printed), json.loads(code)), f"{code}\nbut: {printed}"
            checked += 1
        else:
            await suhde.settled()
            printed = await run(language, code, before=exports, directory=suhde.directory)
            assert '"slug"' not in printed, printed
            ran.add(language)

    assert ran == {"bash", "python"}
    assert checked >= 5


@pytest.fixture
async def customers(deployed: dict[str, ServiceProcess], tmp_path: Path) -> ServiceProcess:
    """The customers service on RabbitMQ; its secrets and invoice.json lie where the page says."""
    one = deployed["customers"]
    await one.start()
    await one.ready()
    (tmp_path / ".secrets").mkdir()
    (tmp_path / ".secrets/erp_broker_url").write_text(one.broker_url)
    (tmp_path / ".secrets/customers_api_key").write_text(KEY)
    for _, code in HTTP:
        if code.startswith("cat > invoice.json"):
            await run("bash", code, before="", directory=tmp_path)
    return one


async def publishes_the_first_invoice(
    language: str, customers: ServiceProcess, directory: Path
) -> None:
    exports = EXPORTS["compose"][1].replace(":8001", f":{customers.port}")
    await run(*HTTP[0], before=exports, directory=directory)
    (url,) = (code for marked, code in AMQP if not marked)
    (snippet,) = (code for marked, code in AMQP if marked == language)

    await run(language, snippet, before=url, directory=directory)

    async with httpx.AsyncClient(base_url=customers.url, headers=customers.headers) as client:

        async def started() -> bool:
            items = (await client.get("/v1/customers")).json()["items"]
            assert len(items) == 1, items
            (one,) = items
            assert one["relationship"], one
            return bool(one["relationship"]["started_on"] == "2026-01-31")

        await eventually(started)


@pytest.mark.rabbitmq
async def test_the_python_snippet_publishes_over_amqp(
    customers: ServiceProcess, tmp_path: Path
) -> None:
    await publishes_the_first_invoice("python", customers, tmp_path)


# Not marked as needing RabbitMQ alone: the tool is in no list of what a machine must have.
@pytest.mark.skipif(not shutil.which("amqp-publish"), reason="needs amqp-publish (amqp-tools)")
async def test_amqp_publish_publishes_as_typed(customers: ServiceProcess, tmp_path: Path) -> None:
    await publishes_the_first_invoice("bash", customers, tmp_path)
