"""XML to records: each element that `rows` finds is a row; ECN headers beside the items are joined to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.plm_folder.columns import HEAD_COLUMNS, ITEM_COLUMNS, Wanted, find, require
from adapters.plm_folder.formats.table import LONGEST_VALUE, MOST_ROWS, Record, Row
from adapters.plm_folder.formats.xml_path import Found, Path
from adapters.plm_folder.formats.xml_tree import Node, parse
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.ports import Trace

_LISTS = frozenset({"machines", "supersedes"})
_ANY = frozenset({"title", "designer"})  # of several, the first will do: nothing hangs on it
_MOST_SHOWN = 4
Paths = Mapping[str, Sequence[Path]]


@dataclass(frozen=True, slots=True)
class Headers:
    """Elements that describe ECNs beside their items. key: the ECN's number in one of them; match: the same in a row."""

    rows: tuple[Path, ...]
    key: Path | None = None
    match: Path | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """How a site's XML is laid out. rows: the elements that are items, or ECNs. columns: relative to them, or from the top.

    halves: items may come without the ECN that they belong to, which is described in another file.
    """

    rows: tuple[Path, ...]
    columns: Paths
    headers: Headers | None = None
    halves: bool = False


@dataclass(frozen=True, slots=True)
class Elements:
    """The layout of one element: where the value of each column stands."""

    found: Mapping[str, Found]

    def trace(self, row: Row, column: str) -> Trace | None:
        """Return `/xml/transactions/document[3]/@id`."""
        if column not in self.found:
            return None
        node, attribute = self.found[column]
        place = node.path if attribute is None else f"{node.path}/@{attribute}"
        return Trace(place, attribute or node.name, row.values[column])


@dataclass(frozen=True, slots=True)
class _Document:
    top: Node
    by_id: Mapping[str, Node]
    mapped: Mapped
    usual: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    shared: dict[tuple[str, int], list[tuple[str, Found]]] = field(default_factory=dict)

    def values(self, node: Node, path: Path) -> list[tuple[str, Found]]:
        """Return what a path leads to from an element; what many rows share is looked for once."""
        decides = path.depends_on(node, self.top)
        if decides is None:
            return list(path.values(node, self.top, self.by_id))
        key = (path.text, id(decides))
        if key not in self.shared:
            self.shared[key] = list(path.values(node, self.top, self.by_id))
        return self.shared[key]


def read_xml(text: str, mapped: Mapped, wanted: Wanted) -> list[Record]:
    """Return one record per row, joined with its header. Raises Unreadable with line and column, or the path."""
    top = parse(text)
    document = _Document(top, _by_id(top), mapped)
    rows = _elements(mapped.rows, document)
    if len(rows) > MOST_ROWS:
        raise Unreadable("too_many", limit=MOST_ROWS)
    headers = _elements(mapped.headers.rows, document) if mapped.headers else []
    if not rows and not headers:
        asked = (mapped.headers or mapped).rows[0].text
        raise Unreadable("no_row_element", path=asked, root=top.inside[0].name[:60])
    if mapped.headers is None:
        records = [Record(row, (row,)) for row in (_row(node, document, wanted) for node in rows)]
    else:
        records = list(_joined(rows, headers, mapped.headers, document, wanted))
    _require_status(records, wanted)
    return records


def _by_id(top: Node) -> dict[str, Node]:
    """Return the elements by their id; an id that is there twice names nothing."""
    found: dict[str, Node] = {}
    twice: set[str] = set()
    for node in top.below():
        if (name := node.attributes.get("id")) is not None and found.setdefault(name, node) is not node:
            twice.add(name)
    return {name: node for name, node in found.items() if name not in twice}


def _elements(paths: Sequence[Path], document: _Document) -> list[Node]:
    found = {id(node): node for path in paths for node in path.elements(document.top, document.top, document.by_id)}
    return list(found.values())


