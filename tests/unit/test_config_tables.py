"""Tables of routes: read as offices write them, refused with file and line, quick with thousands of parts."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from edge_bridge import config
from edge_bridge.clock import SystemClock
from edge_bridge.config.route_doubts import doubts
from edge_bridge.domain.ecn import EcnDraft, Item, Status
from edge_bridge.domain.route import Route, RouteIndex
from edge_bridge.domain.routing import route
from edge_bridge.domain.version import Scheme
from edge_bridge.errors import ConfigError
from tests.unit.domain_plant import plant
from tests.unit.test_config import FILES, write

ENTRY = "- table: parts.csv\n"
DEFAULTS = ENTRY + "  machines: [lathe-07]\n  program: '{part}.MPF'\n  version: '{revision}'\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small valid site with one machine, `lathe-07`, called `Lathe 7`."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        write(Path("site"), name, text)
    return Path("site")


def loaded(folder: Path, table: str | bytes, entry: str = DEFAULTS, name: str = "parts.csv") -> config.Config:
    """Return the configuration with this table in it."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(table.encode() if isinstance(table, str) else table)
    write(folder, "routes.yaml", entry)
    return config.load(folder, SystemClock())


def test_a_row_is_a_rule(folder: Path) -> None:
    """What a row leaves open is taken from the entry; what it says counts."""
    text = "part,machines,program,version,scheme,limit\nEL-1,,,,,\nSH-9,Lathe 7,O1.MPF;O2.MPF,{drawing},letters,5m\n"
    one, other = loaded(folder, text).plant.routes
    assert one == Route({"part": "EL-1"}, ("lathe-07",), ("{part}.MPF",), "{revision}")
    assert other == Route(
        {"part": "SH-9"}, ("lathe-07",), ("O1.MPF", "O2.MPF"), "{drawing}", Scheme.LETTERS, limit=300_000
    )
    assert (one.place, other.place) == ("parts.csv:2:1", "parts.csv:3:1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_as_offices_write_them(folder: Path, encoding: str, delimiter: str) -> None:
    """Excel in Suzhou and in Stuttgart: encodings, delimiters, Chinese headings, blank lines, columns of no concern."""
    lines = ["零件号;备注;机床;程序号", "", "模具-1;电极;lathe-07;O1.MPF", ";;;"]
    text = "\r\n".join(lines).replace(";", delimiter) + "\r\n"
    (found,) = loaded(folder, text.encode(encoding)).plant.routes
    assert (dict(found.match), found.machines, found.program) == ({"part": "模具-1"}, ("lathe-07",), ("O1.MPF",))


def test_own_headings_and_a_folder_of_tables(folder: Path) -> None:
    """`columns:` says which heading is which."""
    entry = ENTRY.replace("parts", "tables/parts") + "  columns: {part: Teil, program: Prog}\n  machines: [lathe-07]\n"
    (found,) = loaded(folder, "Teil;Prog\nX;P\n", entry, "tables/parts.csv").plant.routes
    assert (dict(found.match), found.program, found.place) == ({"part": "X"}, ("P",), "tables/parts.csv:2:1")


def test_only_star_and_question_mark_stand_for_something_else(folder: Path) -> None:
    """A part number in square brackets is a part number."""
    layout = loaded(folder, "part\nP[1]\nQ*\n").plant
    asked = [Item(part=part, revision="B") for part in ("P[1]", "P1", "q-7")]
    demands, unrouted = route(EcnDraft("E1", Status.RELEASED, items=tuple(asked)), layout)
    assert [demand.program for demand in demands.values()] == ["P[1].MPF", "q-7.MPF"]
    assert [one.item.part for one in unrouted] == ["P1"]


REFUSED = {
    "part,machines\nX,lathe-70\n": "site/parts.csv:2:1: `machines`: no machine 'lathe-70' → did you mean 'lathe-07'?",
    "part,program\nA,x\n\nX,{prat}.MPF\n": (
        "site/parts.csv:4:1: `program`: no field {prat} (found '{prat}.MPF') → did you mean {part}?"
    ),
    "part,program\n,x.MPF\n": (
        "site/parts.csv:2:1: this row names no part, drawing or category → say what it is for; * stands for all"
    ),
    "part,limit\nX,15\n": "site/parts.csv:2:1: `limit`: a duration needs a number and a unit",
    "machine,program\nlathe-07,X\n": "site/parts.csv:1:1: no heading for part, drawing or category → name it in `columns:`",
    "part,Part No\nX,Y\n": "site/parts.csv:1:1: two headings for `part`: 'Part No' is the second → remove one",
    "part,program\nX,Y,Z\n": (
        "site/parts.csv:2:1: 3 fields under 2 headings → put a field with the delimiter in it in quotes"
    ),
    'part,program\nX,"Y\n': "site/parts.csv:2:1: quotes that do not match",
    "": "site/parts.csv:1:1: the table is empty → write the headings in its first line",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(folder: Path, text: str) -> None:
    """One sentence with file, line and fix."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    (found,) = str(caught.value).splitlines()
    assert found.startswith(REFUSED[text])


ENTRIES = {
    "- table: gone.csv\n": "site/routes.yaml:1:3: `table`: there is no gone.csv beside this file → put it there, or correct",
    "- table: ../parts.csv\n": "site/routes.yaml:1:3: `table`: a table is a .csv file in the configuration folder",
    ENTRY + "  columns: {prat: X}\n": "site/routes.yaml:2:",
    ENTRY + "  columns: {part: Teil}\n": "site/parts.csv:1:1: no heading 'Teil' for `part` → found: part",
    ENTRY
    + "  machines: [lathe-70]\n": "site/routes.yaml:2:14: `machines`: no machine 'lathe-70' → did you mean 'lathe-07'?",
    ENTRY + "  mach: [lathe-07]\n": "site/routes.yaml:2:3: unknown key `mach`",
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_that_cannot_be_used(folder: Path, entry: str) -> None:
    """The entry's own problems stand in routes.yaml."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, "part\nX\n", entry)
    (found,) = str(caught.value).splitlines()
    assert found.startswith(ENTRIES[entry])


def test_a_wrong_column_is_not_told_ten_thousand_times(folder: Path) -> None:
    """The first problems, and how many more."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, "part,machines\n" + "X,zzz\n" * 500)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert "and 480 more problems in this table" in lines[-1]


def test_text_that_cannot_be_read_says_where(folder: Path) -> None:
    """Neither UTF-8 nor GB18030."""
    with pytest.raises(ConfigError, match=r"parts\.csv:3:1: not UTF-8 and not GB18030 text"):
        loaded(folder, b"part\nX\n\xff\xff\n")


def test_the_same_part_twice_is_pointed_out(folder: Path) -> None:
    """In a table, and between a table and a rule before it."""
    (warning,) = loaded(folder, "part\nX\nY\nx\n").warnings
    assert str(warning).startswith(
        "site/parts.csv:4:1: this route never decides anything: the one in line 2 comes first"
    )
    before = "- match: {part: 'X*'}\n  machines: [lathe-07]\n  program: '{part}.MPF'\n  version: '{revision}'\n"
    (warning,) = loaded(folder, "part\nX1\nY\n", before + DEFAULTS).warnings
    assert "parts.csv:2:1: this route never decides anything: the one in routes.yaml, line 1, comes first" in str(
        warning
    )


def test_an_edited_table_is_another_configuration(folder: Path) -> None:
    """Its bytes are part of the digest; only the plant changed, no adapter is touched."""
    one, other = loaded(folder, "part\nX\n"), loaded(folder, "part\nX\nY\n")
    assert one.digest != other.digest
    changes = config.diff(one, other)
    assert (changes.plant, changes.added, changes.removed, changes.changed) == (True, (), (), ())


@pytest.mark.parametrize("ending", ["", "-*"])
def test_ten_thousand_rows_are_found_by_name(ending: str) -> None:
    """Five thousand items among ten thousand rules: looking through all for each would be fifty million looks."""
    rules = tuple(Route({"part": f"P-{n}{ending}"}, ("m1",), ("{part}.MPF",), "{revision}") for n in range(10_000))
    layout = plant("m1", routes=rules)
    items = tuple(Item(part=f"p-{n}{ending.replace('*', '7')}", revision="B") for n in range(5_000, 10_000))
    began = time.process_time()
    demands, unrouted = route(EcnDraft("E1", Status.RELEASED, items=items), layout)
    took = time.process_time() - began
    assert (len(demands), unrouted) == (5_000, [])
    assert next(iter(demands.values())).route == rules[5_000].digest
    looks_at_all = 5_000 * 10_000 * 50e-9  # at 50 ns each, quicker than Python can look
    assert took < looks_at_all


def test_patterns_are_found_in_the_order_of_the_file() -> None:
    """However a rule is found, by name, by how the name begins, or by looking: all that match count, the first decides."""
    texts = ["*9", "p-1*", "P-19", "P-*", "q*", "p-1?", "P-1*"]
    found = RouteIndex([Route({"part": text}, ("m1",)) for text in texts], str).matching("p-19", None, None, None)
    assert [texts[rule.number] for rule in found] == ["*9", "p-1*", "P-19", "P-*", "p-1?", "P-1*"]


def test_ten_thousand_patterns_are_checked_against_those_they_may_meet() -> None:
    """Each with each would take minutes, in which nobody sees a word, and a running daemon nothing else."""
    patterns = [Route({"part": f"P-{n}-*"}, ("m1",), ("{part}.MPF",), "{revision}") for n in range(10_000)]
    assert list(doubts(patterns, most=100)) == []
    assert list(doubts([*patterns, replace(patterns[7])], most=100)) == [(10_000, 7, "dead")]
    assert list(doubts([*patterns, Route({"part": "P-7-A"}, ("m1",), ("{part}.MPF",), "{revision}")], most=100)) == [
        (10_000, 7, "dead")
    ]


def test_a_large_table_beside_general_rules_is_checked_whole() -> None:
    """A table of ten thousand parts, and a few dozen rules by category: that is no reason to look at less."""
    general = [Route({"category": f"C{n}*"}, ("m1",), (f"{n}.MPF",), "{revision}") for n in range(30)]
    parts = [Route({"part": f"P-{n}"}, ("m1",), ("{part}.MPF",), "{revision}") for n in range(10_000)]
    assert list(doubts([*general, *parts, parts[5]])) == [(10_030, 35, "dead")]


def test_too_many_patterns_to_compare_are_told(folder: Path) -> None:
    """Nobody is told that all was looked at when it was not."""
    rows = "".join(f"*-{n}\n" for n in range(700))
    (warning,) = loaded(folder, f"part\n{rows}").warnings
    assert str(warning) == (
        "site/parts.csv:634:1: too many patterns to compare each with each: from this route on, overlaps and dead rules are "
        "not looked for → name parts, or what they begin with, such as EL-17*"
    )
