"""What the commands say: the same sentences in both languages, and none missing."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import edge_bridge.cli
from edge_bridge.cli.identify import nearest, short_ids, starting_with
from edge_bridge.cli.words import sentences, words
from edge_bridge.domain.card import Severity
from edge_bridge.domain.ecn import Status
from edge_bridge.domain.evidence import Blind
from edge_bridge.domain.obligation import Verdict
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.domain.version import Comparison, Extractor

FOLDER = Path(edge_bridge.cli.__file__).parent
KEYS = re.compile(r'words\(\s*f?"([^"{}]+)"')


def fields(text: str) -> set[str]:
    """Return the names of a sentence's fields."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same() -> None:
    """The same keys, each with the same fields."""
    english, chinese = sentences("en"), sentences("zh-CN")
    assert english.keys() == chinese.keys()
    assert {key for key in english if fields(english[key]) != fields(chinese[key])} == set()


def test_every_sentence_that_is_asked_for_is_there() -> None:
    """A key in the code that no file has would be printed as itself."""
    asked = {key for file in FOLDER.glob("*.py") for key in KEYS.findall(file.read_text(encoding="utf-8"))}
    assert len(asked) > 60
    assert asked - sentences("en").keys() == set()


@pytest.mark.parametrize("kind", [Verdict, Execution, Mode, Status, Extractor, Severity])
def test_every_word_of_the_domain_is_translated(kind: type) -> None:
    """A verdict that reads `violated` in a Chinese line was forgotten."""
    assert {member.value for member in kind} - sentences("zh-CN").keys() == set()


@pytest.mark.parametrize(
    "reason", [*Blind, *(one for one in Comparison if one not in (Comparison.MATCH, Comparison.UNFIT)), "edited"]
)
def test_every_reason_says_why_and_what_to_do(reason: str) -> None:
    """No verdict without a way out."""
    assert {f"why.{reason}", f"do.{reason}"} <= sentences("en").keys()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_sentence_without_values_has_no_braces(language: str) -> None:
    """It is printed as it stands, doubled braces too."""
    assert [key for key, text in sentences(language).items() if "{{" in text and not fields(text)] == []


def test_a_sentence_with_its_values() -> None:
    """Filled in, in the language asked for; an unknown word is its own text."""
    assert words("zh-CN", "status.left", left="3分") == "剩 3分"
    assert words("en", "status.left", left="3 min") == "in 3 min"
    assert words("en", "no such word") == "no such word"


def test_short_ids_are_told_apart() -> None:
    """Six characters, or as many as it takes."""
    assert short_ids(["abcdef-1", "bcdefg-1"]) == {"abcdef-1": "abcdef", "bcdefg-1": "bcdefg"}
    assert short_ids(["abcdef-1", "abcdef-2"]) == {"abcdef-1": "abcdef-1", "abcdef-2": "abcdef-2"}
    assert short_ids([]) == {}


@pytest.mark.parametrize(
    ("given", "found"), [("ab", ["ab", ]), ("a", ["ab", "abc", "ac"]), ("AC", ["ac"]), ("", []), ("x", [])]
)  # fmt: skip
def test_the_start_of_an_id(given: str, found: list[str]) -> None:
    """All that begin with it; the one that is exactly it alone."""
    assert starting_with(given, ["ab", "abc", "ac"]) == found


def test_the_nearest_names() -> None:
    """What contains it first, then what is alike; nothing for nonsense."""
    assert nearest("dmu", ["lathe-07", "dmu50-01", "DMU 50 #1"]) == ["dmu50-01", "DMU 50 #1"]
    assert nearest("lath-07", ["lathe-07", "dmu50-01"]) == ["lathe-07"]
    assert nearest("qqqq", ["lathe-07"]) == []
