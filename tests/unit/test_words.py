"""What raw values mean."""

from __future__ import annotations

import pytest

from edge_bridge.domain.words import flag, meaning, word

EXECUTION = ("running", "stopped", "unknown")


@pytest.mark.parametrize(
    ("raw", "number", "said"),
    [("3", True, "running"), ("3", False, "stopped"), ("03", False, "running"), ("4", True, "stopped")],
)
def test_a_number_has_no_leading_zeros_and_a_text_has(raw: str, number: bool, said: str) -> None:
    """A key of `03` is the number 3, and the text 03; the text 3 is another."""
    assert meaning({"03": "running", "default": "stopped"}, raw, number=number) == said


def test_nothing_is_guessed() -> None:
    """Without an entry and a default there is no meaning; without a map only a word is one; empty is unknown."""
    assert meaning({"3": "running"}, "4", number=True) is None
    assert word({"3": "running"}, "4", EXECUTION, number=True) == "unknown"
    assert word({}, "Running", EXECUTION, number=False) == "running"
    assert word({}, "3", EXECUTION, number=True) == "unknown"
    assert word({"3": "running", "default": "running"}, None, EXECUTION, number=False) == "unknown"


def test_flags() -> None:
    """By the map, else as numbers, booleans and words are commonly meant."""
    assert [flag({}, raw, number=True) for raw in ("0", "1", "256", "0.5")] == [False, True, True, True]
    assert [flag({}, raw, number=False) for raw in ("true", "Off", "1", "perhaps", None)] == [
        True,
        False,
        True,
        None,
        None,
    ]
    assert [flag({"5": True, "6": "false"}, raw, number=True) for raw in ("5", "6", "7")] == [True, False, None]
