"""For a person who waits on something far away: a line that says for what, an end by Ctrl-C that closes what is open."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NoReturn, TypeVar

import structlog

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.clock import SystemClock

Result = TypeVar("Result")
_WHOLE_LINE = "\r\x1b[2K"


class Patience:
    """A line on the terminal that appears after a second, counts, and is gone at the end. Nothing in a pipe or with --json."""

    def __init__(self, desk: Desk, text: str, *, silent: bool = False) -> None:
        self._desk, self._text = desk, text
        self._seen = sys.stderr.isatty() and not silent
        self._shown = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Patience:
        """Begin to count."""
        if self._seen:
            self._task = asyncio.create_task(self._count())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop counting and take the line away."""
        if self._task is not None:
            self._task.cancel()
        self.clear()

    def say(self, text: str) -> None:
        """Wait for something else from now on."""
        self._text = text

    def clear(self) -> None:
        """Take the line away, before something else is printed."""
        if self._shown:
            sys.stderr.write(_WHOLE_LINE)
            sys.stderr.flush()
            self._shown = False

    async def _count(self) -> None:
        clock, waited = SystemClock(), 0
        while True:
            await clock.sleep(1)
            waited += 1
            line = self._desk.words("wait.line", text=self._text, waited=self._desk.duration(1000 * waited))
            shown = output.cut(line, os.get_terminal_size(sys.stderr.fileno()).columns - 1)
            sys.stderr.write(f"{_WHOLE_LINE}{shown}")
            sys.stderr.flush()
            self._shown = True


def to_the_end(work: Coroutine[Any, Any, Result], desk: Desk, *, debug: bool = False) -> Result:
    """Run it. Ctrl-C, SIGTERM and SIGHUP end it in order, sessions closed, and it says so; raises KeyboardInterrupt then.

    debug: what libraries log goes to standard error; else nowhere.
    """
    closed = False

    async def watched() -> Result:
        nonlocal closed
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGHUP):  # a remote terminal that is lost must not cost a control's slot
            loop.add_signal_handler(number, lambda: task and task.cancel())
        try:
            return await work
        finally:
            closed = True

    try:
        with _log_lines(debug=debug):
            return asyncio.run(watched())
    except (KeyboardInterrupt, asyncio.CancelledError):
        output.complain(desk.words("wait.interrupted" if closed else "wait.interrupted.twice"))
        raise KeyboardInterrupt from None


@contextmanager
def _log_lines(*, debug: bool) -> Iterator[None]:
    """Keep log lines away from what is printed: a person gets the reason as a sentence, a program gets JSON alone."""
    disabled, kept = logging.root.manager.disable, structlog.get_config() if structlog.is_configured() else None
    if not debug:
        logging.disable(logging.CRITICAL)
    shown: list[structlog.typing.Processor] = [structlog.processors.KeyValueRenderer()] if debug else [_dropped]
    structlog.configure(processors=shown, logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        yield
    finally:
        logging.disable(disabled)
        structlog.reset_defaults()
        if kept is not None:
            structlog.configure(**kept)


def _dropped(_logger: Any, _method: str, _event: MutableMapping[str, Any]) -> NoReturn:
    raise structlog.DropEvent
