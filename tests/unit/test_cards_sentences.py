"""Reasons in the reader's language: every sentence of our adapters is in a catalogue; an unknown one stays as it is."""

from __future__ import annotations

import ast
import re
import string
import time
from collections.abc import Iterator, Set
from itertools import product
from pathlib import Path

import pytest

from adapters.plm_folder.unreadable import Unreadable
from edge_bridge import plugins
from edge_bridge.cards import Writer, load_templates, sentences, told
from edge_bridge.cards.sentences import Catalogue, catalogue, read
from edge_bridge.domain.card import KINDS, Card, Kind
from edge_bridge.domain.instant import Stamp
from edge_bridge.errors import ConfigError

ROOT = Path(__file__).parents[2]
ADAPTERS = ("mtconnect", "modbus", "nc_folder", "opcua", "plm_folder")
CORE = ("supervisor.py", "blocking.py", "mqtt/failures.py", "pki/files.py", "pki/own.py", "pki/trust.py")
FILES = [file for name in ADAPTERS for file in sorted((ROOT / "adapters" / name).rglob("*.py"))]
FILES += [ROOT / "edge_bridge" / name for name in CORE]
CATALOGUES = [ROOT / "edge_bridge/cards/reasons.zh-CN.yaml"]
CATALOGUES += [ROOT / "adapters" / name / "reasons.zh-CN.yaml" for name in ADAPTERS]
ERRORS = {"AdapterError", "RefusedError", "UntrustedError", "CertificateError", "NotMtConnect", "UnusableAnswerError"}
ERRORS |= {"BrokerError", "BrokerRefusedError", "OldBrokerError"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def texts(node: ast.expr | None, known: dict[str, list[ast.expr]], depth: int = 3) -> Iterator[str]:
    """Yield the texts that an expression may give, `7` in place of each value; names are followed within their module."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield from map("".join, product(*(list(texts(part, known, depth)) or ["7"] for part in parts)))
        case ast.FormattedValue(value=ast.Name() as name, conversion=-1):
            yield from texts(name, known, depth)
        case ast.IfExp(body=body, orelse=other):
            yield from texts(body, known, depth)
            yield from texts(other, known, depth)
        case ast.Name(id=name) if depth:
            for value in known.get(name, ()):
                yield from texts(value, known, depth - 1)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="get"), args=[_, default]) if depth:
            for table in known.get(name, ()):
                yield from (text for value in getattr(table, "values", ()) for text in texts(value, known, depth - 1))
            yield from texts(default, known, depth)


def said_in(file: Path, errors: Set[str] = frozenset(ERRORS)) -> Iterator[str]:
    """Yield what these errors of a module say, what and hint."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    known: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            known.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := getattr(node.func, "id", "")) in errors:
            what, hint = (list(texts(argument, known)) for argument in (*node.args, None)[:2])
            yield from (
                f"http://7 {one}" if name == "NotMtConnect" and one else one for one in what
            )  # its reader adds the place
            yield from hint


SAID = sorted({(text, file.relative_to(ROOT).as_posix()) for file in FILES for text in said_in(file)})


def test_there_is_something_to_say() -> None:
    """What is found below is what the adapters say: a change of style must not empty it."""
    assert len(SAID) > 150
    assert {file.split("/")[1] for _, file in SAID} >= set(ADAPTERS)


@pytest.mark.parametrize(("text", "file"), SAID)
def test_every_reason_is_told_in_chinese(text: str, file: str) -> None:
    """Each sentence with which an adapter is lost, and each hint; texts that hold no words of their own aside."""
    if re.search(r"[A-Za-z]{3}", re.sub(r"`[^`]*`", "", text)):
        assert CHINESE.search(told(text, "zh-CN")), f"{file} says what no reasons.zh-CN.yaml has"


@pytest.mark.parametrize("kind", Unreadable.kinds())
def test_every_refusal_of_a_file_is_told_in_chinese(kind: str) -> None:
    """What is wrong and what to do, whole: no English is left but what is quoted."""
    facts = (
        "encoding",
        "character",
        "field",
        "column",
        "found",
        "key",
        "detail",
        "count",
        "expected",
        "number",
        "value",
    )
    facts += ("other", "place", "limit", "path", "root", "values", "sheet", "reason", "timeout")
    refusal = Unreadable(kind, "line 3", **dict.fromkeys(facts, "7"))
    for text in (refusal.what, refusal.hint):
        chinese = told(text, "zh-CN")
        assert CHINESE.search(chinese) or text == "7"
        assert not re.search(r"\b(the|is|it|are|not)\b", chinese)


def test_the_parts_of_a_reason() -> None:
    """What and hint, place and what, several reasons, a reason within a reason: each as far as it is known."""
    for english, chinese in (
        ("nothing listens at opc.tcp://c:4840 → update its server", "opc.tcp://c:4840 上没有服务在监听 → 请更新其服务器"),
        ("EL-1: no machine named and no route matches", "EL-1：未写明机床，也没有匹配的路由"),
        ("E-1: unknown machine: m9; E-2: it names no part, drawing or program", "E-1：未知机床：m9；E-2：未写明零件、图号或程序"),
        ("the PLM folder /p: q cannot be read: Permission denied", "PLM 文件夹 /p: q 无法读取：权限不足"),
        ("bad.csv: line 2: the file is empty → export it again; it may have been cut off",
         "bad.csv：第 2 行：文件为空 → 请重新导出；文件可能不完整"),
        ("mqtt://b:1883: nothing listens there → is the broker running, and is the port right?",
         "mqtt://b:1883：没有服务在监听 → 消息服务器是否运行？端口是否正确？"),
        ("p.txt: line 1: the column `number` is missing; found: A, B → remove or rename one of them",
         "p.txt：第 1 行：缺少列 `number`；文件中的列：A, B → 请删除或重命名其中一列"),
        ("serial 100 – …, lot L7", "序列号 100 – …，批次 L7"),
        ("serial … – 200", "序列号 … – 200"),
        ("lot L7", "批次 L7"),
        ("no reading for 12 s", "已 12 秒没有读数"),
        ("10.0.0.1:502 says: gateway path unavailable", "10.0.0.1:502 应答：网关路径不可用"),
        ("plc:502: the answer is not Modbus TCP → ring 4711", "plc:502：应答不是 Modbus TCP → ring 4711"),
        ("say which one it is: `columns: {number: <header in the file>}`, or where the header stands: `header_row:`; "
         "check `encoding:` if they look scrambled",
         "请在配置中写明：`columns: {number: <文件中的列名>}`，或用 `header_row:` 指明表头所在行；"
         "若列名为乱码，请检查 `encoding:`"),
    ):  # fmt: skip
        assert told(english, "zh-CN") == chinese
        assert told(english, "en") == english


@pytest.mark.parametrize(
    "text",
    ["", "x", "OSError: boo: hoo; bah → {0}", "a: b: c", "{machine}", "nothing listens at ", "→", " → ", "; ; : "],
)
def test_an_unknown_reason_stays_as_it_is(text: str) -> None:
    """English is better than nothing, and a value with braces is only text."""
    assert told(text, "zh-CN") == text


def test_a_value_is_never_lost() -> None:
    """Whatever a machine or file puts into a sentence is in the translation, too."""
    for value in ("a within 3 s", "; b", "b → c", "{0}", "x cannot be reached: y", "'", "\n", "…"):
        chinese = told(f"nothing listens at {value}", "zh-CN")
        assert CHINESE.search(chinese)
        assert all(piece in chinese for piece in value.replace("cannot be reached:", " ").replace(";", "").split(" "))


def test_hostile_reasons_take_no_time() -> None:
    """A reason quotes files and machines: no text makes its translation slow."""
    began = time.process_time()
    for piece in (": ", "; ", " → ", "cannot be read: ", " is ", "a", "`", "(", "{0}", "there are items of 7 here, "):
        text = piece * (4000 // len(piece))
        assert told(text, "zh-CN")
        assert told(text * 500, "zh-CN") == text * 500  # no reason is that long
    assert time.process_time() - began < 5


def test_cards_quote_reasons_in_both_languages() -> None:
    """The error of a machine and of a source, the reason of a file, and what happened to the database."""
    at = Stamp(0, 0, "boot", True)
    writer = Writer(load_templates(), "UTC")
    for kind, name, reason, chinese in (
        (Kind.MACHINE_UNREACHABLE, "error", "nothing listens at opc.tcp://c:4840", "上没有服务在监听"),
        (
            Kind.SOURCE_LOST,
            "error",
            "the PLM folder /p cannot be read: Stale file handle",
            "无法读取：共享文件句柄已失效",
        ),
        (Kind.ECN_REJECTED, "reason", "the file is empty", "文件为空"),
        (Kind.STORE_RECOVERED, "happened", "torn. It was moved to /x; a new epoch begins", "已移至 /x；开始新的纪元"),
    ):
        card = Card("id", "key", kind, KINDS[kind].severity, "plm", (), at, facts={name: reason})
        shown = writer(card, None)["text"]
        assert reason in shown["en"]
        assert chinese in shown["zh-CN"]
        assert reason not in shown["zh-CN"]


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parent.name)
def test_catalogues_are_sound(file: Path) -> None:
    """Every sentence keeps all its values, gaps never touch, and what is said is Chinese."""
    for english, chinese in read(file).items():
        ours, theirs = (
            [name for _, name, _, _ in string.Formatter().parse(text) if name] for text in (english, chinese)
        )
        assert sorted(set(ours)) == sorted(set(theirs)), english
        assert len(set(ours)) == len(ours), f"one value twice: {english}"
        assert not re.search(r"\}\{(?!\{)", english.replace("{{", "").replace("}}", "")), english
        assert re.search(r"[A-Za-z]{2}", re.sub(r"\{\w+\}", "", english)), f"it fits nearly everything: {english}"


def test_every_catalogue_is_found() -> None:
    """By the entry points, and without loading an adapter."""
    assert {file.resolve() for file in sentences._files("zh-CN")} == {file.resolve() for file in CATALOGUES}
    assert sentences.ADAPTERS == plugins.GROUP
    assert list(sentences._files("de")) == []
    assert catalogue("de").told("the file is empty") == "the file is empty"


@pytest.mark.parametrize(
    ("text", "word"),
    [("'a {x}': 'b {y}'\n", "no {y}"), ("a: [b]\n", "one text"), ("a: 'b {'\n", "not a template")],
)
def test_a_slip_in_a_catalogue_is_told_with_its_place(tmp_path: Path, text: str, word: str) -> None:
    """As in every other file."""
    file = tmp_path / "reasons.zh-CN.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(word)) as refused:
        read(file)
    assert f"{file}:1:" in str(refused.value)


def test_the_sentence_with_the_most_words_counts() -> None:
    """Two may fit; the one that says more is meant."""
    made = Catalogue({"{a} cannot be read: {b}": "1 {a} {b}", "the folder {a} cannot be read: {b}": "2 {a} {b}"})
    assert made.told("the folder x cannot be read: y") == "2 x y"
    assert made.told("x cannot be read: y") == "1 x y"
