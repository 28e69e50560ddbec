"""The shape of the tree: derived from it, so that a new service is held to the same rules."""

import ast
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("domain", "handlers", "api", "messaging", "persistence")
FILES = ("settings.py", "bootstrap.py", "main.py", "README.md")
LONG, TOO_LONG = 500, 600
ONE_BROKER = ROOT / "shared/chassis/bus/rabbitmq.py"


def services() -> list[Path]:
    return sorted(path for path in (ROOT / "services").iterdir() if (path / "__init__.py").exists())


def sources(*tops: str) -> list[Path]:
    found = [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))]
    return [path for path in found if "versions" not in path.parts]


def calls(path: Path) -> list[tuple[str, int]]:
    """Return the dotted names that a file calls, with their lines."""
    tree = ast.parse(path.read_text())
    return [
        (ast.unparse(node.func), node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    ]


def where(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_there_are_services() -> None:
    assert services()


@pytest.mark.parametrize("service", services(), ids=lambda path: path.name)
def test_every_service_has_the_same_rooms(service: Path) -> None:
    missing = [room for room in ROOMS if not (service / room / "__init__.py").exists()]
    missing += [name for name in FILES if not (service / name).exists()]
    assert not missing


def test_no_file_is_too_long() -> None:
    lengths = {
        where(path): len(path.read_text().splitlines())
        for path in sources("shared", "services", "apps", "tests")
    }
    for name, lines in lengths.items():
        if LONG < lines <= TOO_LONG:
            warnings.warn(f"{name} has {lines} lines", stacklevel=1)
    assert {name: lines for name, lines in lengths.items() if lines > TOO_LONG} == {}


def test_one_place_makes_brokers() -> None:
    made = [
        where(path, line)
        for path in sources("shared", "services", "apps", "bench")
        if path != ONE_BROKER
        for name, line in calls(path)
        if name.rpartition(".")[2] in ("RabbitBroker", "RabbitRouter")
    ]
    assert made == [], "use shared.chassis.bus.rabbitmq.make_broker: it sets the safe defaults"


def test_middleware_is_pure_asgi() -> None:
    found = [
        where(path)
        for path in sources("shared", "services", "apps")
        if "BaseHTTPMiddleware" in path.read_text()
    ]
    assert found == [], "BaseHTTPMiddleware cancels what runs below it"


def test_queries_name_their_columns() -> None:
    found = [
        where(path)
        for path in sources("shared", "services", "apps")
        if "SELECT *" in " ".join(path.read_text().upper().split())
    ]
    assert found == []


def test_tests_wait_for_states_not_for_time() -> None:
    found = [
        where(path, line)
        for path in sources("tests")
        for name, line in calls(path)
        if name in ("asyncio.sleep", "time.sleep", "sleep")
    ]
    assert found == [], "use shared.chassis.testing.waiting.eventually"


def test_the_import_contracts_hold() -> None:
    script = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", script, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
