"""Log lines: one record is one line, secrets stay out, and nothing from a machine or PLM can forge a line."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from edge_bridge import logs
from edge_bridge.options import Secret


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the process's logging as it was."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Logging as under systemd."""
    monkeypatch.setenv("JOURNAL_STREAM", "8:1234")
    stream = io.StringIO()
    logs.start(stream=stream)
    return stream


def test_journald_gets_key_value_and_its_own_levels(journal: io.StringIO) -> None:
    """No timestamp of ours: journald has its own."""
    structlog.get_logger("x").warning("machine_lost", machine="lathe-07", after=3)
    assert journal.getvalue() == "<4>level=warning event=machine_lost machine=lathe-07 after=3\n"


def test_a_pipe_gets_a_timestamp() -> None:
    """Without journald the line carries its own time, in UTC."""
    stream = io.StringIO()
    logs.start(stream=stream)
    structlog.get_logger("x").info("started")
    assert stream.getvalue().startswith("timestamp=")
    assert stream.getvalue().endswith("Z level=info event=started\n")


def test_a_terminal_gets_colour() -> None:
    """A person reads it."""
    stream = Terminal()
    logs.start(stream=stream)
    structlog.get_logger("x").info("started", machine="lathe-07")
    assert "\x1b[" in stream.getvalue()
    assert "lathe-07" in stream.getvalue()


def test_secrets_do_not_show(journal: io.StringIO) -> None:
    """By type, by the key's name, inside mappings and lists, and in addresses."""
    structlog.get_logger("x").info(
        "e",
        a=Secret("hunter2"),
        password="hunter2",
        options={"mqtt_password": "hunter2", "list": [Secret("hunter2")]},
        url="mqtts://me:hunter2@broker",
    )
    assert "hunter2" not in journal.getvalue()
    assert "url=mqtts://…@broker" in journal.getvalue()


@pytest.mark.parametrize("evil", ["a\nlevel=error", "a\r\x1b[31m", "a\x00", "a\u2028b", "a\u202eb", "a\x9b31m"])
def test_control_characters_are_escaped(journal: io.StringIO, evil: str) -> None:
    """A program's name cannot start a line or colour a terminal, in a value or in the event."""
    structlog.get_logger("x").info(evil, program=evil)
    (line, rest) = journal.getvalue().split("\n")
    assert rest == ""
    assert not set(line) & set("\r\x1b\x00\u2028\u202e\x9b")


def test_a_terminal_is_not_coloured_by_others() -> None:
    """Escapes from a machine are shown, not obeyed."""
    stream = Terminal()
    logs.start(stream=stream)
    structlog.get_logger("x").info("seen", program="\x1b[2J")
    assert "\x1b[2J" not in stream.getvalue()


def test_a_traceback_is_one_line(journal: io.StringIO) -> None:
    """A record of several lines would be several records in the journal."""
    try:
        raise ValueError("no")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    assert journal.getvalue().count("\n") == 1
    assert "ValueError: no" in journal.getvalue()


def test_other_libraries_speak_the_same_way(journal: io.StringIO) -> None:
    """The standard library's loggers end in the same lines; the chatty ones are quiet."""
    logging.getLogger("aiohttp").warning("slow %s", "query")
    logging.getLogger("asyncua.client").error("lost again")
    assert journal.getvalue() == '<4>level=warning event="slow query"\n'


@pytest.mark.parametrize(("debug", "shown"), [(True, 1), (False, 0)])
def test_debug_messages_are_asked_for(debug: bool, shown: int) -> None:
    """--debug shows them."""
    stream = io.StringIO()
    logs.start(debug=debug, stream=stream)
    structlog.get_logger("x").debug("poll")
    assert stream.getvalue().count("event=poll") == shown
