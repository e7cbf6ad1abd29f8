"""YAML without surprises: every scalar is text until a schema says what it is, and every value knows its line and column.

PyYAML's own loader turns `1.10` into 1.1, `NO` into False, `12:30` into 750, and silently keeps the last of two equal keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from edge_bridge.errors import ConfigError, ConfigErrors

Key = tuple[str | int, ...]
LARGEST_FILE = 4_000_000  # bytes; a routing table for thousands of parts is well below
DEEPEST = 20
_NOTHING = {"", "~", "null", "Null", "NULL"}


class Section(dict[str, Any]):
    """One YAML file: a dict of str, dict, list and None that can say where each of its values stands.

    `root` is the configuration folder: relative paths and `credentials/` are looked for there.
    """

    def __init__(self, file: Path, root: Path | None = None) -> None:
        super().__init__()
        self.file = file
        self.root = root or file.parent
        self.marks: dict[Key, tuple[int, int]] = {(): (1, 1)}
        self.origins: dict[Key, Path] = {}  # keys that a profile brought in: their own file

    def where(self, key: Key) -> str:
        """Return `file:line:column` of a key, or of the nearest thing around it that is there."""
        while key not in self.marks:
            key = key[:-1]
        line, column = self.marks[key]
        return f"{self.origins.get(key, self.file)}:{line}:{column}"


class _Loader(yaml.SafeLoader):
    """Composes nodes only; refuses anchors and aliases, which can explode and which nobody expects in settings."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(
                None, None, "anchors and aliases (`&`, `*`) are not used here", event.start_mark
            )
        return super().compose_node(parent, index)


def load(file: Path, root: Path | None = None) -> Section:
    """Read a file of `key: value` lines. Raises ConfigError(s) with file:line:column for what nobody can have meant."""
    section, node = Section(file, root), _compose(file)
    problems: list[ConfigError] = []
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise ConfigError("a settings file holds `key: value` lines", where=f"{file}:1:1")
    if node is not None:
        section.update(_mapping(node, section, (), problems))
    return _checked(section, problems)


def load_list(file: Path, root: Path | None = None) -> Section:
    """Read a file whose top is a list, as `{"entries": [...]}`; an empty file gives an empty list."""
    section, node = Section(file, root), _compose(file)
    problems: list[ConfigError] = []
    if node is not None and not isinstance(node, yaml.SequenceNode):
        raise ConfigError("a list is expected here: each entry starts with `- `", where=f"{file}:1:1")
    section["entries"] = [] if node is None else _value(node, section, ("entries",), problems)
    return _checked(section, problems)


def merged(profile: Mapping[str, Any], site: Mapping[str, Any]) -> Section | dict[str, Any]:
    """Return `site` laid over `profile`, both untouched: mappings key by key, anything else whole, and the site wins.

    A Section comes back when `site` is one: it still says where each value stands, a profile's value in the profile's
    own file.
    """
    laid = _laid(profile, site)
    if not isinstance(site, Section):
        return laid
    section = Section(site.file, site.root)
    section.update(laid)
    if isinstance(profile, Section):
        kept = {key: mark for key, mark in profile.marks.items() if _came_through(site, key)}
        section.marks.update(kept)
        section.origins.update({key: profile.origins.get(key, profile.file) for key in kept})
    for key, mark in site.marks.items():
        section.marks[key] = mark
        section.origins.pop(key, None)
    section.origins.update(site.origins)
    return section


def _laid(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    both = {**lower, **upper}
    for key in lower.keys() & upper.keys():
        if isinstance(lower[key], Mapping) and isinstance(upper[key], Mapping):
            both[key] = _laid(lower[key], upper[key])
    return both


def _came_through(site: Mapping[str, Any], key: Key) -> bool:
    """Tell whether the profile's value at `key` came through: no part of the site's stands in its place."""
    over: Any = site
    for part in key:
        if not isinstance(over, Mapping):
            return False
        if part not in over:
            return True
        over = over[part]
    return False


def yaml_files(folder: Path) -> Iterator[Path]:
    """Yield the settings files of a folder by name, editors' leftovers aside."""
    yield from sorted(path for path in folder.glob("*.yaml") if not path.name.startswith((".", "~")))


def _compose(file: Path) -> yaml.Node | None:
    text = _text_of(file)
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _broken(file, text, error) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            "a character that YAML does not allow", "retype the line", where=f"{file}:{line}:1"
        ) from error
    return node


def _text_of(file: Path) -> str:
    try:
        data = file.read_bytes()
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
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text", "save the file as UTF-8", where=f"{file}:{line}:1") from error


def _broken(file: Path, text: str, error: yaml.MarkedYAMLError) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    shown = lines[line] if line < len(lines) else ""
    hint = "check the indentation and the colons of this line and the one above"
    if "\t" in shown:
        hint = "indent with blanks, not tabs"
    if "anchors" in (error.problem or ""):
        hint = "write the value out"
    return ConfigError(error.problem or "cannot be read as YAML", hint, where=f"{file}:{line + 1}:{column + 1}")


def _mapping(node: yaml.MappingNode, section: Section, path: Key, problems: list[ConfigError]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        where = _place(section, key_node)
        if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
            problems.append(ConfigError("a key must be plain text", "write the keys out", where=where))
        elif key_node.value in found:
            first = section.marks[(*path, key_node.value)][0]
            what = f"`{key_node.value}` is here twice (first in line {first})"
            problems.append(ConfigError(what, "keep one of them", where=where))
        else:
            section.marks[(*path, key_node.value)] = _mark(key_node)
            found[key_node.value] = _value(value_node, section, (*path, key_node.value), problems)
    return found


def _value(node: yaml.Node, section: Section, path: Key, problems: list[ConfigError]) -> Any:
    section.marks.setdefault(path, _mark(node))
    if len(path) > DEEPEST:
        problems.append(ConfigError("nested too deeply", "flatten it", where=_place(section, node)))
        return None
    if isinstance(node, yaml.ScalarNode):
        return None if node.style is None and node.value in _NOTHING else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, section, (*path, index), problems) for index, item in enumerate(node.value)]
    assert isinstance(node, yaml.MappingNode)
    return _mapping(node, section, path, problems)


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _place(section: Section, node: yaml.Node) -> str:
    line, column = _mark(node)
    return f"{section.file}:{line}:{column}"


def _checked(section: Section, problems: list[ConfigError]) -> Section:
    if problems:
        raise problems[0] if len(problems) == 1 else ConfigErrors(problems)
    return section
