"""From a file to a Section: bytes, text, YAML nodes, plain values; every problem found on the way in one error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.strict_yaml.faults import sentence
from edge_bridge.strict_yaml.section import ENTRIES, Key, Section

LARGEST_FILE = 2_000_000  # bytes; a routing table for thousands of parts is well below, and reads in seconds
DEEPEST = 20
_NOTHING = {"", "~", "null", "Null", "NULL"}
_PERHAPS_NOT_A_COMMENT = re.compile(r"[ \t]+(#\d\S*)")  # `name: DMU 50 #1`


class _Loader(yaml.SafeLoader):
    """Composes nodes only; refuses anchors and aliases, which can explode, tags, and depth that would exhaust the stack."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(None, None, "anchors and aliases", event.start_mark)
        if getattr(event, "tag", None):
            raise yaml.composer.ComposerError(None, None, "tags are not used", event.start_mark)
        if self.depth > DEEPEST:
            raise yaml.composer.ComposerError(None, None, "nested too deeply", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def load(file: Path, root: Path | None = None) -> Section:
    """Read a file of `key: value` lines. Raises ConfigError(s) with file:line:column for what nobody can have meant."""
    reading = _Reading(file, root)
    if reading.node is not None and not isinstance(reading.node, yaml.MappingNode):
        raise ConfigError(
            "a settings file holds `key: value` lines",
            "write `key: value`, with a blank after the colon",
            where=f"{file}:1:1",
        )
    if reading.node is not None:
        reading.section.update(reading.mapping(reading.node, ()))
    return reading.checked()


def load_list(file: Path, root: Path | None = None) -> Section:
    """Read a file whose top is a list, as `{"entries": [...]}`; an empty file gives an empty list."""
    reading = _Reading(file, root)
    if reading.node is not None and not isinstance(reading.node, yaml.SequenceNode):
        raise ConfigError("a list is expected here", "start each entry with `- `", where=f"{file}:1:1")
    reading.section[ENTRIES] = [] if reading.node is None else reading.value(reading.node, (ENTRIES,))
    return reading.checked()


def yaml_files(folder: Path) -> Iterator[Path]:
    """Yield the settings files of a folder by name, editors' leftovers aside."""
    yield from sorted(path for path in folder.glob("*.yaml") if not path.name.startswith((".", "~")))


class _Reading:
    """One file on its way: its nodes, the section they become, and the problems so far."""

    def __init__(self, file: Path, root: Path | None) -> None:
        data = _bytes_of(file)
        self.text = _text_of(file, data)
        node = _compose(file, self.text)
        self.node = None if isinstance(node, yaml.ScalarNode) and not node.value else node  # a file of `---` alone
        self.section = Section(file, root)
        self.section.sha256 = hashlib.sha256(data).hexdigest()
        self.problems: list[ConfigError] = []

    def mapping(self, node: yaml.MappingNode, path: Key) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            problem = self._wrong_key(key, key_node, path, found)
            if key is None or problem is not None:
                self.problems += [problem] if problem else []
                continue
            self.section.marks[(*path, key)] = _mark(key_node)
            found[key] = self.value(value_node, (*path, key))
        return found

    def _wrong_key(self, key: str | None, node: yaml.Node, path: Key, found: dict[str, Any]) -> ConfigError | None:
        if key is None or not key.strip():
            return self._problem("a key must be plain text", "write `key: value`", node)
        if key == "<<":
            return self._problem("merge keys (`<<`) are not used here", "write the keys out", node)
        if key in found:
            first = self.section.marks[(*path, key)][0]
            return self._problem(f"`{key}` is here twice (first in line {first})", "keep one of them", node)
        return None

    def value(self, node: yaml.Node, path: Key) -> Any:
        self.section.marks.setdefault(path, _mark(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.MappingNode)
        return self.mapping(node, path)

    def _scalar(self, node: yaml.ScalarNode) -> str | None:
        if node.style is not None:
            return str(node.value)
        if node.value and (found := _PERHAPS_NOT_A_COMMENT.match(self.text, node.end_mark.index)):
            what = f"` {found[1]}` is read as a comment"
            hint = f"if it belongs to the value, quote it: '{node.value} {found[1]}'"
            self.section.doubts.append((self._place(node), what, hint))
        return None if node.value in _NOTHING else str(node.value)

    def _problem(self, what: str, hint: str, node: yaml.Node) -> ConfigError:
        return ConfigError(what, hint, where=self._place(node))

    def _place(self, node: yaml.Node) -> str:
        line, column = _mark(node)
        return f"{self.section.file}:{line}:{column}"

    def checked(self) -> Section:
        if self.problems:
            raise self.problems[0] if len(self.problems) == 1 else ConfigErrors(self.problems)
        return self.section


def _compose(file: Path, text: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line, column, what, hint = sentence(error, text)
        raise ConfigError(what, hint, where=f"{file}:{line}:{column}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        what = f"a character that YAML does not allow (U+{ord(text[error.position]):04X})"
        raise ConfigError(what, "retype the line", where=f"{file}:{line}:{column}") from error
    return node


def _bytes_of(file: Path) -> bytes:
    try:
        if file.exists() and not file.is_file():  # a folder; or a pipe, which would never end
            raise ConfigError("not a file", "put a settings file in its place", where=f"{file}:1:1")
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ConfigError(
            "the file is missing", "create it, or name its folder with --config", where=f"{file}:1:1"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", "check its owner and mode", where=f"{file}:1:1"
        ) from error
    if len(data) > LARGEST_FILE:
        raise ConfigError(f"larger than {LARGEST_FILE} bytes", "split it", where=f"{file}:1:1")
    return data


def _text_of(file: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = data.rfind(b"\n", 0, error.start) + 1
        line, column = data.count(b"\n", 0, start) + 1, len(data[start : error.start].decode("utf-8", "replace")) + 1
        raise ConfigError("not UTF-8 text", "save the file as UTF-8", where=f"{file}:{line}:{column}") from error


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
