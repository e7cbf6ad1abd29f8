"""Options may stand anywhere among a command's words, as people type them."""

from __future__ import annotations

import pytest

from edge_bridge.cli.parser import Parser
from edge_bridge.errors import UsageError


def parser() -> Parser:
    """One command with a word that may be absent, and commands of its own beside it."""
    whole = Parser(prog="tool")
    commands = whole.add_subparsers(dest="command", required=True)
    look = commands.add_parser("look")
    look.add_argument("machine")
    look.add_argument("start", nargs="?")
    look.add_argument("--config", default="here")
    keys = commands.add_parser("keys").add_subparsers(dest="action", required=True)
    export = keys.add_parser("export")
    export.add_argument("file", nargs="?")
    export.add_argument("--config", default="here")
    return whole


@pytest.mark.parametrize(
    "words",
    ["look m --config c i=85", "look m i=85 --config c", "look --config c m i=85"],
)
def test_an_option_between_two_words(words: str) -> None:
    """Python 3.11 alone refuses the first of these."""
    found = parser().parse_args(words.split())
    assert (found.machine, found.start, found.config) == ("m", "i=85", "c")


def test_what_is_absent_keeps_its_default() -> None:
    """Also in a command of a command."""
    found = parser().parse_args(["look", "m"])
    assert (found.machine, found.start, found.config) == ("m", None, "here")
    deep = parser().parse_args(["keys", "export", "--config", "c", "file"])
    assert (deep.action, deep.file, deep.config) == ("export", "file", "c")


@pytest.mark.parametrize(
    ("words", "said"), [("look", "required: machine"), ("look m a b", "unrecognized arguments: b")]
)
def test_wrong_usage_is_refused(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 2, with the usage of the command."""
    with pytest.raises(UsageError, match=said) as refused:
        parser().parse_args(words.split())
    assert refused.value.exit_code == 2
    assert capsys.readouterr().err.startswith("usage: ")
