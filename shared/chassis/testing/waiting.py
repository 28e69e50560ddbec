"""Waiting for a state instead of for time: with a deadline, and with what was last seen."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.1


async def eventually(
    probe: Callable[[], Awaitable[T]] | Callable[[], T], *, within: float = 10.0
) -> T:
    """
    Return what the probe returns as soon as it is truthy; fail when `within` seconds have passed.

    A probe that raises `AssertionError` is asked again; its text is part of the failure.
    """
    last: object = "the probe never answered"
    pause = FIRST_PAUSE
    try:
        async with asyncio.timeout(within):
            while True:
                try:
                    answer = probe()
                    found: T = await answer if inspect.isawaitable(answer) else answer
                    if found:
                        return found
                    last = repr(found)
                except AssertionError as error:
                    last = error
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE)
    except TimeoutError:
        raise AssertionError(f"not within {within} s; last seen: {last}") from None
