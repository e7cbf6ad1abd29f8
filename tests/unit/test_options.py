"""Typed settings: every wrong value is named by its whole key, at its place, with what to write instead."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.options import (
    ControllerOptions,
    Credential,
    Duration,
    FilePath,
    Identifier,
    Options,
    Pattern,
    Secret,
    Size,
    TimeZone,
    YesNo,
    duration_text,
    milliseconds,
    read_options,
    size_in_bytes,
    size_text,
)
from edge_bridge.strict_yaml import load, merged

UNIT = "a duration needs a number and a unit (ms, s, m, h, d, w)"
EMPTY = "has no value → write one after the colon, or remove the line"


class Node(Options):
    """One node of the example."""

    node: str
    map: dict[str, Literal["running", "stopped"]] = Field(default_factory=dict)


class Example(ControllerOptions):
    """An adapter's options with one of each type."""

    nodes: dict[str, str | Node] = Field(default_factory=dict)
    port: int = Field(502, ge=1, le=65_535)
    scale: float = 1.0
    numbers: dict[int, str] = Field(default_factory=dict)
    zone: TimeZone | None = None
    path: FilePath | None = None
    folder: FilePath = Path()
    size: Size = Field(0, ge=10_000_000)
    yes: YesNo = False
    id: Identifier = "x"
    pattern: Pattern | None = None
    password_credential: Credential | None = None


