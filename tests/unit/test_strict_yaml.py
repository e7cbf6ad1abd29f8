"""Strict YAML: what nobody can have meant is refused with file, line, column and fix; all else is text with a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.strict_yaml import DEEPEST, LARGEST_FILE, Section, load, load_list, merged, yaml_files

QUOTE = "put the whole value in single quotes: '…'"
REFUSED = {
    "tab": ("a:\n\tb: 1\n", "a.yaml:2:1: a tab → indent with blanks, not tabs"),
    "two keys": ("a: 1\nb: 2\na: 3\n", "a.yaml:3:1: `a` is here twice (first in line 1) → keep one of them"),
    "two keys inside": ("n: {a: 1, a: 2}\n", "a.yaml:1:11: `a` is here twice (first in line 1) → keep one of them"),
    "anchor": ("a: &x 1\n", "a.yaml:1:4: anchors and aliases (`&`, `*`) are not used here → write the value out"),
    "alias": ("a: 1\nb: *x\n", "a.yaml:2:4: anchors and aliases (`&`, `*`) are not used here → write the value out"),
    "bare star": ("pattern: *.csv\n", f"a.yaml:1:11: a value cannot start with `*` or `&` → {QUOTE}"),
    "merge key": ("<<: {a: 1}\n", "a.yaml:1:1: merge keys (`<<`) are not used here → write the keys out"),
    "tag": ("a: !!str 1\n", f"a.yaml:1:4: tags (`!…`) are not used here → remove it, or {QUOTE}"),
    "object": ("a: !!python/name:os.system\n", f"a.yaml:1:4: tags (`!…`) are not used here → remove it, or {QUOTE}"),
    "two documents": (
        "a: 1\n---\nb: 2\n",
        "a.yaml:2:1: a second document starts here → remove the line `---`: a settings file is one document",
    ),
    "NUL": ("a: 1\nb: x\0y\n", "a.yaml:2:5: a character that YAML does not allow (U+0000) → retype the line"),
    "bell": ("b: 机\x07\n", "a.yaml:1:5: a character that YAML does not allow (U+0007) → retype the line"),
    "unquoted brace": (
        "p: {part}_OP10.MPF\n",
        f"a.yaml:1:10: text after a closing bracket or quote → {QUOTE}",
    ),
    "open bracket": (
        "a: 1\nb: [1, 2\nc: 3\n",
        "a.yaml:2:4: the bracket that opens here is never closed, or a comma is missing → mend it",
    ),
    "open quote": ("a: 'x\nb: 1\n", "a.yaml:1:4: the quote that opens here is never closed → close it"),
    "backslash": (
        'a: "\\Q"\n',
        "a.yaml:1:4: a backslash in double quotes starts a code → use single quotes: '…'",
    ),
    "percent": ("a: %x\n", f"a.yaml:1:4: a value cannot start with this character → {QUOTE}"),
    "second colon": ("a: b: c\n", "a.yaml:1:5: a second colon in one line → put the value in single quotes: 'a: b'"),
    "indent": ("a: 1\n b: 2\n", "a.yaml:2:3: does not line up with the lines above → indent it as they are"),
    "outdent": ("a:\n  - b\n c: 1\n", "a.yaml:3:2: does not line up with the lines above → indent it as they are"),
    "no colon": ("a: 1\nb2\n", "a.yaml:2:3: a key without a colon → write `key: value`"),
    "text": (
        "hello\n",
        "a.yaml:1:1: a settings file holds `key: value` lines → write `key: value`, with a blank after the colon",
    ),
    "list key": ("? [a]\n: x\n", "a.yaml:1:3: a key must be plain text → write `key: value`"),
    "windows lines": ("a: 1\r\nb: 1\r\nb: 2\r\n", "a.yaml:3:1: `b` is here twice (first in line 2) → keep one of them"),
    "after a BOM": ("\ufeffa: 1\na: 2\n", "a.yaml:2:1: `a` is here twice (first in line 1) → keep one of them"),
    "deep flow": ("a: " + "[" * 5000, f"a.yaml:1:{DEEPEST + 4}: nested too deeply → flatten it"),
    "stray bracket": ("a: }\n", f"a.yaml:1:4: a value is expected here → {QUOTE}"),
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file named as a technician would see it: relative to the folder he stands in."""
    monkeypatch.chdir(tmp_path)
    return Path("a.yaml")


