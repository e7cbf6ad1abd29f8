"""The example files that people copy, word for word: they load, or say in one sentence what is not there yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_bridge.clock import SystemClock
from edge_bridge.domain.ecn import Status
from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.options import ControllerOptions
from edge_bridge.plugins import find
from edge_bridge.ports import Adapter
from edge_bridge.strict_yaml import load

DMU50_01 = r"""# config/adapters/dmu50-01.yaml        one file per machine or PLM folder; the file name is its id
adapter: opcua
profile: sinumerik                      # adapters/opcua/profiles/sinumerik.yaml
name: DMU 50 #1
area: mc-1
endpoint: opc.tcp://192.168.10.21:4840
security: Basic256Sha256                # fails closed; None only with allow_insecure: true
username: edge
password_credential: dmu50-01
every: 1s
judge: main
version:                                # tried in order; the first that answers counts, and is recorded
  - variable: /Channel/Parameter/R[u1,90]
  - header: '\(REV (?P<version>[A-Z0-9.]+)\)'
  - name: '_(?P<version>[A-Z0-9]{1,3})\.MPF$'
"""
MILL_03 = """# config/adapters/mill-03.yaml           any OPC UA server: node ids in the standard's own notation, or browse paths
adapter: opcua
profile: generic
name: Mill 3
area: mc-1
endpoint: opc.tcp://192.168.10.33:4840
nodes:
  main_program: nsu=urn:mill:nc;s=Main
  active_program: nsu=urn:mill:nc;s=Active
  execution: {node: nsu=urn:mill:nc;s=Status, map: {3: running, 1: interrupted, default: stopped}}
  mode: {node: nsu=urn:mill:nc;s=Mode, map: {2: automatic, 1: mdi, 0: manual}}
  test: nsu=urn:mill:nc;s=ProgTest
version:
  - variable: nsu=urn:mill:nc;s=Revision
"""
LATHE_07 = """# config/adapters/lathe-07.yaml
adapter: modbus
profile: generic-plc
name: Lathe 7
area: mc-2
host: 192.168.10.40
port: 502
unit: 1
zero_based: true                        # must be said: no default
every: 1s
registers:                              # holding registers unless table: input
  main_program: {address: 100, type: uint32, word_order: big}
  version:      {address: 102, type: ascii, length: 16}
  execution:    {address: 110, type: uint16, map: {1: running, default: stopped}}
  mode:         {address: 111, type: uint16, map: {2: automatic, default: manual}}
"""
PLM = """# config/adapters/plm.yaml
adapter: plm_folder
path: /mnt/plm/ecn-export
format: csv
columns: {number: 变更单号, status: 状态, released: 发布时间, part: 零件号, drawing: 图号,
          revision: 版本, program: 程序号, version: 程序版本, category: 变更类型, designer: 设计员}
status: {released: [已发布, Released], withdrawn: [已取消, Cancelled]}
timezone: Asia/Shanghai
"""
HEADER_LINE = "  - header: '\\(REV (?P<version>[A-Z0-9.]+)\\)'\n"
IN_THE_CLEAR = "security: None\nallow_insecure: true\n"


def build(folder: Path, name: str, text: str) -> Adapter:
    """Return the adapter of a file with this text, in a folder that holds the credential of the examples."""
    secret = folder / "credentials" / "dmu50-01"
    if not secret.exists():
        secret.parent.mkdir()
        secret.write_text("secret", encoding="utf-8")
        secret.chmod(0o400)
    file = folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    section = load(file, folder)
    return find().factory(section["adapter"])(name, section, SystemClock())


def problems(folder: Path, name: str, text: str) -> list[ConfigError]:
    """Return what is wrong with a file."""
    with pytest.raises(ConfigError) as caught:
        build(folder, name, text)
    return list(caught.value.problems) if isinstance(caught.value, ConfigErrors) else [caught.value]


def test_encryption_fails_closed_and_says_what_to_do(tmp_path: Path) -> None:
    """Never a connection in the clear that nobody has agreed to."""
    text = DMU50_01.replace(HEADER_LINE, "").replace("security: Basic256Sha256", "security: None")
    (problem,) = problems(tmp_path, "dmu50-01", text)
    assert problem.key == ("security",)
    assert problem.where == f"{tmp_path}/dmu50-01.yaml:7:1"
    assert "remove `security`" in problem.hint
    assert "`allow_insecure: true`" in problem.hint


def test_the_machines_load(tmp_path: Path) -> None:
    """The site supplies the folder for certificates; all else in the examples is accepted as it stands."""
    pki = f"pki: {tmp_path}\n"
    text = DMU50_01.replace(HEADER_LINE, "") + pki
    dmu, mill = build(tmp_path, "dmu50-01", text), build(tmp_path, "mill-03", MILL_03 + pki)
    for adapter, name, every in ((dmu, "DMU 50", 1000), (mill, "Mill 3", 1000)):
        assert isinstance(adapter.options, ControllerOptions)
        assert (adapter.options.name, adapter.options.every, adapter.options.timeout) == (name, every, 5000)
        assert (adapter.options.judge, adapter.options.names) == ("main", "normalised")


def test_a_comment_in_a_name_is_asked_about(tmp_path: Path) -> None:
    """YAML cuts `DMU 50 #1` at the #: the technician is told, and how to write it."""
    file = tmp_path / "dmu50-01.yaml"
    file.write_text(DMU50_01, encoding="utf-8")
    ((place, doubt, fix),) = load(file).doubts
    assert place.endswith(":4:7")
    assert "#1" in doubt
    assert fix.endswith("'DMU 50 #1'")


