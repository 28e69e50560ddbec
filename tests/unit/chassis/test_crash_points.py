import os
import signal
import subprocess
import sys

import pytest

from shared.chassis import crash_points

SCRIPT = """
from shared.chassis.crash_points import arm, crash_point
arm("here", 3)
for passage in range(1, 5):
    crash_point("elsewhere")
    crash_point("here")
    print(passage, flush=True)
"""


def test_the_process_dies_at_exactly_that_passage() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, timeout=30, env={**os.environ}
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == [b"1", b"2"]


def test_nothing_happens_unless_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash_points, "_armed", {})
    crash_points.crash_point("anywhere")
