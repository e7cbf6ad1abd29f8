"""What `browse` has found so far, and how one entry is printed."""

from __future__ import annotations

from rich.cells import cell_len

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.errors import EdgeBridgeError
from edge_bridge.ports import Entry

MOST_YAML = 20  # lines to paste; who looks for something finds it in fewer
_NAME, _REGISTER, _KIND, _INDENT = 34, 18, 14, 2
UNREADABLE = "unreadable"  # the kind of what is there, or not, and is refused
_REGISTERS = ("holding ", "input ", "coil ", "discrete ")


class Found:
    """The entries that are wanted. find: a text that they must have; most: after how many the walk ends."""

    def __init__(self, find: str | None, most: int) -> None:
        self._find = find.casefold() if find else None
        self._most = most
        self.seen = 0
        self.kept: list[Entry] = []
        self.error: EdgeBridgeError | None = None

    @property
    def full(self) -> bool:
        """Whether that is as many as are wanted."""
        return len(self.kept) >= self._most

    @property
    def more_yaml(self) -> int:
        """How many lines to paste are not shown."""
        return max(0, sum(bool(entry.yaml) for entry in self.kept) - MOST_YAML)

    def take(self, entry: Entry) -> bool:
        """Count an entry, and tell whether it is wanted."""
        self.seen += 1
        texts = (entry.name, entry.place, entry.value or "")
        wanted = self._find is None or any(self._find in text.casefold() for text in texts)
        if wanted:
            self.kept.append(entry)
        return wanted

    @property
    def useful(self) -> bool:
        """Whether something was found that can be read."""
        return any(entry.kind != UNREADABLE for entry in self.kept)

    def yaml(self) -> tuple[str, tuple[str, ...]]:
        """Return the section of an adapter's file, and the lines that can be pasted under it."""
        usable = [entry for entry in self.kept if entry.yaml]
        registers = any(entry.place.startswith(_REGISTERS) for entry in usable)
        return "registers" if registers else "nodes", tuple(entry.yaml for entry in usable[:MOST_YAML])


def heading(desk: Desk, first: Entry) -> None:
    """Print the headings of the lines, where there is room for columns."""
    place, kind = desk.words("probe.place"), desk.words("browse.kind")
    text = "  ".join((_padded(place, _width(first)), _padded(kind, _KIND), desk.words("browse.value")))
    console = output.console_now()
    if not console.is_terminal or cell_len(text) <= console.width:
        output.say(text, "dim")


def line(entry: Entry, *, flat: bool) -> None:
    """Print one entry in one line; on a narrow terminal its value goes on below. flat: not as a tree."""
    name = f"{' ' * (0 if flat else _INDENT * entry.depth)}{entry.place if flat else entry.name}"
    value = "" if entry.value is None else entry.value
    console = output.console_now()
    style = "yellow" if entry.kind == UNREADABLE else ""
    text = "  ".join(
        (_padded(output.safe(name), _width(entry)), _padded(output.safe(entry.kind), _KIND), output.safe(value))
    )
    if not console.is_terminal or cell_len(text.rstrip()) <= console.width:
        output.say(text.rstrip(), style)
        return
    short = f"{name}  {entry.kind}"
    if cell_len(output.safe(f"{short}  {value}")) <= console.width:
        output.say(f"{short}  {value}".rstrip(), style)
    else:
        output.say(short, style)
        output.paragraph(value, style, indent=_INDENT * (entry.depth + 1))


def _width(entry: Entry) -> int:
    return _REGISTER if entry.place.startswith(_REGISTERS) else _NAME


def _padded(text: str, width: int) -> str:
    return text + " " * max(0, width - cell_len(text))
