"""NC program texts as controls and DNC systems hand them over."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_bridge.domain.extract import from_comments, from_digest, from_header
from edge_bridge.domain.nc_program import HEAD_BYTES, calls, comments, content, decoded, digest

SINUMERIK = """%_N_4298_005_01_01_MPF
;$PATH=/_N_WKS_DIR/_N_4298_0005_WPD
; REV C  2026-03-01
N10 G54 ; zero
N20 MSG("REV B")
N30 EXTCALL ("/_N_WKS_DIR/_N_4298_0005_WPD/_N_4298_005_01_01_MPF")
N40 M30
"""
FANUC = """%
O0001
(PN587985-B)
N10 M98 P1234
N20 M98 P00051235
(M98 P9999 WAS HERE)
N30 G65 P9010 A1.
N40 M98 <PROBE_X>
M30
%
"""
KLARTEXT = """0 BEGIN PGM EL100 MM
1 ; REV D
2 CALL PGM TNC:\\nc\\CYC1.H
3 SEL PGM "TNC:\\nc\\CYC2.H"
4 END PGM EL100 MM
"""


@pytest.mark.parametrize(
    ("text", "called"),
    [
        (SINUMERIK, ("/_N_WKS_DIR/_N_4298_0005_WPD/_N_4298_005_01_01_MPF",)),
        (FANUC, ("O1234", "O1235", "O9010", "PROBE_X")),
        (KLARTEXT, ("TNC:\\nc\\CYC1.H", "TNC:\\nc\\CYC2.H")),
        ('; EXTCALL "OLD"\nEXTCALL "NEW"\n', ("NEW",)),
        ("M980\nG650 P1\nSUM98 P1\n", ()),
        ("M98P1\r\nM98 P1 L3\r\n", ("O0001",)),
        ("", ()),
    ],
)
def test_what_a_program_calls(text: str, called: tuple[str, ...]) -> None:
    """EXTCALL, CALL PGM, M98 and G65 with their own spellings; remarks call nothing."""
    assert calls(text) == called


@pytest.mark.parametrize(
    "arrived",
    [
        FANUC.replace("\n", "\r\n"),
        FANUC.replace("\n", "\r"),
        "\ufeff" + FANUC,
        "\0\0" + FANUC + "\0" * 40,
        FANUC.replace("%\n", ""),
        "%_N_O0001_MPF\n;$PATH=/_N_MPF_DIR\n" + FANUC,
        FANUC.replace("M30", "M30   "),
        FANUC + "\n\n",
    ],
)
def test_a_transfer_does_not_change_the_digest(arrived: str) -> None:
    """Line ends, marks, padding, `%` and the lines that a control puts before a program are not its content."""
    assert digest(arrived) == digest(FANUC)


@pytest.mark.parametrize(
    "edited", [FANUC.replace("A1.", "A1.1"), FANUC.replace("P1234", "P1235"), FANUC.replace("M30\n", ""), FANUC.lower()]
)
def test_an_edit_changes_the_digest(edited: str) -> None:
    """One digit is another program."""
    assert digest(edited) != digest(FANUC)


def test_both_digests_are_known_only_of_a_whole_program() -> None:
    """Of a beginning nothing can be said about the content."""
    whole = content("O0001", "file", FANUC.encode(), whole=True)
    assert whole.raw_digest != whole.digest == digest(FANUC)
    beginning = content("O0001", "file", FANUC.encode()[:20], whole=False)
    assert (beginning.digest, beginning.raw_digest, beginning.calls) == (None, None, None)
    assert list(from_digest([beginning])) == []
    (found,) = from_digest([whole])
    assert (found.value, found.raw, found.program) == (whole.digest, whole.raw_digest, "O0001")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("(版本 C)".encode(), "(版本 C)"),
        ("(版本 C)".encode("gb18030"), "(版本 C)"),
        ("(版本 C)".encode("utf-16"), "(版本 C)"),
        (b"\xef\xbb\xbf(REV C)", "(REV C)"),
        (b"(REV C) \xfc", "(REV C) "),
        (b"(REV C) \xfc\xff\x81", "(REV C) üÿ\ufffd"),
    ],
)
def test_any_bytes_are_text(data: bytes, text: str) -> None:
    """Byte order mark, UTF-8, GB18030, CP1252; a character that was cut in two at the end is left out."""
    assert decoded(data) == text


@given(st.binary(max_size=300))
def test_no_bytes_stop_it(data: bytes) -> None:
    """Whatever a control sends is read without an error."""
    found = content("P", "file", data, whole=True)
    assert found.digest is not None
    list(comments(found.head))


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_beginning_that_ends_inside_a_character_stays_chinese(cut: int) -> None:
    """Only the first kilobytes were read: the encoding is told by what is complete."""
    for encoding in ("utf-8", "gb18030"):
        data = "(版本 C 修订)".encode(encoding)[:-cut]
        assert decoded(data).startswith("(版本 C")


REV = re.compile(r"REV (?P<version>[A-Z])")


def test_a_header_says_its_version_and_the_line_it_stands_in() -> None:
    """The line is the evidence; the program is the one whose text it is."""
    (found,) = from_header(REV, [content("X.MPF", "node", SINUMERIK.encode(), whole=True)])
    assert (found.value, found.raw, found.field, found.program) == ("C", "; REV C  2026-03-01", "node", "X.MPF")


@pytest.mark.parametrize(("last", "version"), [(False, "A"), (True, "C")])
def test_a_history_is_read_from_the_end_that_the_shop_writes_at(last: bool, version: str) -> None:
    """The first match is the newest in one shop and the oldest in another."""
    history = content("P", "file", b"(REV A 2024)\n(REV B 2025)\n(REV C 2026)\n", whole=True)
    assert [one.value for one in from_header(REV, [history], last=last)] == [version]
    assert [one.value for one in from_comments(REV, [history], last=last)] == [version]


def test_remarks_are_searched_and_code_is_not() -> None:
    """A text that the program shows is not a remark; the control's own remark comes before the text's."""
    assert list(comments(SINUMERIK))[1] == "REV C  2026-03-01"
    coded = content("P", "file", b'CALL "REV A"\nG1 X1 (REV B)\n', whole=True)
    assert [one.value for one in from_comments(REV, [coded])] == ["B"]
    own = content("P", "file", b"(REV B)\n", whole=True, comment="COVER REV D")
    assert [one.value for one in from_comments(REV, [own])] == ["D"]


def test_a_pattern_sees_the_first_kilobytes_only() -> None:
    """What stands a thousand lines below is no header."""
    far = content("P", "file", b" " * HEAD_BYTES + b"(REV C)", whole=True)
    assert list(from_header(REV, [far])) == []
