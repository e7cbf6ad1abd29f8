"""How people write a node: the standard's own notation, a bare id in the profile's namespace, or a browse path."""

from __future__ import annotations

import re
from dataclasses import dataclass

# OPC 10000-6 5.3.1.10: an identifier is i= (number), s= (text), g= (GUID) or b= (base 64), after an optional namespace.
_IDENTIFIER = re.compile(r"(?P<kind>[isgb])=(?P<value>.+)", re.DOTALL)
_BY_URI = re.compile(r"nsu=(?P<uri>[^;]+);(?P<rest>.*)", re.DOTALL)
_BY_INDEX = re.compile(r"ns=(?P<index>\d{1,5});(?P<rest>.*)", re.DOTALL)
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_PATH = "/0:Objects"
_FROM_INSTANCE = re.compile(r"(?P<up>\.|\.\.(/\.\.)*)(?=/)")
_STEP = re.compile(r"/(?:(?P<index>\d{1,5}):|nsu=(?P<uri>[^;]+);)(?P<name>[^/]+)", re.DOTALL)
LARGEST_NUMBER = 2**32 - 1  # a numeric identifier is a UInt32


@dataclass(frozen=True, slots=True)
class Identifier:
    """A node by its identifier, such as `i=2258` or `s=Main`; namespace: a URI, an index, or None for the profile's."""

    identifier: str
    namespace: str | int | None = None


@dataclass(frozen=True, slots=True)
class BrowsePath:
    """A node by its way: (namespace index or URI, browse name) for each step.

    up: None starts at the Objects folder; a number starts at the machine or channel that the profile finds by its type,
    that many levels above it.
    """

    steps: tuple[tuple[int | str, str], ...]
    up: int | None = None


NodeReference = Identifier | BrowsePath


def parse(text: str) -> NodeReference:
    """Return what `text` names. Raises ValueError, `what → how a node is written`.

    `nsu=URI;s=…`, `ns=2;i=…`, `i=…` (namespace 0), `/0:Objects/2:Foo/nsu=URI;Bar`, `./nsu=URI;Bar` and `../0:Bar` from the
    instance that a profile finds; anything else is a string id in the profile's namespace, such as
    `/Channel/State/progStatus`.
    """
    text = text.strip()
    if not text:
        raise ValueError("names no node → write nsu=URI;s=Name, a string id, or /0:Objects/2:Folder/2:Name")
    if text == _PATH or text.startswith(_PATH + "/"):
        return BrowsePath(_steps(text.removeprefix(_PATH)))
    if start := _FROM_INSTANCE.match(text):
        return BrowsePath(_steps(text[start.end() :]), start["up"].count(".."))
    for pattern, given in ((_BY_URI, "uri"), (_BY_INDEX, "index")):
        if found := pattern.fullmatch(text):
            namespace: str | int = int(found["index"]) if given == "index" else found["uri"]
            return Identifier(_identifier(found["rest"]), namespace)
    if text.startswith(("nsu=", "ns=")):
        raise ValueError(
            "not a node → with a namespace it is written nsu=URI;s=Name, nsu=URI;i=123, ns=2;s=Name or ns=2;i=123"
        )
    if re.match(r"[isgb]=", text):
        return Identifier(_identifier(text), 0)
    return Identifier(f"s={text}", None)


def _identifier(text: str) -> str:
    """Return the identifier when it is one. asyncua accepts some that no server can know."""
    found = _IDENTIFIER.fullmatch(text)
    if not found:
        raise ValueError("no identifier → after the namespace comes i=123, s=Text, g=GUID or b=Base64")
    value, kind = found["value"], found["kind"]
    right = {
        "i": value.isascii() and value.isdigit() and int(value) <= LARGEST_NUMBER,
        "s": True,
        "g": bool(_GUID.fullmatch(value)),
        "b": bool(_BASE64.fullmatch(value)),
    }
    if not right[kind]:
        raise ValueError(f"{text!r} is no identifier → i= takes a number, g= a GUID, b= base 64")
    return text


def _steps(text: str) -> tuple[tuple[int | str, str], ...]:
    """Return the steps of a path. A slash inside a browse name cannot be written here: use the node id then."""
    steps: list[tuple[int | str, str]] = []
    at = 0
    while found := _STEP.match(text, at):
        steps.append((found["uri"] or int(found["index"]), found["name"]))
        at = found.end()
    if not steps or at != len(text):
        raise ValueError(
            "not a browse path → each step is INDEX:Name or nsu=URI;Name, such as /0:Objects/2:Machine/2:Program"
        )
    return tuple(steps)
