"""What is wrong with a configuration is told in the technician's language, whatever is wrong with it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_bridge.cards.sentences import SETTINGS, _files, catalogue
from edge_bridge.cli import main
from edge_bridge.strict_yaml import faults
from tests.unit import test_cards_sentences as sentences
from tests.unit.test_config import FILES, write

ROOT = Path(__file__).parents[2] / "edge_bridge"
PLM = ROOT.parent / "adapters" / "plm_folder"
ADAPTERS = [PLM.parent / name for name in sentences.ADAPTERS]
CATALOGUES = [folder / "settings.zh-CN.yaml" for folder in (ROOT / "cards", *ADAPTERS)]
CORE = [file for name in ("config", "options", "strict_yaml") for file in sorted((ROOT / name).glob("*.py"))]
CORE += [ROOT / "plugins.py", ROOT / "cards" / "__init__.py"]
CORE += [PLM / name for name in ("adapter.py", "options.py", "layout_options.py", "presets.py", "formats/xml_path.py")]
CORE += [
    file
    for folder in ADAPTERS
    if folder != PLM
    for file in sorted(folder.rglob("*.py"))
    if file.name != "structures.py"
]
CHINESE = catalogue("zh-CN", SETTINGS)
QUOTED = re.compile(r"`[^`]*`|'[^']*'|\S*[/\\:.=@_-]\S*|\([^)]*\)|（[^）]*）|(?:可用|安装|可选值|现有|列出)[：\s][^→]*")
"""What stays as it is in any language: keys, values, paths, and what is listed behind."""
ENGLISH = re.compile(
    r"\b(?!ms|kB|MB|GB|JSON|YAML|UTF|DIR|true|false|edge|bridge|config|adapters|tz|part|drawing|category)[A-Za-z]{2,}\b"
)
WITH_ENGLISH = {
    ("no 7 is configured", "folder.py"),
    ("the 7 7 is given for both 7 and 7", "options.py"),
}
"""Sentences with a value that is an English word: they stand in the catalogue once for each word."""
SAID = sorted(
    {(text, file.name) for file in CORE for text in sentences.said_in(file, {"ConfigError", "ValueError"})}
    - WITH_ENGLISH
)


def test_there_is_something_to_say() -> None:
    """A change of style must not empty what is found."""
    assert len(SAID) > 110


@pytest.mark.parametrize(("text", "file"), SAID)
def test_every_sentence_is_told_in_chinese(text: str, file: str) -> None:
    """Each sentence with which a setting is refused, and each hint; texts that hold no words of their own aside."""
    if re.search(r"[A-Za-z]{3}", re.sub(r"`[^`]*`", "", text)):
        assert sentences.CHINESE.search(CHINESE.told(text)), f"{file} says what no settings.zh-CN.yaml has"


@pytest.mark.parametrize("text", sorted({text for _, *said in faults.FAULTS for text in said}))
def test_every_fault_of_yaml_is_told_in_chinese(text: str) -> None:
    """What is wrong, and what to do."""
    assert sentences.CHINESE.search(CHINESE.told(text))


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parent.name)
def test_catalogues_are_sound(file: Path) -> None:
    """Every sentence keeps its values, and is found."""
    sentences.test_catalogues_are_sound(file)
    assert file.resolve() in {found.resolve() for found in _files("zh-CN", SETTINGS)}


STORE = [ROOT / "store" / f"{name}.py" for name in ("faults", "lock", "opening", "queries", "schema")]
TOLD = sorted(
    {
        text
        for file in (*STORE, ROOT / "control.py", ROOT / "cli" / "desk.py", ROOT / "cli" / "simulate.py")
        for text in sentences.said_in(file, {"StoreError", "ControlError", "EdgeBridgeError"})
        if not re.match("rows of kind|use: ", text)  # a programmer's mistake
    }
)


@pytest.mark.parametrize("text", TOLD)
def test_what_a_command_cannot_do_is_told_in_chinese(text: str) -> None:
    """No database, no daemon, no right to read: what a technician meets before anything works."""
    assert len(TOLD) > 20
    assert sentences.CHINESE.search(CHINESE.told(text))


def refusals(file: Path) -> Iterator[str]:
    """Yield what an adapter's own `refuse(key, what, hint)` says in a file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "refuse":
            for argument in node.args[1:]:
                yield from sentences.texts(argument, {})


REFUSED = sorted(
    {text for name in ("options.py", "identification.py") for text in refusals(PLM.parent / "opcua" / name)}
)


@pytest.mark.parametrize("text", REFUSED)
def test_every_refusal_of_a_connection_is_told_in_chinese(text: str) -> None:
    """Security and users of OPC UA."""
    assert len(REFUSED) > 15
    assert sentences.CHINESE.search(CHINESE.told(text))


