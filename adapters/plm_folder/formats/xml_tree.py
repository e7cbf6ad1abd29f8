"""XML text to a small tree: no DTD, no entities, bounded in depth and size; names without their namespace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from adapters.plm_folder.unreadable import Unreadable

DEEPEST = 100
MOST_ELEMENTS = 500_000
_CHUNK = 1 << 16


@dataclass(slots=True)
class Node:
    """One element. `name` and the names of its attributes come without prefix or namespace.

    number: which of its name it is among its neighbours. named: how many elements of each name are inside. Elements with
    nothing inside share one empty list and one empty dict: most have, and there may be half a million.
    """

    name: str
    attributes: dict[str, str]
    up: Node | None
    number: int = 1
    text: str = ""
    inside: list[Node] = field(default_factory=lambda: _NO_NODES)
    named: dict[str, int] = field(default_factory=lambda: _NO_NAMES)

    def below(self) -> Iterator[Node]:
        """Yield every element inside, in the order of the document."""
        waiting = self.inside[::-1]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.inside))

    @property
    def path(self) -> str:
        """Return where it stands: `/xml/transactions/document[3]`."""
        steps: list[str] = []
        node = self
        while node.up is not None:
            alone = node.up.named[node.name] == 1
            steps.append(node.name if alone else f"{node.name}[{node.number}]")
            node = node.up
        return "/" + "/".join(reversed(steps))


_NO_NODES: list[Node] = []
_NO_NAMES: dict[str, int] = {}


def parse(text: str) -> Node:
    """Return the document: a node without a name, with the top element inside. Raises Unreadable with line and column."""
    builder = _Builder()
    parser = XMLParser(target=builder, forbid_dtd=True)
    try:
        for at in range(0, len(text), _CHUNK):
            parser.feed(text[at : at + _CHUNK])
        parser.close()
    except DefusedXmlException as error:
        raise Unreadable("html" if _is_web_page(text) else "dtd") from error
    except ParseError as error:
        if _is_web_page(text):
            raise Unreadable("html") from error
        line, column = error.position
        detail = str(error).partition(":")[0]
        raise Unreadable("xml", f"line {line} column {column + 1}", detail=detail) from error
    except ValueError as error:  # a lone surrogate cannot be handed on
        raise Unreadable("xml", detail="a character that no text has") from error
    document = builder.document
    if document.inside[0].name.casefold() == "html":
        raise Unreadable("html")
    return document


def _is_web_page(text: str) -> bool:
    start = text.lstrip()[:300].casefold()
    return start.startswith(("<!doctype html", "<html"))


class _Builder:
    """Takes the parser's events."""

    def __init__(self) -> None:
        self.document = Node("", {}, None)
        self._open = [self.document]
        self._text = [""]
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise Unreadable("too_many_parts", limit=MOST_ELEMENTS)
        up = self._open[-1]
        if len(self._open) > DEEPEST:
            raise Unreadable("too_deep", up.path[:60], limit=DEEPEST)
        if "}" in name:
            name = name.rpartition("}")[2]
        if any("}" in key for key in attributes):
            attributes = {key.rpartition("}")[2]: value for key, value in attributes.items()}
        if not up.inside:
            up.inside, up.named = [], {}
        number = up.named[name] = up.named.get(name, 0) + 1
        node = Node(name, attributes, up, number)
        up.inside.append(node)
        self._open.append(node)
        self._text.append("")

    def data(self, text: str) -> None:
        """Take text of the element that is open."""
        self._text[-1] += text

    def end(self, _name: str) -> None:
        """Close an element."""
        node = self._open.pop()
        if text := self._text.pop():
            node.text = text.strip()

    def close(self) -> Node:
        """Return the document."""
        return self.document
