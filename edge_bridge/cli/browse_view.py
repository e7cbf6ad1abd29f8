"""What `browse` has found so far, and how one entry is printed."""

from __future__ import annotations

from collections.abc import Collection

from rich.cells import cell_len

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.errors import EdgeBridgeError
from edge_bridge.ports import Entry

MOST_YAML = 20  # lines to paste; who looks for something finds it in fewer
MOST_SEEN = 50_000  # entries in one walk: a control has better things to do
_NAME, _REGISTER, _KIND, _INDENT = 34, 18, 14, 2
UNREADABLE = "unreadable"  # the kind of what is there, or not, and is refused
_SECTIONS = ("nodes", "items")  # where adapters keep what each field is read from
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
        """Whether that is as many as are wanted, or all that one walk may see."""
        return len(self.kept) >= self._most or self.seen >= MOST_SEEN

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

    def to_paste(self, settings: Collection[str]) -> dict[str, list[str]]:
        """Return the lines to paste by the key that they belong under; "" is the file itself.

        settings: the keys of the adapter's file, some of which a line may set itself.
        """
        found: dict[str, list[str]] = {}
        for entry in [entry for entry in self.kept if entry.yaml][:MOST_YAML]:
            found.setdefault(_under(entry, settings), []).append(entry.yaml)
        return found


def _under(entry: Entry, settings: Collection[str]) -> str:
    if entry.place.startswith(_REGISTERS):
        return "registers"
    if entry.yaml.startswith("- "):
        return "version"  # an entry of a list
    if entry.yaml.partition(":")[0] in settings:
        return ""
    return next((name for name in _SECTIONS if name in settings), _SECTIONS[0])


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
