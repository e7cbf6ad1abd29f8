"""Waiting for a condition: the one place in the tests that may sleep, always bounded."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


async def until(condition: Callable[[], Result | Awaitable[Result]], *, within: float = 10.0, what: str = "") -> Result:
    """Return the condition's first true value; fail when none came `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        found = condition()
        result: Result = await found if inspect.isawaitable(found) else found
        if result:
            return result
        assert time.monotonic() < deadline, f"waited {within} s for {what or inspect.getsource(condition).strip()}"
        await asyncio.sleep(0.01)


def until_sync(condition: Callable[[], Result], *, within: float = 10.0, what: str = "") -> Result:
    """Return the condition's first true value; fail when none came `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        if result := condition():
            return result
        assert time.monotonic() < deadline, f"waited {within} s for {what or inspect.getsource(condition).strip()}"
        time.sleep(0.01)