def written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8", newline="")
    return file


@pytest.mark.parametrize("case", REFUSED)
def test_refused(file: Path, case: str) -> None:
    """Each slip of the keyboard is named at its place, with the fix."""
    text, expected = REFUSED[case]
    with pytest.raises(ConfigError) as caught:
        load(written(file, text))
    assert str(caught.value) == expected


def test_deep_nesting_in_block_style(file: Path) -> None:
    """Depth is bounded before Python's own stack is."""
    with pytest.raises(ConfigError, match="nested too deeply"):
        load(written(file, "".join(f"{' ' * depth}k:\n" for depth in range(1000))))


def test_every_problem_at_once(file: Path) -> None:
    """Problems that do not stop the reading come together."""
    with pytest.raises(ConfigErrors) as caught:
        load(written(file, "a: 1\na: 2\n<<: {b: 1}\n? [c]\n: x\n"))
    assert [problem.where for problem in caught.value.problems] == ["a.yaml:2:1", "a.yaml:3:1", "a.yaml:4:3"]


@pytest.mark.parametrize("text", ["1.10", "NO", "12:30", "0x1F", "1e3", "2024-01-01", "true", "007", "=", ".inf", "+1"])
def test_a_scalar_is_the_text_that_was_typed(file: Path, text: str) -> None:
    """Nothing is guessed to be a number, a date or a truth value."""
    assert load(written(file, f"a: {text}\n")) == {"a": text}


@pytest.mark.parametrize("text", ["", "~", "null", "  # nothing"])
def test_an_empty_value_is_none(file: Path, text: str) -> None:
    """A key without a value is told from a key with empty text."""
    assert load(written(file, f"a: {text}\nb: ''\nc: 'null'\n")) == {"a": None, "b": "", "c": "null"}


@pytest.mark.parametrize("text", ["", "\n# only a comment\n", "---\n", "\ufeff"])
def test_an_empty_file(file: Path, text: str) -> None:
    """Nothing in it is no settings, and no list entries."""
    assert load(written(file, text)) == {}
    assert load_list(file) == {"entries": []}


def test_each_value_knows_its_place(file: Path) -> None:
    """Keys, list entries and what is not there (the nearest thing around it) all have line and column."""
    section = load(written(file, "a: 1\nnodes:\n  run: {map: {3: on}}\nlist:\n  - x\n  - y: 1\n"))
    places = {("nodes", "run", "map", "3"): "3:15", ("list", 1, "y"): "6:5", ("list", 0): "5:5", ("nodes", "q"): "2:1"}
    assert {key: section.where(key) for key in places} == {key: f"a.yaml:{place}" for key, place in places.items()}
    assert section.where(("nothing",)) == "a.yaml:1:1"


def test_a_list_file(file: Path) -> None:
    """A list's entries stand under `entries`; a mapping is refused."""
    section = load_list(written(file, "- a: 1\n- b\n"))
    assert section == {"entries": [{"a": "1"}, "b"]}
    assert section.where(("entries", 1)) == "a.yaml:2:3"
    with pytest.raises(ConfigError) as caught:
        load_list(written(file, "a: 1\n"))
    assert str(caught.value) == "a.yaml:1:1: a list is expected here → start each entry with `- `"