def test_the_plc_loads(tmp_path: Path) -> None:
    """As it stands."""
    adapter = build(tmp_path, "lathe-07", LATHE_07)
    assert isinstance(adapter.options, ControllerOptions)
    assert (adapter.options.name, adapter.options.area) == ("Lathe 7", "mc-2")


def test_the_plm_folder_loads(tmp_path: Path) -> None:
    """As it stands, with Chinese headers and words."""
    adapter = build(tmp_path, "plm", PLM)
    assert adapter.options.words["已发布"] is Status.RELEASED  # type: ignore[attr-defined]
    assert adapter.options.columns["number"] == ("变更单号",)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "entry",
    ["header: 'REV (?P<version>.)'", "comment: 'REV (?P<version>.)'", "digest: sha256", "asset: versionId"],
)
def test_an_extractor_that_a_plc_cannot_answer_is_named(tmp_path: Path, entry: str) -> None:
    """A PLC shows no program text: what can be used instead is said."""
    text = LATHE_07 + f"version:\n  - name: '_(?P<version>.)$'\n  - {entry}\n"
    (problem,) = problems(tmp_path, "lathe-07", text)
    assert f"`{entry.split(':')[0]}: …` cannot be read by this adapter" in problem.what
    assert problem.hint == "use one of variable, name, path"
    assert problem.where.endswith(":16:1")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("header: 'REV .'", "put (?P<version>…) around it"),
        ("digest: md5", "'sha256'"),
        ("name: '_(?P<version>.)$'\n    which: last", "`which` belongs to header or comment"),
        ("name: '_(?P<version>.)$'\n    bound: always", "`bound` belongs to variable"),
    ],
)
def test_an_extractor_that_makes_no_sense_is_refused(tmp_path: Path, entry: str, said: str) -> None:
    """At its own line, with what to write."""
    (problem,) = problems(tmp_path, "lathe-07", f"{LATHE_07}version:\n  - {entry}\n")
    assert said in str(problem)
    assert problem.where.endswith(":17:5") or problem.where.endswith(":17:13")


def test_judging_by_what_the_main_program_calls_needs_its_text(tmp_path: Path) -> None:
    """A PLC does not show it; what comes near is named."""
    (problem,) = problems(tmp_path, "lathe-07", LATHE_07 + "judge: called_by_main\n")
    assert "which this adapter cannot read" in problem.what
    assert "any_in_stack" in problem.hint


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("mill-03", MILL_03.replace("  main_program: nsu=urn:mill:nc;s=Main\n", "") + IN_THE_CLEAR, "nodes"),
        ("mill-03", MILL_03.replace("  active_program", "judge: active\n#") + IN_THE_CLEAR, "nodes"),
        ("lathe-07", LATHE_07.replace("  main_program:", "  active_program:"), "registers"),
    ],
)
def test_what_is_judged_must_be_read(tmp_path: Path, name: str, text: str, key: str) -> None:
    """A machine judged by a program that nothing names would be unverifiable for ever, and only say so after a while."""
    if "judge: active" in text:
        text = text.replace("judge: active\n", "") + "judge: active\n"
    (problem,) = problems(tmp_path, name, text)
    assert problem.key == (key,)
    assert "`judge:" in problem.what
    assert problem.hint