BROKEN: dict[str, tuple[str, str, str]] = {
    "a key misspelt": ("edge-bridge.yaml", "limit:", "limt:"),
    "a key that nobody knows": ("edge-bridge.yaml", "limit:", "xyzzy:"),
    "a key missing": ("edge-bridge.yaml", "gateway: edge-01\n", ""),
    "a key twice": ("edge-bridge.yaml", "gateway: edge-01\n", "gateway: edge-01\ngateway: edge-02\n"),
    "a duration without a unit": ("edge-bridge.yaml", "limit: 15m", "limit: 15"),
    "a duration too short": ("edge-bridge.yaml", "limit: 15m", "limit: 1ms"),
    "a word that is none of those": ("edge-bridge.yaml", "language: zh-CN", "language: zh-CN-x"),
    "no value": ("edge-bridge.yaml", "limit: 15m", "limit:"),
    "a list for a text": ("edge-bridge.yaml", "gateway: edge-01", "gateway: [a, b]"),
    "a text for a map": ("edge-bridge.yaml", "parties:", "cards: soon\nparties:"),
    "a time zone": ("edge-bridge.yaml", "Asia/Shanghai", "Asia/Shangai"),
    "an id": ("edge-bridge.yaml", "gateway: edge-01", "gateway: Edge 01"),
    "a broker": ("edge-bridge.yaml", "mqtts://broker:8883", "http://broker"),
    "a tab": ("edge-bridge.yaml", "limit: 15m", "store:\n\tpath: x"),
    "a quote": ("edge-bridge.yaml", "gateway: edge-01", "gateway: 'edge-01"),
    "a second colon": ("edge-bridge.yaml", "gateway: edge-01", "gateway: a: b"),
    "no colon": ("edge-bridge.yaml", "gateway: edge-01", "gateway edge-01"),
    "an adapter misspelt": ("adapters/plm.yaml", "plm_folder", "plm_foldr"),
    "an adapter that nobody knows": ("adapters/plm.yaml", "plm_folder", "xyzzy"),
    "no adapter": ("adapters/plm.yaml", "adapter: plm_folder\n", ""),
    "a preset": ("adapters/plm.yaml", "path: plm", "path: plm\npreset: windchil"),
    "a word for two": ("adapters/plm.yaml", "{released: [Released]}", "{released: [Released], withdrawn: released}"),
    "a source without a folder": ("adapters/plm.yaml", "path: plm\n", ""),
    "paths missing": ("adapters/plm.yaml", "path: plm", "path: plm\nformat: xml"),
    "a machine in a route": ("routes.yaml", "lathe-07", "lathe-70"),
    "a route that is no list": ("routes.yaml", "- match", "match"),
}
EXTRA = {
    "adapters/Mill 3.yaml": "adapter: plm_folder\npath: x\n",
    "adapters/gateway.yaml": "adapter: plm_folder\npath: x\n",
    "edge-bridge.yml": "site: a\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A valid site that speaks Chinese."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        write(Path("site"), name, text)
    write(Path("site"), "routes.yaml", "- match: {part: P*}\n  machines: [lathe-07]\n  program: X\n  version: A\n")
    site = Path("site/edge-bridge.yaml")
    lines = [line for line in site.read_text().splitlines() if not line.startswith(("language:", "limit:"))]
    site.write_text("\n".join([*lines, "language: zh-CN", "limit: 15m", "parties: {cell_leader: }", ""]))
    return Path("site")


def only_chinese(said: str) -> None:
    """Fail for a line that holds English words of ours."""
    lines = [line for line in said.replace("\n ", " ").splitlines() if line]
    assert lines
    assert sentences.CHINESE.search(said)
    for line in lines:
        assert not ENGLISH.findall(QUOTED.sub("", line)), line


@pytest.mark.parametrize("what", BROKEN)
def test_what_a_technician_meets_first(what: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for nothing, `check` speaks the site's language even where the site's own file is broken; JSON is for programs."""
    name, given, wrong = BROKEN[what]
    file = folder / name
    assert given in file.read_text()
    file.write_text(file.read_text().replace(given, wrong))
    start = ["--config", str(folder)] + (["--lang", "zh-CN"] if "language" in given else [])
    assert main([*start, "check"]) == 78
    said = capsys.readouterr().out
    only_chinese(said)
    assert "无法启动" in said
    assert main([*start, "ecn", "nothing.csv"]) == 78
    only_chinese(capsys.readouterr().err.replace("edge-bridge: ", ""))
    assert main([*start, "--json", "check"]) == 78
    assert not sentences.CHINESE.search(json.loads(capsys.readouterr().out)["problems"][0]["what"])
    assert main([*start, "--lang", "en", "check"]) == 78
    assert not sentences.CHINESE.search(capsys.readouterr().out)


@pytest.mark.parametrize("name", EXTRA)
def test_a_file_in_the_wrong_place(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that cannot be an id, or a file that nobody reads."""
    write(folder, name, EXTRA[name])
    assert main(["--config", str(folder), "check"]) == (0 if name.endswith(".yml") else 78)
    first = capsys.readouterr().out.split("\n机床")[0]
    only_chinese(first)


def test_a_command_without_a_database(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the site's language, as everything else."""
    assert main(["--config", str(folder), "explain", "lathe-07"]) == 1
    only_chinese(capsys.readouterr().err.replace("edge-bridge: ", ""))


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a folder nor a file in it."""
    for given in (tmp_path / "none", tmp_path):
        assert main(["--config", str(given), "--lang", "zh-CN", "check"]) == 78
        only_chinese(capsys.readouterr().out)