def test_a_number_sign_that_may_belong_to_the_value(file: Path) -> None:
    """`name: DMU 50 #1` is legal YAML for `DMU 50`: understood, and doubted."""
    section = load(written(file, "name: DMU 50 #1\nport: 502 # the usual\nq: 'DMU #2'\n"))
    assert section == {"name": "DMU 50", "port": "502", "q": "DMU #2"}
    assert section.doubts == [
        ("a.yaml:1:7", "` #1` is read as a comment", "if it belongs to the value, quote it: 'DMU 50 #1'")
    ]


def test_bytes_that_are_no_utf8(file: Path) -> None:
    """A file saved in another encoding is named at the first byte that shows it."""
    file.write_bytes("a: 1\nname: 机".encode() + "床".encode("gb18030"))
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == "a.yaml:2:8: not UTF-8 text → save the file as UTF-8"


def test_a_file_that_is_too_large(file: Path) -> None:
    """A log dropped into the folder does not eat the memory."""
    file.write_bytes(b"#" * (LARGEST_FILE + 1))
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == f"a.yaml:1:1: larger than {LARGEST_FILE} bytes → split it"


def test_what_is_no_file(file: Path) -> None:
    """A missing file, a folder in its place and a link that leads nowhere are told apart."""
    with pytest.raises(ConfigError) as missing:
        load(file)
    assert str(missing.value) == "a.yaml:1:1: the file is missing → create it, or name its folder with --config"
    file.mkdir()
    with pytest.raises(ConfigError) as folder:
        load(file)
    assert str(folder.value) == "a.yaml:1:1: not a file → put a settings file in its place"
    file.rmdir()
    file.symlink_to(file)
    with pytest.raises(ConfigError) as circle:
        load(file)
    assert str(circle.value) == (
        "a.yaml:1:1: cannot be read: Too many levels of symbolic links → check its owner and mode"
    )


def test_files_of_a_folder(tmp_path: Path) -> None:
    """Editors' leftovers and other suffixes are no settings."""
    for name in ("b.yaml", "a.yaml", ".#a.yaml", "~a.yaml", "a.yaml~", "a.yml"):
        (tmp_path / name).touch()
    assert [path.name for path in yaml_files(tmp_path)] == ["a.yaml", "b.yaml"]


def test_a_site_over_a_profile(tmp_path: Path) -> None:
    """The site wins key by key, lists whole; every value points into the file that it came from."""
    profile, site = tmp_path / "profile.yaml", tmp_path / "site.yaml"
    profile.write_text("every: 1s\nnodes:\n  run: {node: P, map: {3: on}}\n  mode: M\nversion:\n  - {name: x}\n  - b\n")
    site.write_text("# site\nnodes:\n  run: {map: {1: off}}\n  mode: {node: S}\nversion: [c]\n")
    below, above = load(profile), load(site)
    both = merged(below, above)
    assert both == {
        "every": "1s",
        "nodes": {"run": {"node": "P", "map": {"3": "on", "1": "off"}}, "mode": {"node": "S"}},
        "version": ["c"],
    }
    assert isinstance(both, Section)
    places = {
        ("every",): "profile.yaml:1:1",
        ("nodes", "run", "node"): "profile.yaml:3:9",
        ("nodes", "run", "map", "3"): "profile.yaml:3:24",
        ("nodes", "run", "map", "1"): "site.yaml:3:15",
        ("nodes", "mode", "node"): "site.yaml:4:10",
        ("version", 0): "site.yaml:5:11",
        ("version", 1): "site.yaml:5:1",
        ("absent",): "site.yaml:1:1",
    }
    assert {key: both.where(key) for key in places} == {key: f"{tmp_path}/{place}" for key, place in places.items()}
    assert below["nodes"]["mode"] == "M"
    assert above["nodes"]["run"] == {"map": {"1": "off"}}


def test_a_plain_mapping_over_a_profile(tmp_path: Path) -> None:
    """Without a file there are no places, and the values are merged all the same."""
    profile = tmp_path / "p.yaml"
    profile.write_text("a: {b: 1}\n")
    assert merged(load(profile), {"a": {"c": "2"}}) == {"a": {"b": "1", "c": "2"}}