def _joined(
    rows: Sequence[Node], headers: Sequence[Node], joined: Headers, document: _Document, wanted: Wanted
) -> Iterator[Record]:
    """Give each header its rows: by key where one is set; else the document has one header, and all rows are its."""
    described = [_row(node, document, wanted, HEAD_COLUMNS) for node in headers]
    if joined.match is None and rows and len(described) != 1:
        raise Unreadable("headers", count=len(described))
    alone = document.mapped.halves and joined.match is not None
    items: dict[str, list[Row]] = {}
    keys = [_key(node, joined.key, row, document) for node, row in zip(headers, described, strict=True)]
    for node in rows:
        row = _row(node, document, wanted, ITEM_COLUMNS)
        key = keys[0] if joined.match is None else _first(node, joined.match, document)
        if key in keys:
            items.setdefault(key, []).append(row)
        elif alone and key:
            yield Record(_numbered(node, row, key, joined, document), (row,))
        else:
            raise Unreadable("no_header", row.place, number=key[:80])
    for key, head in zip(keys, described, strict=True):
        yield Record(head, tuple(items.get(key, ())))


def _key(node: Node, key: Path | None, row: Row, document: _Document) -> str:
    return row.values.get("number", "") if key is None else _first(node, key, document)


def _numbered(node: Node, row: Row, number: str, joined: Headers, document: _Document) -> Row:
    """Return what an item says of an ECN that is described elsewhere: its number."""
    assert joined.match is not None
    return Row(row.place, {"number": number}, Elements({"number": document.values(node, joined.match)[0][1]}))


def _first(node: Node, path: Path, document: _Document) -> str:
    return next((value for value, _ in document.values(node, path)), "")


def _row(node: Node, document: _Document, wanted: Wanted, columns: Sequence[str] = ()) -> Row:
    """Return what an element states. columns: those to look for, all when none is given."""
    paths = document.mapped.columns
    if not paths:
        return _usual_row(node, document, wanted, columns)
    values: dict[str, str] = {}
    places: dict[str, Found] = {}
    for column in columns or tuple(paths):
        for path in paths.get(column, ()):
            if found := document.values(node, path):
                values[column] = _one(column, [value for value, _ in found], node)
                places[column] = found[0][1]
                break
    return Row(node.path, values, Elements(places))


def _usual_row(node: Node, document: _Document, wanted: Wanted, columns: Sequence[str]) -> Row:
    """Look for the usual names among an element's own attributes and children, where no paths are set."""
    stated: dict[str, list[Found]] = {name: [(node, name)] for name in node.attributes}
    for child in node.inside:
        if not child.inside:
            stated.setdefault(child.name, []).append((child, None))
    names = tuple(stated)
    if names not in document.usual:
        document.usual[names] = find(names, wanted)
    places: dict[str, Found] = {}
    values: dict[str, str] = {}
    for column, name in document.usual[names].items():
        said = [(value, found) for found in stated[name] if (value := _said(*found))]
        if said and (not columns or column in columns):
            values[column] = _one(column, [value for value, _ in said], node)
            places[column] = said[0][1]
    return Row(node.path, values, Elements(places))


def _said(node: Node, attribute: str | None) -> str:
    return node.text if attribute is None else node.attributes[attribute].strip()


def _one(column: str, found: list[str], node: Node) -> str:
    """Return the one value of a column: several only where several are meant."""
    if column in _LISTS:
        value = "\n".join(found)
    else:
        different = list(dict.fromkeys(found))
        if len(different) > 1 and column not in _ANY:
            shown = ", ".join(repr(value[:40]) for value in different[:_MOST_SHOWN])
            raise Unreadable("several", node.path, column=column, count=len(different), values=shown)
        value = different[0]
    if len(value) > LONGEST_VALUE:
        raise Unreadable("too_long", node.path, field=column, limit=LONGEST_VALUE)
    return value


def _require_status(records: Sequence[Record], wanted: Wanted) -> None:
    """Refuse a file in which no ECN at all states what every ECN must: its paths are wrong, or it is another file."""
    if records:
        found = {column for record in records for column in record.head.values}
        require(found, sorted(found), records[0].head.place, wanted)
