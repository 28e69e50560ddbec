"""Named places at which a test may kill the process, to prove that nothing is lost or doubled.

A crash point costs one truth test unless armed. `arm("worker.before-commit", 3)` kills the process
with SIGKILL, as the kernel would, the third time it passes that place: counters decide, not time.
"""

import os
import signal

_armed: dict[str, int] = {}


def arm(name: str, hit: int = 1) -> None:
    """Kill this process at the `hit`-th passage of the crash point `name`."""
    _armed[name] = hit


def crash_point(name: str) -> None:
    """Mark a step between receive and acknowledge; does nothing unless armed."""
    if not _armed or name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
