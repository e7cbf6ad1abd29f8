"""What an MTConnect machine's file may say, and what it is told when it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.mtconnect.adapter import MtConnectAdapter
from adapters.mtconnect.options import MtConnectOptions, profile, settings
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.errors import ConfigError

URL = "http://192.168.10.50:5000"


def options(**given: Any) -> MtConnectOptions:
    """Return checked settings."""
    return settings({"adapter": "mtconnect", "url": URL, **given})


def refused(**given: Any) -> str:
    """Return what a machine's file is told."""
    with pytest.raises(ConfigError) as caught:
        MtConnectAdapter("m1", {"adapter": "mtconnect", "url": URL, **given}, SystemClock())
    return str(caught.value)


def test_nothing_but_an_address_is_needed() -> None:
    """The profile knows the standard's data items."""
    found = options()
    assert found.items.main_program is not None
    assert found.items.main_program.item == ("PROGRAM:MAIN", "PROGRAM")
    assert found.items.execution is not None
    assert found.items.execution.map["ACTIVE"] is Execution.RUNNING
    assert found.read == "auto"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("192.168.10.50:5000", "not an HTTP address"),
        ("opc.tcp://h:1", "not an HTTP address"),
        ("http://h:port", "not an address"),
        ("http://user:secret@h:5000", "no user and password"),
        ("http://h:5000/current", "adds /current itself"),
        ("http://h:5000/probe/", "adds /probe itself"),
        ("http://h:5000?path=x", "ends before"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, words: str) -> None:
    """With the way out, and without the password."""
    said = refused(url=url)
    assert words in said
    assert "→" in said
    assert "secret" not in said


@pytest.mark.parametrize("url", ["http://h:5000/", "https://h/agents/line1/", "http://[fe80::1]:5000"])
def test_an_address_may_have_a_path(url: str) -> None:
    """An agent behind a proxy; a slash at the end makes no difference."""
    assert options(url=url).url == url.rstrip("/")


def test_a_plain_item_keeps_the_profile_s_map() -> None:
    """The site names another data item; what its values mean stays."""
    found = options(items={"execution": "ex2", "mode": ["m1", "m2"]}).items
    assert found.execution is not None
    assert found.execution.item == ("ex2",)
    assert found.execution.map["FEED_HOLD"] is Execution.INTERRUPTED
    assert found.mode is not None
    assert found.mode.item == ("m1", "m2")
    assert found.mode.map["AUTOMATIC"] is Mode.AUTOMATIC


def test_a_map_is_changed_entry_by_entry() -> None:
    """The site says what WAIT means on its machine; the item and the other entries stay."""
    found = options(items={"execution": {"map": {"WAIT": "running"}}}).items.execution
    assert found is not None
    assert found.item == ("EXECUTION",)
    assert (found.map["WAIT"], found.map["ACTIVE"]) == (Execution.RUNNING, Execution.RUNNING)


def test_an_empty_value_takes_an_item_away() -> None:
    """The machine then has no such field."""
    assert options(items={"mode": None, "test": None}).items.mode is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"items": {"main_program": None}}, "`judge: main` needs main_program"),
        ({"items": {"active_program": None}, "judge": "active"}, "needs active_program"),
        ({"judge": "called_by_main"}, "needs the program's text"),
        ({"items": {"main_program": ""}}, "names no data item"),
        ({"items": {"main_program": "a[b"}}, "brackets"),
        ({"items": {"main_program": {"item": []}}}, "names no data item"),
        ({"items": {"programme": "x"}}, "unknown key `programme`"),
        ({"items": {"execution": {"map": {"ACTIVE": "runing"}}}}, "runing"),
        ({"version": [{"variable": "cvars[500"}]}, "brackets"),
        ({"accept_states": ["REVISION"]}, "REVISION"),
        ({"read": "push"}, "push"),
        ({"profile": "mazak"}, "no profile 'mazak' → known here: generic"),
        ({"ca": "x.pem"}, "an http address shows no certificate"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], words: str) -> None:
    """Before anything is touched, with the way out."""
    said = refused(**given)
    assert words in said
    assert "→" in said


def test_a_profile_s_guess_never_says_that_a_machine_produces(tmp_path: Path) -> None:
    """An unconfirmed value that would mean running is refused when the profile is loaded."""
    (tmp_path / "guessed.yaml").write_text(
        "title: x\nitems:\n  execution: {item: EXECUTION, map: {GO: running}, unconfirmed: [GO]}\n"
    )
    with pytest.raises(ConfigError, match="GO is unconfirmed"):
        profile("guessed", {}, tmp_path)


def test_every_fact_of_the_shipped_profile_says_where_it_is_from() -> None:
    """A fact without a source is a guess."""
    items = options().items
    for name in type(items).model_fields:
        value = getattr(items, name)
        for one in value if isinstance(value, tuple) else (value,):
            assert one.source, name
