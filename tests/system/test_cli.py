"""The `suhde` command as its user meets it: what it does, what it says next, how it ends."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from apps.cli import main
from shared.chassis.bus.rabbitmq import declare_topology
from shared.contracts.catalogue import ERP_EXCHANGE
from shared.contracts.wiring import EXCHANGES
from tests.integration.customers.erp import customer, document
from tests.system.processes import ROOT, free_port
from tests.system.suhde_up import SuhdeUp, suhde_up

Suhde = Callable[..., Result]


@pytest.fixture(scope="module")
async def up() -> AsyncIterator[SuhdeUp]:
    async with suhde_up() as one:
        yield one


@pytest.fixture
def suhde(monkeypatch: pytest.MonkeyPatch) -> Suhde:
    """Run the command without an address or a key; each line of what it says is one line."""
    for name in ("SUHDE_URL", "SUHDE_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object, at: SuhdeUp | None = None) -> Result:
        env = {"SUHDE_URL": at.url, "SUHDE_KEY": at.key} if at else {}
        return CliRunner().invoke(main.app, [str(one) for one in arguments], env=env)

    return run


def write(path: Path, *events: dict[str, Any] | str) -> Path:
    lines = (one if isinstance(one, str) else json.dumps(one) for one in events)
    path.write_text("\n".join(lines) + "\n")
    return path


def wrong(name: str) -> dict[str, Any]:
    """Return an invoice that is stored but cannot be applied."""
    one = document("invoice-posted", name, name, "2024-01-01")
    one["data"]["net_amount"] = "-1.00"
    return one


def said(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    "command",
    [
        *("", "up", "demo", "serve", "migrate", "republish", "topology", "schemas", "erp"),
        *("erp publish", "parked", "parked list", "parked show", "parked redrive"),
        *("profile", "profile list", "profile apply"),
    ],
)
def test_every_command_explains_itself(suhde: Suhde, command: str) -> None:
    result = suhde(*command.split(), "--help")

    assert result.exit_code == 0
    assert "Usage" in result.output


class TestPublish:
    def test_a_file_is_taken_and_a_second_time_does_nothing(
        self, suhde: Suhde, up: SuhdeUp, tmp_path: Path
    ) -> None:
        invoice = document("invoice-posted", "P1", "P1", "2024-01-01")
        file = write(tmp_path / "events", customer("P1"), "", invoice)

        first, second = (suhde("erp", "publish", file, at=up) for _ in range(2))

        assert (first.exit_code, said(first)) == (0, "2 accepted")
        assert (second.exit_code, said(second)) == (0, "2 duplicate")

    def test_what_was_not_taken_is_told_by_line_and_ends_with_1(
        self, suhde: Suhde, up: SuhdeUp, tmp_path: Path
    ) -> None:
        unreadable = {**customer("P3"), "specversion": "9"}
        file = write(tmp_path / "events", customer("P2"), wrong("P2"), unreadable)

        result = suhde("erp", "publish", file, at=up)

        assert result.exit_code == 1
        assert "1 accepted, 1 parked, 1 refused" in said(result)
        assert "line 2: parked, net_amount_invalid: data: net_amount is negative" in said(result)
        assert "line 3: refused, envelope_specversion_invalid" in said(result)
        assert "suhde parked list" in said(result)

    @pytest.mark.parametrize("bad", ["{no json", "17", '{"a": NaN}'])
    def test_a_bad_line_is_named_and_nothing_is_sent(
        self, suhde: Suhde, up: SuhdeUp, tmp_path: Path, bad: str
    ) -> None:
        good = customer(f"P4 {bad}")

        result = suhde("erp", "publish", write(tmp_path / "bad", good, bad), at=up)

        assert result.exit_code == 1
        assert "line 2 is no" in said(result)
        assert "Nothing was sent" in said(result)
        assert said(suhde("erp", "publish", write(tmp_path / "good", good), at=up)) == "1 accepted"

    def test_more_than_fits_into_one_request_is_sent_in_several(
        self, suhde: Suhde, up: SuhdeUp, tmp_path: Path
    ) -> None:
        large = [customer(f"P5-{number}", note="ä" * 400_000) for number in range(6)]
        lines = [json.dumps(one, ensure_ascii=False) for one in large]

        result = suhde("erp", "publish", write(tmp_path / "events", *lines), at=up)

        assert (result.exit_code, said(result)) == (0, "6 accepted")

    def test_an_empty_file_is_no_mistake(self, suhde: Suhde, up: SuhdeUp, tmp_path: Path) -> None:
        result = suhde("erp", "publish", write(tmp_path / "events"), at=up)

        assert (result.exit_code, said(result)) == (0, "no events")

    def test_a_broker_that_is_away_is_named(self, suhde: Suhde, tmp_path: Path) -> None:
        file = write(tmp_path / "events", customer("P6"))
        broker = f"amqp://erp:secret-password@127.0.0.1:{free_port()}/suhde"

        result = suhde("erp", "publish", file, "--amqp", broker)

        assert result.exit_code == 1
        assert "--amqp" in said(result)
        assert "secret-password" not in result.output

    @pytest.mark.rabbitmq
    def test_over_amqp_each_line_is_confirmed_or_told_to_be_unroutable(
        self, suhde: Suhde, rabbit_url: str, tmp_path: Path
    ) -> None:
        heard = {"customers": [(ERP_EXCHANGE, "erp.customer-saved.v1")]}
        asyncio.run(declare_topology(rabbit_url, heard, exchanges=EXCHANGES))
        unheard = {**customer("P8"), "type": "erp.coffee-brewed.v1"}
        file = write(tmp_path / "events", customer("P7"), unheard)

        result = suhde("erp", "publish", file, "--amqp", rabbit_url)

        assert result.exit_code == 1
        assert "1 confirmed, 1 refused" in said(result)
        assert "line 2: refused: nobody listens to the type 'erp.coffee-brewed.v1'" in said(result)


class TestProfile:
    def test_profiles_are_listed_tried_and_applied(self, suhde: Suhde, up: SuhdeUp) -> None:
        tried = suhde("profile", "apply", "lemonsoft", "--dry-run", at=up)
        assert tried.exit_code == 0
        assert "tracking_object: Region" in tried.output
        assert "5 would be added, 2 there by the same title" in said(tried)

        first, second = (suhde("profile", "apply", "lemonsoft", at=up) for _ in range(2))

        assert "5 added, 2 there by the same title, 0 installed before" in said(first)
        assert said(second) == "0 added, 0 there by the same title, 7 installed before"
        listed = suhde("profile", "list", at=up)
        assert listed.exit_code == 0
        assert all(name in listed.output for name in ("24sevenoffice", "minicrm", "nace"))

    def test_an_unknown_profile_is_told_with_what_to_do(self, suhde: Suhde, up: SuhdeUp) -> None:
        result = suhde("profile", "apply", "sap", at=up)
        assert result.exit_code == 1
        assert "There is no profile 'sap'" in said(result)
        assert "suhde profile list" in said(result)


class TestWithoutAnAnswer:
    COMMANDS = (
        ("erp", "publish", "FILE"),
        ("parked", "list"),
        ("parked", "show", "1"),
        ("parked", "redrive", "--all"),
    )

    @pytest.fixture(params=COMMANDS, ids=" ".join)
    def command(self, request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
        file = write(tmp_path / "events", customer("W1"))
        return [str(file) if one == "FILE" else one for one in request.param]

    def test_a_server_that_is_away(self, suhde: Suhde, command: list[str]) -> None:
        url = f"http://127.0.0.1:{free_port()}"

        result = suhde(*command, "--key", "k", "--url", url)

        assert result.exit_code == 1
        assert f"{url}/v1/" in said(result)
        assert "does not answer" in said(result)
        assert "Is Suhde running" in said(result)

    def test_no_key(self, suhde: Suhde, command: list[str]) -> None:
        result = suhde(*command)

        assert result.exit_code == 2
        assert "SUHDE_KEY" in said(result)

    def test_a_wrong_key(self, suhde: Suhde, up: SuhdeUp, command: list[str]) -> None:
        result = suhde(*command, "--key", "wrong", at=up)

        assert result.exit_code == 1
        assert "does not know this key" in said(result)


class TestParked:
    async def parked(self, up: SuhdeUp, reason: str = "net_amount_invalid") -> int:
        """Return the number of the newest message parked for this reason."""
        await up.settled()
        async with up.client() as client:
            answer = await client.get(
                "/v1/inboxes/customers/parked-messages", params={"reason": reason, "limit": 500}
            )
        return int(answer.json()["items"][-1]["seq"])

    @pytest.fixture
    async def number(self, up: SuhdeUp, request: pytest.FixtureRequest) -> int:
        async with up.client() as client:
            await client.post("/v1/erp/events", json=wrong(f"Q {request.node.name}"))
        return await self.parked(up)

    def test_the_list_counts_and_says_what_to_do(
        self, suhde: Suhde, up: SuhdeUp, number: int
    ) -> None:
        result = suhde("parked", "list", "--reason", "net_amount_invalid", "--limit", 500, at=up)

        assert result.exit_code == 0
        assert f"{number} erp.invoice-posted.v1 net_amount_invalid" in said(result)
        assert "publish a credit note" in said(result)

    def test_what_is_not_parked_is_not_listed(self, suhde: Suhde, up: SuhdeUp, number: int) -> None:
        other = suhde("parked", "list", "--reason", "other", at=up)
        mailing = suhde("parked", "list", "--service", "mailing", at=up)

        assert "Nothing is parked for the reason other." in said(other)
        assert said(mailing) == "Nothing is parked."

    def test_show_prints_the_message_whole(self, suhde: Suhde, up: SuhdeUp, number: int) -> None:
        result = suhde("parked", "show", number, at=up)

        assert result.exit_code == 0
        shown = json.loads(result.output)
        assert shown["seq"] == number
        assert json.loads(shown["body"])["data"]["net_amount"] == "-1.00"

    def test_show_of_what_is_not_parked_ends_with_1(self, suhde: Suhde, up: SuhdeUp) -> None:
        result = suhde("parked", "show", 999_999, at=up)

        assert result.exit_code == 1
        assert "No message 999999 is parked." in said(result)

    async def test_redrive_puts_one_to_work_and_what_is_not_mended_is_parked_again(
        self, suhde: Suhde, up: SuhdeUp, number: int
    ) -> None:
        result = suhde("parked", "redrive", number, at=up)

        assert (result.exit_code, said(result)) == (0, "1 message goes on.")
        await up.settled()
        assert suhde("parked", "show", number, at=up).exit_code == 0

    def test_redrive_says_when_there_was_nothing_to_do(self, suhde: Suhde, up: SuhdeUp) -> None:
        result = suhde("parked", "redrive", 999_999, at=up)

        assert result.exit_code == 0
        assert "Nothing to redrive" in said(result)

    def test_redrive_wants_to_know_what(self, suhde: Suhde, up: SuhdeUp) -> None:
        result = suhde("parked", "redrive", at=up)

        assert result.exit_code == 2
        assert "--all" in said(result)

    def test_a_service_that_does_not_exist(self, suhde: Suhde, up: SuhdeUp) -> None:
        result = suhde("parked", "list", "--service", "billing", at=up)

        assert result.exit_code == 2
        assert "mailing" in said(result)


class TestDeploySteps:
    @pytest.mark.parametrize(
        ("command", "setting", "store"),
        [
            (["topology"], "SUHDE_BROKER_URL=amqp://a:b@127.0.0.1:{}/suhde", "RabbitMQ"),
            (
                ["migrate", "customers"],
                "SUHDE_DATABASE_URL=postgresql+asyncpg://a:b@127.0.0.1:{}/x",
                "PostgreSQL",
            ),
            (
                ["republish", "customers"],
                "SUHDE_DATABASE_URL=postgresql+asyncpg://a:b@127.0.0.1:{}/x",
                "PostgreSQL",
            ),
        ],
        ids=["topology", "migrate", "republish"],
    )
    def test_a_store_that_stays_away_ends_the_step_with_1(
        self,
        suhde: Suhde,
        monkeypatch: pytest.MonkeyPatch,
        command: list[str],
        setting: str,
        store: str,
    ) -> None:
        monkeypatch.setenv(*setting.format(free_port()).split("=", 1))
        monkeypatch.setattr(main, "WAIT_SECONDS", 0.0)

        result = suhde(*command)

        assert result.exit_code == 1
        assert f"{store} does not let us in" in said(result)

    def test_a_service_that_tells_no_state(self, suhde: Suhde) -> None:
        result = suhde("republish", "mailing")

        assert result.exit_code == 2
        assert "'mailing' tells no state" in said(result)


class TestUp:
    async def test_ctrl_c_ends_it_with_0_within_20_seconds(self) -> None:
        async with suhde_up() as one:
            assert await one.press_ctrl_c() == 0
            assert "Traceback" not in one.printed

    async def test_a_port_that_is_taken_is_named(self, up: SuhdeUp, tmp_path: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "apps.cli.main", "up", "--port", str(up.port), "--data", str(tmp_path)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            printed, _ = await process.communicate()

        assert process.returncode == 1
        assert f"port {up.port} on 127.0.0.1 is taken; choose another with --port" in " ".join(
            printed.decode().split()
        )
