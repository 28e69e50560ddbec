"""Runs an application until told to stop, and then stops within 20 seconds, whatever hangs."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI

from shared.chassis.logs import get_logger
from shared.chassis.service import Service

HTTP_GRACE_SECONDS = 3
EXIT_WITHIN_SECONDS = 19.0
UNCLEAN = 70
TASK_DIED = 71

log = get_logger(__name__)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a process of ours from its first coroutine to its exit code."""
    # What is imported by now lives as long as the process. Batches make many objects at once that
    # are all still in use, so that collecting often finds nothing and costs a tenth of the CPU.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


class _Server(uvicorn.Server):
    """Uvicorn, which starts the watchdog when it is asked to stop."""

    def handle_exit(self, sig: int, frame: object) -> None:
        """Stop gracefully, at a second Ctrl-C without grace; end hard if that takes too long."""
        start_watchdog()
        # Uvicorn's own would raise the signal once more after the stop: the process would die of
        # it, without our exit code and before whoever runs us has cleaned up.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def start_watchdog(seconds: float = EXIT_WITHIN_SECONDS) -> None:
    """End the process after so many seconds, with an exit code that says it was not clean."""

    def end() -> None:
        log.error("shutdown_not_clean", seconds=seconds)
        os._exit(UNCLEAN)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


async def serve(app: FastAPI, services: Sequence[Service], *, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT, or until a task dies; return the exit code."""
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=HTTP_GRACE_SECONDS,
            server_header=False,
        )
    )
    died = asyncio.create_task(_first_failure(services))
    serving = asyncio.create_task(server.serve())
    await asyncio.wait([serving, died], return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        start_watchdog()
        server.should_exit = True
        await serving
        return TASK_DIED
    died.cancel()
    await serving
    return 0 if server.started else 1


async def _first_failure(services: Sequence[Service]) -> None:
    waiting = [asyncio.create_task(service.failed()) for service in services]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def interrupt_self() -> None:
    """Ask this process to stop as if an operator had pressed Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)