REFUSED = {
    "nodes: {execution: {node: x, map: {3: runing}}}": (
        "2:36: `nodes.execution.map.3` cannot be 'runing' → one of 'running' or 'stopped'"
    ),
    "nodes: {execution: {nod: x}}": "2:21: unknown key `nod` → did you mean `node`?",
    "nodes: {execution: {map: {}}}": "2:9: `nodes.execution.node` is missing → add it",
    "nodes: {a: [x]}": "2:9: `nodes.a` cannot be this → write text",
    "nodes: {a: }": f"2:9: `nodes.a` {EMPTY}",
    "nodes: x": "2:1: `nodes` cannot be 'x' → write `key: value` lines under it",
    "version: x": "2:1: `version` cannot be 'x' → write a list: each entry starts with `- `",
    "version: {name: x}": "2:1: `version` cannot be this → write a list: each entry starts with `- `",
    "version: [{name: '('}]": (
        "2:12: `version.name`: not a regular expression: missing ), unterminated subpattern at position 0"
        " (found '(') → correct the pattern"
    ),
    "version: [{name: abc}]": "2:11: `version`: the pattern must mark the version → put (?P<version>…) around it",
    "version: [{variable: a, path: '(?P<version>.)'}]": (
        "2:11: `version`: each entry of `version:` has exactly one of "
        "variable, name, path, header, comment, digest, asset → keep one"
    ),
    "version: [{variable: a, bund: always}]": "2:25: unknown key `bund` → did you mean `bound`?",
    "numbers: {a: 1}": "2:11: `numbers.a` cannot be 'a' → write a whole number",
    "port: x": "2:1: `port` cannot be 'x' → write a whole number",
    "port: 1.5": "2:1: `port` cannot be '1.5' → write a whole number",
    "port: 0": "2:1: `port` cannot be '0' → at least 1",
    "port: 70000": "2:1: `port` cannot be '70000' → at most 65535",
    "port:": f"2:1: `port` {EMPTY}",
    "scale: nan": "2:1: `scale` cannot be 'nan' → write a number",
    "scale: wide": "2:1: `scale` cannot be 'wide' → write a number",
    "area: {revision}": "2:1: `area` cannot be this → put it in quotes: '{revision}'",
    "area:": f"2:1: `area` {EMPTY}",
    "every: 15": f"2:1: `every`: {UNIT} (found '15') → write 15s for seconds, 15m for minutes",
    "every: 15 min": f"2:1: `every`: {UNIT} (found '15 min') → write 15m",
    "every: 1 sec": f"2:1: `every`: {UNIT} (found '1 sec') → write 1s",
    "every: 1,5 Hours": f"2:1: `every`: {UNIT} (found '1,5 Hours') → write 1.5h",
    "every: 15分钟": f"2:1: `every`: {UNIT} (found '15分钟') → write 15m",
    "every: 15M": f"2:1: `every`: {UNIT} (found '15M') → such as 15m",
    "every: 1s 5": f"2:1: `every`: {UNIT} (found '1s 5') → such as 15m",
    "every: -1s": "2:1: `every`: a duration cannot be negative (found '-1s') → such as 15m",
    "every: 99999d": "2:1: `every`: longer than ten years (found '99999d') → check the unit (ms, s, m, h, d, w)",
    "every: 50ms": "2:1: `every` cannot be '50ms' → at least 100ms",
    "every: [1s]": "2:1: `every`: must be one plain value → write it without brackets",
    "every:": f"2:1: `every` {EMPTY}",
    "yes: yes": "2:1: `yes`: must be true or false (found 'yes') → write true or false",
    "yes: True": "2:1: `yes`: must be true or false (found 'True') → write true or false",
    "yes:": "2:1: `yes` has no value → write true or false",
    "size: 5": "2:1: `size`: a size needs a number and a unit (kB, MB, GB) (found '5') → such as 2GB",
    "size: 5MB": "2:1: `size` cannot be '5MB' → at least 10MB",
    "size: 9999GB": "2:1: `size`: larger than 1000GB (found '9999GB') → check the unit (kB, MB, GB)",
    "zone: Asia/Shanghia": (
        "2:1: `zone`: not a time zone of the tz database (found 'Asia/Shanghia') → did you mean Asia/Shanghai?"
    ),
    "zone: ../etc": (
        "2:1: `zone`: not a time zone of the tz database (found '../etc') → write it as Asia/Shanghai or Europe/Berlin"
    ),
    "folder: ''": f"2:1: `folder` {EMPTY}",
    "folder:": f"2:1: `folder` {EMPTY}",
    "folder: ~nobody-at-all/x": (
        "2:1: `folder`: `~` stands for nobody's home here (found '~nobody-at-all/x') → write the whole path"
    ),
    "id: Mill 3": (
        "2:1: `id`: an id has 1 to 40 of the characters a-z 0-9 - (it becomes part of an MQTT topic) (found 'Mill 3')"
        " → such as mill-03"
    ),
    "match: atleast": "2:1: `match` cannot be 'atleast' → one of 'at_least' or 'exact'",
    "evry: 1s": "2:1: unknown key `evry` → did you mean `every`?",
    "password: x": "2:1: unknown key `password` → did you mean `password_credential`?",
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file named as a technician would see it, without credentials from elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return Path("a.yaml")


def read(file: Path, text: str) -> Example:
    file.write_text(f"adapter: x\n{text}\n", encoding="utf-8")
    return read_options(Example, load(file))


@pytest.mark.parametrize("text", REFUSED)
def test_refused(file: Path, text: str) -> None:
    """One wrong value is one problem: whole key, place and fix."""
    with pytest.raises(ConfigError) as caught:
        read(file, text)
    assert str(caught.value) == f"a.yaml:{REFUSED[text]}"


def test_the_key_of_a_problem_is_the_technicians_path(file: Path) -> None:
    """Branches of unions leave no trace in the key."""
    with pytest.raises(ConfigError) as caught:
        read(file, "nodes: {execution: {node: x, map: {3: runing}}}")
    assert caught.value.key == ("nodes", "execution", "map", "3")


def test_every_problem_at_once(file: Path) -> None:
    """A file is mended in one round."""
    with pytest.raises(ConfigErrors) as caught:
        read(file, "evry: 1s\nport: x\nyes: on")
    assert {problem.where for problem in caught.value.problems} == {"a.yaml:2:1", "a.yaml:3:1", "a.yaml:4:1"}


def test_unknown_key_far_from_all(file: Path) -> None:
    """Where no known key is near, all are listed."""
    with pytest.raises(
        ConfigError, match="known here: asset, bound, comment, digest, header, name, path, variable, which"
    ):
        read(file, "version: [{xyz: 1}]")


def test_a_problem_in_a_profile_names_the_profile(tmp_path: Path) -> None:
    """A merged file's problem points into the file that it came from."""
    (tmp_path / "profile.yaml").write_text("adapter: x\nport: y\n")
    (tmp_path / "site.yaml").write_text("every: 1s\nyes: no\n")
    with pytest.raises(ConfigErrors) as caught:
        read_options(Example, merged(load(tmp_path / "profile.yaml"), load(tmp_path / "site.yaml")))
    assert {problem.where for problem in caught.value.problems} == {
        f"{tmp_path}/profile.yaml:2:1",
        f"{tmp_path}/site.yaml:2:1",
    }


def test_understood(file: Path) -> None:
    """Text becomes what the schema says, and an optional key without a value is absent."""
    options = read(
        file,
        "port: 5020\nscale: 0.1\nyes: true\nsize: 2GB\nevery: 1h30m\nzone:\npath:\nfolder: var\nversion:\n"
        "  - name: 'V(?P<version>.)'\n  - {variable: R90, bound: always}",
    )
    assert (options.port, options.scale, options.yes, options.size, options.every) == (
        5020,
        0.1,
        True,
        2 * 10**9,
        5_400_000,
    )
    assert (options.zone, options.path, options.folder) == (None, None, Path("var"))
    assert [entry.extractor.value for entry in options.version] == ["name", "variable"]


def test_plain_mappings_have_no_place() -> None:
    """Without a file the error still names the key."""
    with pytest.raises(ConfigError) as caught:
        read_options(Example, {"adapter": "x", "port": "y"})
    assert (caught.value.key, caught.value.where) == (("port",), "")


@pytest.mark.parametrize(
    ("text", "found"),
    [("15m", 900_000), ("1h30m", 5_400_000), ("250ms", 250), ("1.5s", 1500), ("2 w", 1_209_600_000), ("0s", 0)],
)
def test_durations(text: str, found: int) -> None:
    """A duration is a number and a unit, or several."""
    assert milliseconds(text) == found


@pytest.mark.parametrize("text", ["15m", "1h30m", "250ms", "1s500ms", "90d", "0s"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    """What is shown can be pasted into a file."""
    assert duration_text(milliseconds(text)) == text


@pytest.mark.parametrize("text", ["2GB", "10MB", "1.5GB", "12kB", "7B"])
def test_a_size_is_written_as_it_is_read(text: str) -> None:
    """What is shown can be pasted into a file."""
    assert size_text(size_in_bytes(text)) == text


class WithSecret(Options):
    """Settings that name a secret."""

    password_credential: Credential
    wait: Duration = 0


def credential(root: Path, text: str | bytes, mode: int = stat.S_IRUSR) -> Path:
    place = root / "credentials" / "db"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    place.chmod(mode)
    return place


def with_secret(root: Path, name: str = "db") -> WithSecret:
    (root / "a.yaml").write_text(f"password_credential: {name}\n")
    return read_options(WithSecret, load(root / "a.yaml"))


def test_a_secret_is_read_beside_the_configuration(file: Path, tmp_path: Path) -> None:
    """The name leads to the secret and to its file; neither repr nor the model's text shows it."""
    place = credential(tmp_path, "hunter2\n")
    options = with_secret(tmp_path)
    assert (options.password_credential, options.password_credential.file) == ("hunter2", place)
    assert "hunter2" not in repr(options) + repr(options.password_credential) + str(options)


def test_a_secret_from_systemd_goes_first(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$CREDENTIALS_DIRECTORY wins, under the name or under creds_NAME."""
    handed = tmp_path / "run"
    handed.mkdir()
    (handed / "creds_db").write_text("from-systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    credential(tmp_path, "beside")
    assert with_secret(tmp_path).password_credential == "from-systemd"


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("x", 0o440, "others may read"),
        ("x", 0o404, "others may read"),
        ("\n", 0o400, "is empty → write the secret into it"),
        (b"\xff\xfe", 0o400, "is not text → save it as UTF-8"),
    ],
)
def test_a_secret_that_cannot_be_used(file: Path, tmp_path: Path, text: str | bytes, mode: int, said: str) -> None:
    """A secret that others may read, an empty one and a binary one are refused, with the file's name."""
    place = credential(tmp_path, text, mode)
    with pytest.raises(ConfigError) as caught:
        with_secret(tmp_path)
    assert str(place) in str(caught.value)
    assert said in str(caught.value)


def test_a_secret_typed_in_place_of_its_name_is_not_repeated(file: Path, tmp_path: Path) -> None:
    """What may be the password itself appears in no message."""
    with pytest.raises(ConfigError) as caught:
        with_secret(tmp_path, "'p@ss word'")
    assert str(caught.value) == (
        f"{tmp_path}/a.yaml:1:1: `password_credential`: this is a credential's name (letters, digits, dot, dash, underscore)"
        " → the secret itself is not written here"
    )


def test_a_missing_secret_says_where_to_put_it(file: Path, tmp_path: Path) -> None:
    """The fix names the file to write."""
    with pytest.raises(ConfigError, match=f"put the secret into {tmp_path}/credentials/db with mode 0400"):
        with_secret(tmp_path)


def test_a_secret_does_not_show() -> None:
    """Its repr is the same for all."""
    assert repr(Secret("abc")) == "Secret(…)"
