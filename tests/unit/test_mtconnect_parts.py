"""The pure parts of the MTConnect adapter: whatever bytes come, names of data items, order of remarks, endings of streams."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mtconnect import document, files
from adapters.mtconnect.document import NotMtConnect
from adapters.mtconnect.model import AgentFault, Component, Device, File, Observation
from adapters.mtconnect.multipart import BrokenStreamError, Parts, boundary_of
from adapters.mtconnect.notation import ItemReference, parse
from adapters.mtconnect.state import steps
from adapters.mtconnect.versions import together

SOUND = b'<MTConnectStreams xmlns="urn:x"><Header instanceId="1" nextSequence="9"/><Streams/></MTConnectStreams>'
SAID = Observation(
    id="i",
    type="Program",
    sub_type="MAIN",
    name=None,
    value="O1",
    unavailable=False,
    sequence=5,
    stamp="2024-01-01T00:00:00Z",
    time=0,
    device=Device("d", "u"),
    component=Component("p", "p", "Path"),
)


@pytest.mark.parametrize("read", [document.streams, document.assets, document.model])
@given(data=st.one_of(st.binary(max_size=300), st.binary(max_size=40).map(lambda one: SOUND[:60] + one + SOUND[60:])))
def test_any_bytes_are_a_document_or_a_sentence(read: Callable[[bytes], object], data: bytes) -> None:
    """Nothing but the adapter's own errors leaves the decoder."""
    with suppress(NotMtConnect, AgentFault):
        read(data)


@given(
    data=st.lists(st.one_of(st.binary(max_size=60), st.just(b"\r\n--b\r\nContent-length: 3\r\n\r\nabc")), max_size=8)
)
def test_any_bytes_are_parts_or_a_sentence(data: list[bytes]) -> None:
    """Whatever is streamed, in whatever pieces: documents, more to come, or one error."""
    parts = Parts("b")
    with suppress(BrokenStreamError):
        for piece in data:
            assert all(isinstance(one, bytes) for one in parts.feed(piece))


def test_a_stream_that_ends_says_so() -> None:
    """The closing boundary is the end, and what follows it is nothing."""
    parts = Parts("b")
    assert parts.feed(b"--b\r\nContent-length: 3\r\n\r\nabc\r\n--b--\r\n--b\r\nContent-length: 1\r\n\r\nx") == [b"abc"]
    assert parts.ended


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/x-mixed-replace;boundary=abc", "abc"),
        ('Multipart/X-Mixed-Replace; charset=utf-8; boundary="a b"', "a b"),
        ("multipart/x-mixed-replace; boundary=--abc", "--abc"),
        ("multipart/x-mixed-replace", None),
        ("text/xml; boundary=abc", None),
        ("", None),
    ],
)
def test_the_boundary_is_found_however_it_is_written(content_type: str, boundary: str | None) -> None:
    """Quoted or not, with dashes of its own or not."""
    assert boundary_of(content_type) == boundary
    if boundary is not None:
        mark = boundary.removeprefix("--").encode()
        assert Parts(boundary).feed(b"--" + mark + b"\r\nContent-length: 1\r\n\r\nx") == [b"x"]


@pytest.mark.parametrize(
    ("text", "type_", "sub_type", "fits"),
    [
        ("PROGRAM", "Program", None, True),
        ("PROGRAM", "Program", "MAIN", False),
        ("PROGRAM:MAIN", "Program", "MAIN", True),
        ("Program:MAIN", "Program", "MAIN", True),
        ("PROGRAM:MAIN", "Program", None, False),
        ("PROGRAM:x:SUB", "Program", "x:SUB", True),
        ("PROGRAM_COMMENT", "ProgramComment", None, True),
        ("PROGRAM", "ProgramComment", None, False),
        ("VARIABLE", "VariableDataSet", None, True),
        ("PROGRAM", "x:Program", None, True),
    ],
)
def test_a_type_fits_in_both_spellings(text: str, type_: str, sub_type: str | None, fits: bool) -> None:
    """Of the device model and of a stream; a sub type is never left out by guess."""
    assert parse(text).types(type_, sub_type) is fits


def test_an_entry_is_named_in_brackets() -> None:
    """A macro variable in a data set."""
    assert parse(" cvars[500] ") == ItemReference("cvars", "500")
    for wrong in ("", "a[", "a[]", "[5]", "a[5]b"):
        with pytest.raises(ValueError, match="→"):
            parse(wrong)


@pytest.mark.parametrize(
    ("sequence", "stamp", "belongs"),
    [
        (6, "2024-01-01T00:00:09Z", True),  # after the program
        (4, "2024-01-01T00:00:00Z", True),  # in the same line of the agent's adapter
        (4, "2023-12-31T23:59:59Z", False),  # left over
        (4, "2024-01-01T00:00:01Z", False),  # the agent heard it before, whatever clock wrote the time
        (4, "", False),
    ],
)
def test_what_belongs_to_a_selection(sequence: int, stamp: str, belongs: bool) -> None:
    """The agent's order decides, or one time stamp for both."""
    assert together(replace(SAID, sequence=sequence, stamp=stamp), SAID) is belongs


def test_no_stamp_is_no_time_together() -> None:
    """Two observations without a time are not of one time."""
    bare = replace(SAID, stamp="")
    assert not together(replace(bare, sequence=4), bare)


def test_a_stream_changes_only_the_entries_it_names() -> None:
    """A data set's changed, removed and reset entries."""
    before = {"i": replace(SAID, entries={"1": "A", "2": "B", "3": "C"})}
    changed = replace(SAID, sequence=6, entries={"1": "Z", "2": None})
    (after,) = steps(before, [changed], frozenset({"i"}))
    assert after["i"].entries == {"1": "Z", "2": None, "3": "C"}
    (after,) = steps(before, [replace(changed, reset=True)], frozenset({"i"}))
    assert after["i"].entries == {"1": "Z", "2": None}


def test_only_sixty_four_hexadecimal_digits_are_a_sha256() -> None:
    """The standard asks for a secure hash, and does not say which."""
    assert files.is_sha256("a" * 64)
    assert not any(map(files.is_sha256, ("a" * 40, "a" * 63, "g" * 64, "")))


def test_a_time_without_zone_is_no_time() -> None:
    """It could be any hour."""
    assert document.utc("2024-01-01T00:00:00.1234567Z") == 1704067200123
    assert document.utc("2024-01-01T01:00:00+01:00") == 1704067200000
    for wrong in ("2024-01-01T00:00:00", "yesterday", "", None):
        assert document.utc(wrong) is None


def test_a_file_s_place_is_a_link() -> None:
    """`xlink:href`, as the schema writes it, is read as `href` is."""
    body = (
        b'<MTConnectAssets xmlns:xlink="http://www.w3.org/1999/xlink"><Header instanceId="1"/><Assets>'
        b'<File assetId="F" name="O1" versionId="B" state="production"><FileLocation xlink:href="file:///a/O1"/></File>'
        b'<File assetId="G" name="O2" removed="true"/></Assets></MTConnectAssets>'
    )
    (found,) = document.assets(body).files
    assert found == File(id="F", name="O1", version="B", state="PRODUCTION", href="file:///a/O1")
