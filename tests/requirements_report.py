"""Prints which tests prove which requirement, and which requirements of finished issues have none.

Run as `python -m tests.requirements_report`; ends with 1 if a finished issue lacks a test.
"""

import contextlib
import io
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

ISSUES = Path(__file__).with_name("requirements.toml")


class Collector:
    """Remembers the requirement marks of all collected tests."""

    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("requirement"):
                for id_ in mark.args:
                    # The parameters of a test are not shown: they prove the same.
                    self.tests[id_].add(item.nodeid.partition("[")[0])


def without_test(issues: dict[str, dict[str, object]], proven: set[str]) -> dict[str, list[str]]:
    """Return, for each finished issue, the ids that no test names."""
    missing: dict[str, list[str]] = {}
    for number, issue in issues.items():
        ids = issue["ids"]
        assert isinstance(ids, list)
        left = [id_ for id_ in ids if id_ not in proven]
        if issue["finished"] and left:
            missing[number] = left
    return missing


def main() -> int:
    """Print the report; return the exit code."""
    collector = Collector()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider"], plugins=[collector])
    if code != pytest.ExitCode.OK:
        print(printed.getvalue(), file=sys.stderr)  # noqa: T201
        return int(code)
    lines = []
    for id_ in sorted(collector.tests):
        first, *others = sorted(collector.tests[id_])
        lines += [f"{id_:<10}{first}", *(f"{'':<10}{other}" for other in others)]
    issues = tomllib.loads(ISSUES.read_text())["issues"]
    missing = without_test(issues, set(collector.tests))
    lines += [f"issue {number}: no test for {', '.join(ids)}" for number, ids in missing.items()]
    if not missing:
        lines.append("Every requirement of the finished issues has a test.")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
