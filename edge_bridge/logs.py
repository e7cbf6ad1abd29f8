"""Log lines: in colour on a terminal, key=value for journald and pipes; secrets and control characters never get through."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from edge_bridge.options import Secret

_SECRET_KEY = re.compile(r"password|passwd|secret|token|credential|private", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*@")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LEVELS = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # syslog's, which journald reads as `<N>`
_NOISY = ("asyncua", "pymodbus", "apscheduler", "watchdog", "amqtt", "transitions")


def start(*, debug: bool = False, stream: TextIO | None = None) -> None:
    """Send every log line, the libraries' too, to `stream` (standard error)."""
    out = stream if stream is not None else sys.stderr
    level = logging.DEBUG if debug else logging.INFO
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _traceback_as_text,
        clean,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_appearance(out)],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    for name in _NOISY:  # they log each lost connection at every retry; the supervisor says it once
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _appearance(out: TextIO) -> list[structlog.typing.Processor]:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    if out.isatty():
        return [stamp, structlog.dev.ConsoleRenderer(colors=True, sort_keys=False)]
    lines = structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "event"], drop_missing=True, bool_as_flag=False
    )
    if os.environ.get("JOURNAL_STREAM"):  # journald has its own clock, and takes the level from the prefix
        return [_with_priority(lines)]
    return [stamp, lines]


def _with_priority(render: Any) -> structlog.typing.Processor:
    def line(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        priority = _LEVELS.get(str(event.get("level")), 6)
        return f"<{priority}>{render(logger, method, event)}"

    return line


def _traceback_as_text(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep a traceback as one field: a record of several lines would be several records in journald."""
    formatted = structlog.processors.format_exc_info(logger, method, dict(event))
    event.clear()
    event.update(formatted)
    return event


def clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secrets and escape control characters: a program's name or a PLM's text must not forge a line or a colour."""
    for key, value in list(event.items()):
        if not key.startswith("_"):
            event[key] = "…" if _SECRET_KEY.search(key) and value is not None else _cleaned(value)
    return event


def _cleaned(value: Any) -> Any:
    if isinstance(value, Secret):
        return "…"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {
            str(_cleaned(key)): "…" if _SECRET_KEY.search(str(key)) else _cleaned(inner) for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(inner) for inner in value]
    text = _IN_ADDRESS.sub("…@", str(value))
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
