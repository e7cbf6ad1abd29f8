"""The texts of warning cards: every kind, in both languages, with nothing left open; and what a site may change."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from edge_bridge.cards import FIELDS, LANGUAGES, PARTS, Writer, load_templates
from edge_bridge.cards.reasons import BLIND, STAGES
from edge_bridge.domain.card import KINDS, Card, Kind
from edge_bridge.domain.ecn import LOADED, EcnDraft, Item, Status
from edge_bridge.domain.ecn import STAGES as CANONICAL
from edge_bridge.domain.evidence import Blind
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.plant import Machine, Plant
from edge_bridge.domain.routing import route
from edge_bridge.errors import ConfigError

NOON = Stamp(1_777_600_800_000, 1, "boot")  # 2026-05-01 10:00 in Shanghai
EVERYTHING = {name: f"<{name}>" for name in FIELDS} | {
    "since": "2026-05-01T02:00:00.000Z",
    "due": "2026-05-01T02:15:00.000Z",
    "released": "2026-05-01T02:00:00.000Z",
}


def card(kind: Kind, **more: object) -> Card:
    fields = {"machine": "m1", "program": "EL-1", "ecns": ("ECN-1", "ECN-2"), "seen": "A"} | more
    return Card("c1", "key", kind, KINDS[kind].severity, "plm", ("it_operations",), NOON, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_languages_are_complete(language: str) -> None:
    """Every kind has a title, a text and a next step, with known fields only, and none is a copy of the other language."""
    templates = load_templates()
    assert set(templates[language]) == set(Kind)
    other = templates["en" if language == "zh-CN" else "zh-CN"]
    for kind, parts in templates[language].items():
        assert set(parts) == set(PARTS)
        for part, text in parts.items():
            names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
            assert names <= FIELDS
            assert text.strip()
            assert text != other[kind][part] or text == "{happened}"


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("facts", [{}, EVERYTHING], ids=["nothing known", "everything known"])
def test_every_card_can_be_read(kind: Kind, facts: dict[str, str]) -> None:
    """Whatever is known or not: no braces, no None, no empty text; the next step is one that somebody can take."""
    machine = Machine("m1", "DMU 50 #1", "mc-1")
    for here in (machine, None):
        for told in (card(kind, facts=facts), card(kind, facts=facts, machine=None, program=None, ecns=(), seen=None)):
            texts = Writer(load_templates(), "Asia/Shanghai")(told, here)
            assert set(texts) == set(PARTS)
            for part in PARTS:
                for language in LANGUAGES:
                    text = texts[part][language]
                    assert text
                    assert not set("{}") & set(text)
                    assert "None" not in text


def test_times_are_the_plants() -> None:
    """People read the plant's time, not UTC."""
    told = card(Kind.OVERDUE, facts={"due": "2026-05-01T02:15:00.000Z"})
    assert "2026-05-01 10:15:00" in Writer(load_templates(), "Asia/Shanghai")(told, None)["text"]["en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_a_version_cannot_be_told_is_a_sentence(language: str) -> None:
    """No reason reaches a reader as the word that programs use."""
    for reason in Blind:
        told = card(Kind.CANNOT_VERIFY, facts={"reason": str(reason)})
        text = Writer(load_templates(), "UTC")(told, None)["text"][language]
        assert BLIND[language][reason] in text
        assert reason not in text


@pytest.mark.parametrize(
    "item", [Item(), Item(part="P"), Item(part="P", machines=("m9",)), Item("P", machines=("m1",))]
)
def test_why_an_item_leads_nowhere_is_said_in_chinese(item: Item) -> None:
    """Whatever the routing says of it."""
    draft = EcnDraft("E-1", Status.RELEASED, "released", (item,))
    plant = Plant("site", "gw", {"m1": Machine("m1")})
    _, unrouted = route(draft, plant)
    told = card(Kind.UNROUTED, facts={"reason": f"P: {unrouted[0].reason}"})
    text = Writer(load_templates(), "UTC")(told, None)["text"]["zh-CN"]
    assert unrouted[0].reason not in text


def test_where_in_a_file() -> None:
    """A line in the reader's language; no place means the whole file."""
    for where, shown in (("line 7", "（第 7 行）"), ("", "（整个文件）")):
        told = card(Kind.ECN_REJECTED, facts={"file": "a.csv", "reason": "r", "where": where})
        assert shown in Writer(load_templates(), "UTC")(told, None)["text"]["zh-CN"]


def test_a_value_with_braces_is_only_text() -> None:
    """A program's name or a PLM's word is never a template."""
    told = card(Kind.UNKNOWN_STATUS, facts={"word": "{machine.__class__}", "file": "{0}"})
    assert "{machine.__class__}" in Writer(load_templates(), "UTC")(told, None)["title"]["en"]


def test_a_site_changes_what_it_wants(tmp_path: Path) -> None:
    """One text of one kind; everything else stays as it ships."""
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "en.yaml").write_text(
        "overdue:\n  next_step: 'Call 4711 about {program}.'\n", encoding="utf-8"
    )
    shipped, own = load_templates(), load_templates(tmp_path)
    assert own["en"]["overdue"]["next_step"] == "Call 4711 about {program}."
    assert own["en"]["overdue"]["title"] == shipped["en"]["overdue"]["title"]
    assert own["zh-CN"] == shipped["zh-CN"]


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("overdue:\n  title: 'x {machin}'\n", 2, "machin"),
        ("overdu:\n  title: x\n", 1, "overdu"),
        ("overdue:\n  titel: x\n", 2, "title, text and next_step"),
        ("overdue: x\n", 1, "title, text and next_step"),
        ("overdue:\n  title: '{'\n", 2, "not a template"),
        ("overdue:\n  title: '{machine.name}'\n", 2, "machine.name"),
        ("overdue:\n  title: '{machine!r}'\n", 2, "only its name"),
        ("baseline:\n  title: '{count:d}'\n", 2, "only its name"),
        ("overdue:\n  title: [x]\n", 2, "each a text"),
    ],
)
def test_a_slip_is_told_with_its_place(tmp_path: Path, text: str, line: int, word: str) -> None:
    """At `check` and at the reload, never when a card has to be written."""
    (tmp_path / "cards").mkdir()
    file = tmp_path / "cards" / "en.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_templates(tmp_path)
    assert f"{file}:{line}:" in str(refused.value)
    assert word in str(refused.value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stage_is_told_in_the_readers_language(language: str) -> None:
    """Every canonical stage has its words, and none is that of the other language; a site's own word stays as it is."""
    assert set(STAGES[language]) == {*CANONICAL, LOADED}
    other = STAGES["en" if language == "zh-CN" else "zh-CN"]
    writer = Writer(load_templates(), "UTC")
    for stage, words in STAGES[language].items():
        text = writer(card(Kind.OVERDUE, facts={"stage": stage}), None)["text"][language]
        assert words in text
        assert other[stage] not in text
    assert "等待刀具" in writer(card(Kind.OVERDUE, facts={"stage": "等待刀具"}), None)["text"][language]
