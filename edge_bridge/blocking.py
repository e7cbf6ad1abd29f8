"""Calls that a dead network share can hang, each in a thread that nobody has to wait for. For adapters that read folders."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from edge_bridge.errors import AdapterError

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
Expected = tuple[type[Exception], ...]
"""What a call may raise beside AdapterError and OSError, and whoever waits for it understands."""
_HINT = "check the network and the file server"


class BlockingCalls:
    """Runs one call at a time in a daemon thread. A hung one is not repeated: that would only hang another thread."""

    def __init__(self, *expected: type[Exception]) -> None:
        self._expected = expected
        self._last: asyncio.Future[Any] | None = None

    async def run(self, timeout: float, call: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        """Return the call's result, or raise what it raised. Raises AdapterError after `timeout` seconds."""
        loop = asyncio.get_running_loop()
        if self._last is not None and self._last.get_loop() is loop:
            await _wait(self._last, timeout)
        self._last = future = _started(call, args, self._expected)
        await _wait(future, timeout)
        if self._last is future:  # a look at a hundred thousand files is large, and would be held until the next one
            self._last = None
        return future.result()


async def in_thread(
    call: Callable[[*Arguments], Result], *args: *Arguments, expected: type[Exception] = AdapterError
) -> Result:
    """Return what a long call returns, or raise what it raised. Unlike asyncio's own threads it never delays the exit."""
    future = _started(call, args, (expected,))
    await asyncio.wait({future})
    return future.result()


def _started(
    call: Callable[[*Arguments], Result], args: tuple[*Arguments], expected: Expected
) -> asyncio.Future[Result]:
    future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.exception())  # it may end when nobody waits for it any more
    threading.Thread(target=_run, args=(future, call, args, expected), name="folder", daemon=True).start()
    return future


async def _wait(future: asyncio.Future[Any], timeout: float) -> None:
    """Wait without cancelling: the thread cannot be cancelled either."""
    await asyncio.wait({future}, timeout=timeout)
    if not future.done():
        raise AdapterError(f"the folder does not answer (waited {timeout:g} s)", _HINT)


def _run(
    future: asyncio.Future[Result],
    call: Callable[[*Arguments], Result],
    args: tuple[*Arguments],
    expected: Expected,
) -> None:
    understood: Expected = (AdapterError, OSError, *expected)
    settle = partial[None](future.set_exception, AdapterError("the look at the folder failed", _HINT))
    try:
        settle = partial(future.set_result, call(*args))
    except understood as error:
        settle = partial(future.set_exception, error)
    finally:
        try:
            future.get_loop().call_soon_threadsafe(settle)
        except RuntimeError:
            pass  # the loop was closed while the share hung
