"""The house rules that no linter knows: what a module may be called, how long it may grow, how tests may wait."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("edge_bridge", "adapters")
NAMELESS = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
MODULE_LINES = 350
FUNCTION_LINES = 60
THE_WAITING_ROOM = ROOT / "tests" / "waiting.py"


def modules(*folders: str) -> list[Path]:
    """Return the Python files below these folders."""
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts
    )


@cache
def tree(path: Path) -> ast.Module:
    """Parse a module once."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path, node: ast.AST | None = None) -> str:
    """Say where, as an editor understands it."""
    line = f":{getattr(node, 'lineno', 1)}" if node else ""
    return f"{path.relative_to(ROOT)}{line}"


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` of an expression, or nothing."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def names_used(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Return every name that a module imports or speaks of, dotted."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module or ''}.{alias.name}", node) for alias in node.names)
        elif isinstance(node, ast.Attribute | ast.Name):
            yield dotted(node), node


def test_there_is_something_to_look_at() -> None:
    """The rules below would hold for an empty folder, too."""
    assert len(modules(*PRODUCT)) > 10
    assert Path(__file__) in modules("tests")


def test_every_module_says_what_it_is_for() -> None:
    """The first line of a module is its purpose, tests included."""
    silent = [
        place(path)
        for path in modules(*PRODUCT, "tests", "bench")
        if tree(path).body and not ast.get_docstring(tree(path))
    ]
    assert silent == []


def test_no_room_without_a_name_on_the_door() -> None:
    """A module called utils is a drawer for everything."""
    assert [
        place(path) for path in modules(*PRODUCT, "tests", "bench") if {path.stem, path.parent.name} & NAMELESS
    ] == []


def test_modules_stay_readable() -> None:
    """A module over 350 lines has two purposes."""
    long = [
        f"{place(path)} has {lines} lines"
        for path in modules(*PRODUCT)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MODULE_LINES
    ]
    assert long == []


def test_functions_stay_readable() -> None:
    """A function over 60 lines has a second one inside."""
    long = [
        f"{place(path, node)} {node.name} has {lines} lines"
        for path in modules(*PRODUCT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert long == []


def test_tests_replace_nothing() -> None:
    """A mock proves that the mock works. A port is missing where one seems to be needed."""
    patched = [
        f"{place(path, node)} {name}"
        for path in modules("tests")
        for name, node in names_used(path)
        if name.startswith(("unittest.mock", "mock.")) or name.endswith(("MagicMock", "AsyncMock"))
    ]
    assert patched == []


def test_tests_wait_for_conditions() -> None:
    """A sleep is too short on a slow day and too long on every other: tests/waiting.py is the one place that may."""
    sleeping = [
        f"{place(path, node)} {name}"
        for path in modules("tests")
        if path != THE_WAITING_ROOM
        for name, node in names_used(path)
        if name in {"time.sleep", "asyncio.sleep"}
    ]
    assert sleeping == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import time\ntime.sleep(1)", "time.sleep"),
        ("from time import sleep", "time.sleep"),
        ("from unittest.mock import MagicMock", "unittest.mock.MagicMock"),
        ("import unittest.mock as m", "unittest.mock"),
    ],
)
def test_the_rules_see_through_spellings(source: str, expected: str, tmp_path: Path) -> None:
    """Each way of writing it is found."""
    module = tmp_path / "sample.py"
    module.write_text(source)
    assert expected in {name for name, _ in names_used(module)}
