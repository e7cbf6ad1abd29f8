"""A value that a spreadsheet changed leads to no machine, whatever it looks like, until somebody says that it is right."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.plm_folder import damage
from adapters.plm_folder.formats.number_format import date_text, shown
from edge_bridge.cards.reasons import told
from edge_bridge.domain.ecn import EcnDraft, Item, Status
from edge_bridge.domain.routing import route
from edge_bridge.domain.signal import ScanDone
from tests.unit.domain_plant import Shop, draft, kinds, plant, types


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("1.00E+05", damage.SCIENTIFIC),
        ("1E5", damage.SCIENTIFIC),
        ("1,23457E+12", damage.SCIENTIFIC),
        ("-2.5E-03", damage.SCIENTIFIC),
        ("Jan-26", damage.DATE),
        ("4-Mar", damage.DATE),
        ("05. Mrz", damage.DATE),
        ("2026/1/5", damage.DATE),
        ("1/5/2026 0:00", damage.DATE),
        ("05.01.2026", damage.DATE),
        ("1月5日", damage.DATE),
        ("#REF!", damage.ERROR),
        ("#N/A", damage.ERROR),
        ("#########", damage.NARROW),
    ],
)
def test_damage_is_recognised(value: str, reason: str) -> None:
    """Each in the form that a spreadsheet writes."""
    assert damage.looks(value) == reason


@pytest.mark.parametrize(
    "value",
    ["B", "AA", "01", "1.10", "V2.0", "EL-100", "12E3", "E5", "1E", "REV-E5", "2026-01-05", "MAR", "#1", "H-02-1"],
)
def test_usual_values_are_left_alone(value: str) -> None:
    """Revisions, versions and part numbers as PLMs write them."""
    assert damage.looks(value) == ""


def test_widths_come_from_zero_led_numbers_of_one_length() -> None:
    """`01` beside `2` is a doubt; a column whose zero-led numbers differ in length has no width."""
    assert damage.widths([{"revision": "01"}, {"revision": "2"}], {}) == {"revision": 2}
    assert damage.widths([{"part": "007"}, {"part": "0012"}], {}) == {}
    assert damage.widths([], {"part": 8}) == {"part": 8}
    assert damage.too_short("2", 2)
    assert not damage.too_short("B", 2)
    assert not damage.too_short("2", None)


def test_an_item_in_doubt_leads_nowhere_and_says_why() -> None:
    """The very same item without the doubt has a demand: only the doubt keeps it from matching by accident."""
    item = Item(program="EL100.MPF", version="1E5", machines=("m1",), row="line 2")
    sound = EcnDraft("EC-1", Status.RELEASED, items=(item,))
    doubt = damage.told("version", "1E5", damage.SCIENTIFIC)
    doubtful = replace(sound, items=(replace(item, doubt=doubt),))
    demands, unrouted = route(sound, plant())
    assert len(demands) == 1
    assert unrouted == []
    demands, unrouted = route(doubtful, plant())
    assert demands == {}
    assert [(one.item.row, one.reason) for one in unrouted] == [("line 2", doubt)]
    assert sound.digest != doubtful.digest


@pytest.mark.parametrize("reason", damage.REASONS)
def test_every_doubt_is_told_in_chinese(reason: str) -> None:
    """Nothing of the English sentence is left but the value."""
    chinese = told(damage.told("part", "1E5", reason), "zh-CN")
    assert reason not in chinese
    assert damage.HINT not in chinese


@pytest.mark.parametrize(
    ("value", "code", "text", "doubt"),
    [
        ("1", "General", "1", ""),
        ("1.0", "General", "1", ""),
        ("1.1000000000000001", "General", "1.1", ""),
        ("1", "00", "01", ""),
        ("1.1", "0.00", "1.10", ""),
        ("2", "0.0", "2.0", ""),
        ("7", '"P-"0000', "P-0007", ""),
        ("7", "\\V0.0", "V7.0", ""),
        ("1234", "#,##0", "1234", ""),
        ("-3", "0", "-3", ""),
        ("0", "000", "000", ""),
        ("1", "[Red]00", "01", ""),
        ("1", "00;-00;;@", "01", ""),
        ("0", "00;-00;;@", "0", damage.FORMAT),
        ("1", "[<10]00;0", "1", damage.FORMAT),
        ("1", "[DBNum1][$-804]General", "1", damage.FORMAT),
        ("1.25", "0.0", "1.25", damage.FORMAT),
        ("0.5", "0%", "0.5", damage.FORMAT),
        ("100000", "0.00E+00", "100000", damage.FORMAT),
        ("1234567890123456789", "0", "1234567890123456800", damage.PRECISION),
        ("x", "0", "x", damage.FORMAT),
        ("nan", "0", "nan", damage.FORMAT),
    ],
)
def test_a_number_is_read_as_its_cell_shows_it(value: str, code: str, text: str, doubt: str) -> None:
    """01 is not 1, and 1.10 is not 1.1: the format decides, or there is a doubt."""
    assert shown(value, code) == (text, doubt)


@given(number=st.integers(0, 99_999), least=st.integers(1, 8), after=st.integers(0, 4))
def test_padded_formats_show_what_python_shows(number: int, least: int, after: int) -> None:
    """`0…0.0…0` against Python's own formatting, an independent way to the same text."""
    value = number / 10**after
    code = "0" * least + ("." + "0" * after if after else "")
    width = least + (after + 1 if after else 0)
    assert shown(repr(value), code) == (f"{value:0{width}.{after}f}", "")


