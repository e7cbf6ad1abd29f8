"""The real `edge-bridge demo` as a process: it passes, it leaves nothing behind, and its own check can fail."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from edge_bridge.demo.acts import Drop, Expect, Say
from edge_bridge.demo.judge import Record, differences
from edge_bridge.demo.scenario import STEPS, demanded
from edge_bridge.demo.texts import LANGUAGES, Texts
from edge_bridge.demo.wrapping import wrapped
from tests.published import message_faults

COMMAND = str(Path(sys.executable).with_name("edge-bridge"))
MARK = "EDGE_BRIDGE_TEST_RUN"
LIMIT = "6"  # seconds; the usual 15 only make the demo longer
pytestmark = pytest.mark.timeout(240)

Message = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """A working folder for one demo, with a temporary folder of its own and a mark that its processes inherit."""

    folder: Path
    mark: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": "/",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.folder / "tmp"),
            MARK: self.mark,
        }

    @contextmanager
    def demo(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run a demo; if the test does not see it to its end, end it."""
        with subprocess.Popen(
            [COMMAND, "demo", "--limit", LIMIT, *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_hears_ctrl_c,
        ) as process:
            try:
                yield process
            finally:
                process.terminate()

    def processes(self) -> list[str]:
        """Return what still runs of this demo."""
        return [line for pid, line in _processes(self.mark) if pid != os.getpid()]

    def left(self) -> list[str]:
        """Return what is left of it: processes and files."""
        return [*self.processes(), *map(str, (self.folder / "tmp").iterdir())]


def _hears_ctrl_c() -> None:
    """Be as a program at a terminal is: what a build server runs in the background would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _processes(mark: str) -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"{MARK}={mark}".encode() in environment and line:
            yield int(folder.name), line


def new_place(folder: Path) -> Place:
    (folder / "tmp").mkdir()
    return Place(folder, uuid4().hex)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return new_place(tmp_path)


def told_until(word: str, process: subprocess.Popen[str]) -> str:
    """Return what a demo prints up to the line with this word."""
    assert process.stdout is not None
    told = ""
    for line in process.stdout:
        told += line
        if word in line:
            return told
    raise AssertionError(told)


@dataclass(frozen=True)
class Run:
    """A demo that has ended."""

    place: Place
    code: int
    output: str
    messages: list[Message]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One whole demo in a pipe, with everything that arrived."""
    place = new_place(tmp_path_factory.mktemp("demo"))
    with place.demo("--record", "arrived.jsonl") as process:
        output, _ = process.communicate(timeout=200)
    lines = (place.folder / "arrived.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [(line["topic"], line["payload"]) for line in map(json.loads, lines)]
    return Run(place, process.returncode, output, [(topic, _object(payload)) for topic, payload in messages])


def _object(payload: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payload or "{}")
    return found


# -- the demo itself -------------------------------------------------------------------------------------------------------


def test_it_passes_and_says_so(run: Run) -> None:
    """Exit code 0, and the platform has exactly what happened."""
    assert run.code == 0, run.output
    assert "PASSED" in run.output
    assert f"{len(list(demanded()))} demanded by the scenario" in re.sub(r"\s+", " ", run.output)


def test_it_leaves_nothing_behind(run: Run) -> None:
    """Every process it started is gone, and so is its folder."""
    assert run.place.left() == []


def test_it_tells_the_whole_story_in_plain_text(run: Run) -> None:
    """Each chapter, each lamp as a word, the reason of the refused file; no colour codes, 80 columns."""
    for step in STEPS:
        assert Texts("en")(f"steps.{step.name}.title") in run.output
    for word in ("GREEN", "AMBER", "RED", "CRITICAL", "VIOLATED", "LATE", "COMPLIANT", "GBK", "U+0000", "acknowledges"):
        assert word in run.output
    assert "\x1b" not in run.output
    assert "Traceback" not in run.output
    assert [line for line in run.output.splitlines() if len(line) > 80] == []


def test_json_is_all_that_is_printed(place: Place) -> None:
    """`--json` prints the summary and nothing else, in whatever language."""
    with place.demo("--json", "--lang", "zh-CN") as process:
        output, _ = process.communicate(timeout=200)
    summary = json.loads(output)
    assert (process.returncode, summary["passed"], summary["problems"]) == (0, True, [])
    assert {row["verdict"] for row in summary["changes"]} == {"compliant", "late"}
    assert place.left() == []


@pytest.mark.parametrize(("sign", "said"), [(signal.SIGINT, "COMPLIANT"), (signal.SIGTERM, "The plant wakes up")])
def test_ended_in_the_middle_it_leaves_nothing_behind(place: Place, sign: signal.Signals, said: str) -> None:
    """Ctrl-C or SIGTERM at any time: no process, no folder, no traceback."""
    with place.demo() as process:
        told = told_until(said, process)
        process.send_signal(sign)
        told += process.communicate(timeout=60)[0]
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert told.splitlines()[-1] == "Interrupted: ending every process and removing the folder …"
    assert place.left() == []


def test_kept_it_goes_on_until_ctrl_c(place: Place) -> None:
    """`--keep` says how to look at it; everything runs; Ctrl-C ends it, and the folder stays."""
    with place.demo("--keep", "--lang", "zh-CN") as process:
        told = told_until("*.log", process)
        assert len(place.processes()) == 5, place.processes()  # demo, broker, two controllers, daemon
        (config,) = re.findall(r"edge-bridge status --config (\S+)", told)
        assert "language: zh-CN" in (Path(config) / "edge-bridge.yaml").read_text(encoding="utf-8")
        process.send_signal(signal.SIGINT)
        told += process.communicate(timeout=60)[0]
    assert process.returncode == 0, told
    assert place.processes() == []
    assert Path(config).is_dir()


def test_without_its_broker_one_line_says_what_to_do(place: Place) -> None:
    """The extra `demo` is not installed: the fix, and no traceback."""
    code = "import sys; sys.modules['amqtt'] = None; from edge_bridge.cli import main; sys.exit(main(['demo']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place.folder,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
    assert "pip install 'edge-bridge[demo]'" in done.stderr
    assert place.left() == []


# -- its check can fail ----------------------------------------------------------------------------------------------------


def judged(messages: list[Message], last: int | None = None) -> list[str]:
    """Return what the demo would complain about if this had arrived."""
    record = Record()
    for topic, content in messages:
        record.feed(topic, json.dumps(content).encode())
    return differences(record, demanded(), last, Texts("en"))


def index(messages: list[Message], type: str, **data: object) -> int:
    """Return where the first event of a type, with such data, is."""
    for number, (topic, content) in enumerate(messages):
        if "/evt/" in topic and content["type"] == f"edge-bridge.{type}.v1" and data.items() <= content["data"].items():
            return number
    raise AssertionError(f"no {type}")


def last_of(messages: list[Message]) -> int:
    """Return the highest sequence."""
    return max(int(content["sequence"]) for topic, content in messages if "/evt/" in topic)


def made_up(messages: list[Message], origin: Message, **data: object) -> Message:
    """Return one more event like another, as the next of the sequence."""
    topic, content = origin
    more = {"id": str(uuid4()), "sequence": f"{last_of(messages) + 1:020d}", "data": content["data"] | data}
    return topic, content | more


def test_what_really_arrived_is_right(run: Run) -> None:
    """The control of the controls: the untouched record has no difference."""
    assert judged(run.messages, last_of(run.messages)) == []


def test_what_really_arrived_fits_the_published_schemas(run: Run) -> None:
    """Every message of a whole plant, field by field; none that the schemas do not name."""
    assert message_faults((topic, json.dumps(content).encode()) for topic, content in run.messages if content) == []


def test_the_same_event_twice_is_no_difference(run: Run) -> None:
    """At least once is what is promised; the upsert on (source, id) makes it once."""
    at = index(run.messages, "obligation.verdict")
    assert judged([*run.messages[: at + 1], run.messages[at], *run.messages[at + 1 :]]) == []


def without(messages: list[Message]) -> list[Message]:
    at = index(messages, "obligation.verdict", verdict="late")
    return messages[:at] + messages[at + 1 :]


def without_the_newest(messages: list[Message]) -> list[Message]:
    newest = f"{last_of(messages):020d}"
    return [(topic, content) for topic, content in messages if content.get("sequence") != newest]


def reordered(messages: list[Message]) -> list[Message]:
    at = index(messages, "card.raised", kind="overdue")
    return [*messages[:at], *reversed(messages[at : at + 6]), *messages[at + 6 :]]


def one_verdict_more(messages: list[Message]) -> list[Message]:
    return [*messages, made_up(messages, messages[index(messages, "obligation.verdict")], verdict="violated")]


def one_card_more(messages: list[Message]) -> list[Message]:
    return [*messages, made_up(messages, messages[index(messages, "card.raised")])]


def another_verdict(messages: list[Message]) -> list[Message]:
    at = index(messages, "obligation.verdict", verdict="compliant")
    topic, content = messages[at]
    return [*messages[:at], (topic, content | {"data": content["data"] | {"verdict": "late"}}), *messages[at + 1 :]]


def swapped(messages: list[Message]) -> list[Message]:
    """Verdicts of one obligation in the wrong turn, under the right sequence numbers."""
    one = index(messages, "obligation.verdict", verdict="violated")
    other = index(messages, "obligation.verdict", verdict="late")
    (topic, first), (_, second) = messages[one], messages[other]
    changed = list(messages)
    changed[one] = (topic, second | {"sequence": first["sequence"]})
    changed[other] = (topic, first | {"sequence": second["sequence"]})
    return changed


def another_body(messages: list[Message]) -> list[Message]:
    at = index(messages, "obligation.verdict")
    return [*messages, (messages[at][0], messages[at][1] | {"time": "2020-01-01T00:00:00.000Z"})]


def another_database(messages: list[Message]) -> list[Message]:
    topic, content = made_up(messages, messages[index(messages, "config.applied")])
    return [*messages, (topic, content | {"source": "urn:edge-bridge:other:edge-02:1"})]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without, "a gap: sequence"),
        (without, "demanded, and missing (1): obligation.verdict @ lathe-07"),
        (without_the_newest, "the newest events are missing"),
        (reordered, "out of order"),
        (one_verdict_more, "arrived, and not demanded (1): obligation.verdict"),
        (one_card_more, "arrived, and not demanded (1): card.raised"),
        (another_verdict, "demanded, and missing (1): obligation.verdict"),
        (swapped, "in the wrong turn"),
        (another_body, "came again with other bytes"),
        (another_database, "more than one database"),
    ],
)
def test_its_check_can_fail(run: Run, change: Callable[[list[Message]], list[Message]], said: str) -> None:
    """Each kind of loss, repetition, disorder and invention is told in words."""
    told = judged(change(run.messages), last_of(run.messages))
    assert [line for line in told if said in line], told


