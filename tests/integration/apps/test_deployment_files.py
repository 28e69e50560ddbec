"""The files of the deployment agree with each other and with the code."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.render_definitions import TEMPLATE, template
from shared.chassis.process import EXIT_WITHIN_SECONDS

ROOT = Path(__file__).parents[3]
COMPOSE = (ROOT / "docker-compose.yml").read_text()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a directory in which deploy/make-secrets was run once."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    assert make_secrets(tmp_path).returncode == 0
    return tmp_path / ".secrets"


def make_secrets(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, directory / "deploy/make-secrets"],
        capture_output=True,
        text=True,
        timeout=30,
    )


def number(text: str, file: str) -> float:
    found = re.search(text, file)
    assert found, text
    return float(found[1])


def test_the_definitions_are_those_of_the_catalogue() -> None:
    assert json.loads(TEMPLATE.read_text()) == template(), "run deploy.render_definitions"


def test_every_file_that_compose_mounts_is_made_or_committed(made: Path) -> None:
    named = set(re.findall(r"\./([\w./]+)", COMPOSE))

    assert {name for name in named if name.startswith(".secrets/")} <= {
        f".secrets/{path.name}" for path in made.iterdir()
    }
    assert all((ROOT / name).is_file() for name in named if not name.startswith(".secrets/"))


def test_secrets_are_made_once_and_kept_from_others(made: Path) -> None:
    before = {path.name: path.read_text() for path in made.iterdir()}

    again = make_secrets(made.parent)

    assert again.returncode == 1
    assert "exists" in again.stderr
    assert {path.name: path.read_text() for path in made.iterdir()} == before
    assert made.stat().st_mode & 0o077 == 0
    assert (made / ".gitignore").read_text() == "*\n"


def test_each_broker_user_has_the_password_of_its_url(made: Path) -> None:
    users = json.loads((made / "rabbitmq_definitions.json").read_text())["users"]

    assert {user["name"] for user in users} == {
        "customers",
        "activities",
        "pipeline",
        "mailing",
        "erp",
        "deploy",
    }
    for user in users:
        url = (made / f"{user['name']}_broker_url").read_text()
        password = url.partition("@")[0].rpartition(":")[2]
        hashed = base64.b64decode(user["password_hash"])
        assert hashed[4:] == hashlib.sha256(hashed[:4] + password.encode()).digest()


def test_a_service_has_time_to_stop_by_itself() -> None:
    graces = re.findall(r"stop_grace_period: (\d+)s", COMPOSE)

    assert graces
    assert all(int(seconds) > EXIT_WITHIN_SECONDS for seconds in graces)


def test_the_broker_raises_its_alarm_before_its_container_is_full() -> None:
    settings = (ROOT / "deploy/rabbitmq/rabbitmq.conf").read_text()
    service = COMPOSE.partition("  rabbitmq:\n")[2].partition("\n\n")[0]

    alarm = number(r"vm_memory_high_watermark\.absolute = (\d+)MB", settings)
    assert alarm <= 0.7 * 1024 * number(r"mem_limit: (\d+)g", service)


def test_no_committed_file_names_a_package_index() -> None:
    hosts = "|".join(("pypi[.]org", "pythonhosted[.]org", "^--.*index-url"))
    found = subprocess.run(
        ["git", "grep", "--line-number", "-E", hosts],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert found.returncode == 1, found.stdout + found.stderr