@pytest.mark.parametrize(
    ("value", "code", "from_1904", "text"),
    [
        ("46027", "d.m.yyyy", False, "2026-01-05"),
        ("46027.604166666664", "yyyy/m/d h:mm", False, "2026-01-05 14:30:00"),
        ("44565", "yyyy-mm-dd", True, "2026-01-05"),
        ("46027.99999", "h:mm", False, "2026-01-05 23:59:59.136"),
        ("46027", "yyyy-mm-dd hh:mm", False, "2026-01-05 00:00:00"),
        ("1", "d", False, "1900-01-01"),
        ("0.5", "h:mm", False, None),
        ("99999999", "d", False, None),
    ],
)
def test_a_date_cell_keeps_its_moment(value: str, code: str, from_1904: bool, text: str | None) -> None:
    """Day for day and second for second, in both date systems."""
    assert date_text(value, code, from_1904=from_1904) == text


def test_a_value_said_to_be_right_is_taken_in_without_a_new_export() -> None:
    """The same bytes again, after `as_written` was set: the obligation opens, and only then; a third time changes nothing."""
    shop = Shop()
    shop.waits(5)
    sound = draft("EC-1", "1E5", released=shop.now.utc)
    doubtful = replace(sound, items=(replace(sound.items[0], doubt=damage.told("version", "1E5", damage.SCIENTIFIC)),))
    shop.notice(doubtful, file="a.csv", sha256="a")
    shop.reads("1E5")
    assert not any(name.startswith("obligation.") for name in types(shop.events))
    assert kinds(shop.events) == ["unrouted"]
    assert shop.notice(doubtful, file="a.csv", sha256="a") == []
    told_now = types(shop.notice(sound, file="a.csv", sha256="a"))
    assert "obligation.verdict" in told_now
    assert "card.cleared" in told_now
    assert shop.notice(sound, file="a.csv", sha256="a") == []


def test_a_doubt_in_a_first_scan_is_no_unknown_word() -> None:
    """When the first scan ends, its cards are told: the item leads nowhere, and every status was understood."""
    shop = Shop(scanned=False)
    sound = draft("EC-1", "1E5")
    doubtful = replace(sound, items=(replace(sound.items[0], doubt=damage.told("version", "1E5", damage.SCIENTIFIC)),))
    shop.notice(doubtful, file="a.csv", sha256="a")
    shop.send(ScanDone("plm", shop.now))
    assert kinds(shop.events) == ["unrouted"]