# -- its texts -------------------------------------------------------------------------------------------------------------


def test_both_languages_say_the_same() -> None:
    """Every text is there in both languages, with the same fields."""
    fields: list[Mapping[str, object]] = [
        {key: sorted(re.findall(r"{(\w+)}", Texts(language).template(key))) for key in Texts(language).keys}
        for language in LANGUAGES
    ]
    assert fields[0].keys() == fields[1].keys()
    assert {key for key in fields[0] if fields[0][key] != fields[1][key]} == set()


def test_every_act_has_its_words() -> None:
    """Each step and each remark of the scenario has its text, and each step demands something."""
    texts = Texts("en")
    for step in STEPS:
        assert {f"steps.{step.name}.title", f"steps.{step.name}.text"} <= texts.keys
        assert any(isinstance(act, Expect) for act in step.acts)
        assert all(f"happenings.{act.key}" in texts for act in step.acts if isinstance(act, Say))
    assert {act.encoding for step in STEPS for act in step.acts if isinstance(act, Drop)} == {"utf-8", "gbk"}


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("程序已装载。完", 10, ["程序已装", "载。完"]),
        ("程序 EL-100 已装载", 12, ["程序 EL-100", "已装载"]),
        ("/a/very/long/path", 6, ["/a/ver", "y/long", "/path"]),
        ("  kept", 10, ["  kept"]),
        ("", 10, [""]),
    ],
)
def test_lines_break_where_a_reader_expects_it(text: str, width: int, lines: list[str]) -> None:
    """Between words, between Chinese characters, never before a closing mark."""
    assert wrapped(text, width) == lines
