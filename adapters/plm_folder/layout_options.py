"""Settings that say how a file is laid out: XML paths, fixed positions, and what a site's values look like."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from adapters.plm_folder.formats.fixed_width import Span
from adapters.plm_folder.formats.xml_path import Path, parse_path
from adapters.plm_folder.formats.xml_reader import Headers
from edge_bridge.options import Duration, Options, one_or_more

_POSITION = re.compile(r"(\d{1,5})\s*-\s*(\d{1,5})?")


Names = Annotated[
    tuple[str, ...], BeforeValidator(one_or_more, json_schema_input_type=str | tuple[str, ...]), Field(min_length=1)
]


def _parsed(text: str) -> str:
    parse_path(text)
    return text


def _elements(text: str) -> str:
    path = parse_path(text)
    if path.attribute is not None or path.steps[-1].axis == "text":
        raise ValueError(f"{text!r} leads to a value → it must lead to elements")
    return text


XmlPath = Annotated[str, AfterValidator(_parsed)]
ElementPaths = Annotated[
    tuple[Annotated[str, AfterValidator(_elements)], ...],
    BeforeValidator(one_or_more, json_schema_input_type=str | tuple[str, ...]),
    Field(min_length=1),
]


class XmlHeaderOptions(Options):
    """Elements that describe the ECNs, beside those that are their items."""

    rows: ElementPaths = Field(description="the elements that describe ECNs")
    key: XmlPath | None = Field(None, description="the ECN's number in such an element; default: the column `number`")
    match: XmlPath | None = Field(
        None, description="the ECN's number in an item; without it a file describes one ECN, and all items are its"
    )


class XmlOptions(Options):
    """Where ECNs and their items are in a document."""

    rows: ElementPaths = Field(description="the elements that are items, or ECNs with one item")
    header: XmlHeaderOptions | None = Field(None, description="elements that describe the ECNs beside their items")

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths to the rows."""
        return tuple(map(parse_path, self.rows))

    @property
    def headers(self) -> Headers | None:
        """The headers, parsed."""
        if self.header is None:
            return None
        key, match = self.header.key, self.header.match
        return Headers(
            tuple(map(parse_path, self.header.rows)),
            parse_path(key) if key else None,
            parse_path(match) if match else None,
        )


class JoinOptions(Options):
    """ECNs in one file and their items in another."""

    timeout: Duration = Field(
        600_000, description="how long one half waits for the other before people are told", ge=1000
    )


def _position(text: str) -> str:
    span_of(text)
    return text


def span_of(text: str) -> Span:
    """Return the characters of a line that `13-22` or `23-` means, from 0, as a slice. Raises ValueError."""
    found = _POSITION.fullmatch(text.strip())
    if found is None or int(found[1]) < 1 or (found[2] and int(found[2]) < int(found[1])):
        raise ValueError("says no characters of a line → such as 13-22, or 23- to the end of the line")
    return int(found[1]) - 1, int(found[2]) if found[2] else None


Position = Annotated[str, AfterValidator(_position)]
