"""What commands print: durations and times as their reader says them, tables that no name can break."""

from __future__ import annotations

import json

import pytest

from edge_bridge.cli import output


@pytest.mark.parametrize(
    ("value", "english", "chinese"),
    [
        (0, "0 s", "0秒"),
        (999, "0 s", "0秒"),
        (15 * 60_000, "15 min", "15分"),
        (3_661_000, "1 h 1 min", "1小时1分"),
        (3_601_000, "1 h", "1小时"),
        (90 * 86_400_000, "90 d", "90天"),
        (-65_000, "-1 min 5 s", "-1分5秒"),
    ],
)
def test_durations(value: int, english: str, chinese: str) -> None:
    """At most two units, the larger first."""
    assert output.duration(value) == english
    assert output.duration(value, "zh-CN") == chinese


def test_times_are_the_plants() -> None:
    """UTC inside, the plant's clock outside."""
    assert output.local_time(0, "Asia/Shanghai") == "1970-01-01 08:00"
    assert output.local_time(1_000, "UTC", seconds=True) == "1970-01-01 00:00:01"
    assert output.local_time(None, "UTC") == "–"


def test_a_table_in_a_pipe_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """No colour, no markup, no line breaks; control characters shown."""
    output.print_table(("machine", "name"), [("m-1", "[red]x[/red]\x1b[2J\u202e"), ("m-2", None)], language="zh-CN")
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["机床", "名称"]
    assert first.split() == ["m-1", r"[red]x[/red]\x1b[2J\u202e"]
    assert second.split() == ["m-2", "–"]


def test_a_table_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same rows for programs."""
    output.print_json(output.as_json(("machine", "since"), [("机床", None)]))
    assert json.loads(capsys.readouterr().out) == [{"machine": "机床", "since": None}]
