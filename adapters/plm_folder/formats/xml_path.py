"""Paths into XML, as a technician writes them in YAML: parsed once, errors in words. A small part of XPath.

    /xml/transactions/transaction//document      from the top; `//` is any depth
    configuration/attribute[@name='Revision']/@value
    ../Number   ancestor::transaction/@date   .   *   Part[2]   Item[@type='ECN' and ...] is written [@a='x'][@b='y']
    id(@relatedRefs)[@subType='ItemRevision']    the elements whose id the attribute names, as PLM XML links them

Names are compared without prefix and namespace.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from adapters.plm_folder.formats.xml_tree import Node

_NAME = r"(?:[^\W\d][\w.-]*:)?[^\W\d][\w.-]*|\*"
_STEP = re.compile(
    rf"(?P<up>\.\.)|(?P<self>\.)|@(?P<attribute>{_NAME})|text\(\)(?P<text>)"
    rf"|ancestor::(?P<ancestor>{_NAME})|id\(@(?P<reference>{_NAME})\)|(?P<child>{_NAME})"
)
_CONDITION = re.compile(
    rf"\[\s*(?:(?P<at>@)?(?P<name>{_NAME})\s*(?P<equals>=\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"))?)\s*\]"
)
_INDEX = re.compile(r"\[\s*(\d{1,6})\s*\]")
_AXES = ("up", "self", "attribute", "text", "ancestor", "reference", "child")
Found = tuple[Node, str | None]
"""An element, and the name of the attribute that is meant, None for the element's own text."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`[@name='x']`, `[name='x']`, `[@name]`, `[name]`: of the attribute or the child element."""

    name: str
    attribute: bool
    value: str | None

    def holds(self, node: Node) -> bool:
        """Tell whether an element fulfils it."""
        if self.attribute:
            found = node.attributes.get(self.name)
            return found is not None and self.value in (None, found.strip())
        return any(child.name == self.name and self.value in (None, child.text) for child in node.inside)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: where to go, to elements of which name, on which conditions; index counts from 1."""

    axis: str
    name: str
    deep: bool = False
    conditions: tuple[Condition, ...] = ()
    index: int | None = None


@dataclass(frozen=True)
class Path:
    """A parsed path."""

    text: str
    absolute: bool
    steps: tuple[Step, ...] = field(default=())

    @cached_property
    def attribute(self) -> str | None:
        """The attribute at its end, None when it leads to an element."""
        return self.steps[-1].name if self.steps and self.steps[-1].axis == "attribute" else None

    def depends_on(self, start: Node, document: Node) -> Node | None:
        """Return the element that decides where it leads when that is not `start` itself: many rows share the answer."""
        if self.absolute:
            return document
        return start.up if self.steps[0].axis in ("up", "ancestor") else None

    def elements(self, start: Node, document: Node, by_id: Mapping[str, Node]) -> list[Node]:
        """Return the elements that it leads to, each once, in order; for an attribute, those that have it."""
        nodes = [document if self.absolute else start]
        for step in self.steps:
            nodes = _taken(step, nodes, by_id)
        return nodes

    def values(self, start: Node, document: Node, by_id: Mapping[str, Node]) -> Iterator[tuple[str, Found]]:
        """Yield (trimmed text that is not empty, where it stands)."""
        for node in self.elements(start, document, by_id):
            value = node.text if self.attribute is None else node.attributes.get(self.attribute, "").strip()
            if value:
                yield value, (node, self.attribute)


def parse_path(text: str) -> Path:
    """Return a path. Raises ValueError that says where it makes no sense."""
    absolute = text.startswith("/")
    at, deep = 0, False
    steps: list[Step] = []
    while at < len(text):
        if text.startswith("//", at):
            at, deep = at + 2, True
        elif text[at] == "/":
            at, deep = at + 1, False
        elif steps:
            raise ValueError(f"{text!r} makes no sense from {text[at:]!r} on → a step ends at / or [")
        step, at = _step(text, at, deep)
        if steps and steps[-1].axis in ("attribute", "text"):
            raise ValueError(f"{text!r} goes on after an attribute or text() → nothing is inside them")
        steps.append(step)
        deep = False
    if not steps:
        raise ValueError(f"{text!r} is no path → such as Item/@number")
    return Path(text, absolute, tuple(steps))


def _step(text: str, at: int, deep: bool) -> tuple[Step, int]:
    found = _STEP.match(text, at)
    if found is None:
        shown = text[at:] or "its end"
        raise ValueError(f"{text!r} makes no sense from {shown!r} on → write a name, @attribute, .., or id(@attribute)")
    axis = next(axis for axis in _AXES if found[axis] is not None)
    name = found[axis].rpartition(":")[2] if axis in ("attribute", "ancestor", "reference", "child") else ""
    at = found.end()
    conditions: list[Condition] = []
    index: int | None = None
    while text.startswith("[", at):
        if counted := _INDEX.match(text, at):
            index, at = int(counted[1]), counted.end()
        elif said := _CONDITION.match(text, at):
            value = said["single"] if said["single"] is not None else said["double"]
            conditions.append(Condition(said["name"].rpartition(":")[2], bool(said["at"]), value))
            at = said.end()
        else:
            raise ValueError(f"{text!r}: the condition {text[at:]!r} makes no sense → write [@name='value'] or [2]")
    return Step(axis, name, deep, tuple(conditions), index), at


def _taken(step: Step, nodes: list[Node], by_id: Mapping[str, Node]) -> list[Node]:
    if step.axis == "attribute" and not step.deep:
        return [node for node in nodes if step.name in node.attributes]
    if step.axis == "child" and not step.deep and step.index is None:
        return list(_children(step, nodes))  # the usual step; children of different elements are different
    taken: dict[int, Node] = {}
    for node in nodes:
        found = [other for other in _reached(step, node, by_id) if all(c.holds(other) for c in step.conditions)]
        if step.index is not None:
            found = found[step.index - 1 : step.index] if step.index else []
        taken.update((id(other), other) for other in found)
    return list(taken.values())


def _children(step: Step, nodes: list[Node]) -> Iterator[Node]:
    name, conditions = step.name, step.conditions
    for node in nodes:
        for other in node.inside:
            if (other.name == name or name == "*") and all(c.holds(other) for c in conditions):
                yield other


def _reached(step: Step, node: Node, by_id: Mapping[str, Node]) -> Iterable[Node]:
    match step.axis:
        case "child":
            inside = node.below() if step.deep else node.inside
            return (other for other in inside if step.name in ("*", other.name))
        case "up":
            return () if node.up is None else (node.up,)
        case "ancestor":
            return (other for other in _above(node) if step.name in ("*", other.name))
        case "reference":
            names = node.attributes.get(step.name, "").split()
            return (by_id[key] for name in names if (key := name.rpartition("#")[2]) in by_id)
        case "attribute" if step.deep:
            return (other for other in (node, *node.below()) if step.name in other.attributes)
    return (node,)


def _above(node: Node) -> Iterator[Node]:
    while node.up is not None:
        node = node.up
        yield node
