"""Every parser against cut, flipped and made-up bytes: read or refused, soon, and never fewer items without a word.

Cases in `tests/cases/plm_folder` are the seeds. A failing run prints its seed; FUZZ_SEED=… repeats it.
"""

from __future__ import annotations

import os
import random
import tracemalloc
from functools import cache
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.reading import trace_file
from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.options import read_options
from tests.plm_hostile import old_workbooks, texts, workbooks
from tests.plm_workbooks import as_shown, old_as_shown, xls, xlsx
from tests.unit.test_plm_cases import CASES, input_of, options_of
from tests.unit.test_plm_cases import attempt as try_to_read

SEED = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(1 << 30)))
LONGEST, LONGEST_OF_A_MEGABYTE = 2.0, 40.0  # seconds of processor time for one input; usual are a tenth of it
FLIPS = 40
ALL = sorted(path.name for path in CASES.iterdir())
SPOTTED = ("json", "xml", "xlsx", "xls")
"""Formats in which a missing end always shows. Lines (CSV, fixed width) end anywhere: `last_line` is for them."""


@cache
def seed(case: str) -> tuple[bytes, PlmFolderOptions, tuple[EcnDraft, ...]]:
    """Return a case's bytes and options, and what it is read as whole."""
    data, options = input_of(CASES / case), options_of(CASES / case)
    return data, options, attempt(data, options)


def attempt(data: bytes, options: PlmFolderOptions) -> tuple[EcnDraft, ...]:
    """Return what is read, nothing when it is refused. Any other error, and any long work, is a failure.

    Processor time, so that a busy machine does not count; in proportion to the size, so that whatever grows faster does.
    """
    start = process_time()
    found, refusal = try_to_read(data, options, settled=True)
    assert process_time() - start < LONGEST + LONGEST_OF_A_MEGABYTE * len(data) / 1e6
    assert found or (refusal is not None and refusal.what and refusal.hint)
    return found


def kind(case: str) -> str:
    """Return the format of a case's file by its content."""
    data, options, _ = seed(case)
    if data.startswith(b"PK"):
        return "xlsx"
    if data.startswith(b"\xd0\xcf"):
        return "xls"
    text = data.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t")
    if options.format == "auto":
        return {b"<": "xml", b"{": "json", b"[": "json"}.get(text[:1], "csv")
    return str(options.format)


@pytest.mark.parametrize("case", [case for case in ALL if kind(case) in SPOTTED])
def test_a_cut_file_is_never_read_as_less(case: str) -> None:
    """Cut after any byte: refused, or (where only padding was cut) read as the whole. Never an ECN with fewer items."""
    data, options, whole = seed(case)
    step = 1 if len(data) < 2000 else len(data) // 300
    for end in range(0, len(data), step):
        found = attempt(data[:end], options)
        assert found in ((), whole), f"{case} cut at byte {end}"


@pytest.mark.parametrize("case", ALL)
def test_flipped_bytes_are_read_or_refused(case: str) -> None:
    """Bytes changed, left out and put in, anywhere."""
    data, options, _ = seed(case)
    chance = random.Random(f"{SEED} {case}")
    for _ in range(FLIPS if len(data) < 20_000 else 5):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(damaged) + 1) if damaged else 0
            match chance.randrange(3):
                case 0 if at < len(damaged):
                    damaged[at] ^= 1 << chance.randrange(8)
                case 1:
                    del damaged[at : at + chance.randint(1, 20)]
                case _:
                    damaged[at:at] = chance.randbytes(chance.randint(1, 8))
        try:
            attempt(bytes(damaged), options)
        except BaseException:
            print(f"FUZZ_SEED={SEED} case={case} bytes={bytes(damaged)!r}")
            raise


def test_a_workbook_cut_anywhere_is_refused() -> None:
    """Each byte of a small workbook, old and new."""
    for data, form in ((xlsx(as_shown), "xlsx"), (xls(old_as_shown), "xls")):
        options = read_options(PlmFolderOptions, {"adapter": "plm_folder", "path": ".", "format": form})
        whole = attempt(data, options)
        assert whole
        for end in range(0, len(data), 7):
            assert attempt(data[:end], options) in ((), whole)


OPTIONS = {
    form: read_options(
        PlmFolderOptions,
        {
            "adapter": "plm_folder",
            "path": ".",
            "format": form,
            **({"xml": {"rows": "//i"}, "columns": {"number": "@n", "status": "../@s"}} if form == "xml" else {}),
        },
    )
    for form in ("csv", "text", "json", "xml", "xlsx", "xls", "auto")
}
STARTS = (
    b"",
    b"number,status,part\nEC-1,released,",
    b"ECN No    Status    Part\n--------- --------- ----\nEC-1      released  ",
    b'[{"number": "EC-1", "status": "released", "part": ',
    b'<?xml version="1.0" encoding="gbk"?><e s="released"><i n="1">',
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 22 + b"\x09\0\x06\0",
    b"\xff\xfe",
)


@settings(max_examples=300, deadline=None)
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=700), form=st.sampled_from(sorted(OPTIONS)))
def test_any_bytes_are_read_or_refused(start: bytes, rest: bytes, form: str) -> None:
    """Whatever the bytes, whatever the format they are said to be."""
    attempt(start + rest, OPTIONS[form])


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12)), max_size=6),
    form=st.sampled_from(["csv", "text"]),
)
def test_any_text_is_read_or_refused(rows: list[tuple[str, str, str]], form: str) -> None:
    """Lines of any characters under a sound header; tracing finds the same."""
    header = "ECN No      |Status      |Part        \n" if form == "text" else "number,status,part\n"
    lines = [("{:12}|{:12}|{:12}" if form == "text" else "{},{},{}").format(*row) for row in rows]
    data = (header + "\n".join(lines) + "\n").encode("utf-8", "surrogatepass")
    found = attempt(data, OPTIONS[form])
    if found:
        assert tuple(one.draft for one in trace_file(data, OPTIONS[form])) == found


PRESETS = ("windchill", "teamcenter", "sap", "aras", "solidworks-pdm", "cn-plm")
READERS = {form: OPTIONS[form] for form in ("csv", "text", "json", "xml", "auto")} | {
    name: read_options(PlmFolderOptions, {"adapter": "plm_folder", "path": ".", "preset": name}) for name in PRESETS
}
SIZE = 100_000  # bytes: what grows with the square takes minutes where the limit is six seconds


@pytest.mark.parametrize("reader", READERS)
def test_a_text_made_to_keep_a_reader_busy(reader: str) -> None:
    """Each reader, and each preset's paths: nothing that a text holds makes the work grow faster than the text."""
    for name, text in texts(SIZE):
        try:
            attempt(text.encode(), READERS[reader])
        except BaseException:
            print(f"{reader}: {name}")
            raise


def test_a_workbook_made_to_keep_a_reader_busy() -> None:
    """Formats of thousands of brackets, a row as wide as Excel allows, texts as long as it allows."""
    for name, data in workbooks():
        try:
            attempt(data, OPTIONS["xlsx"])
        except BaseException:
            print(name)
            raise


def test_an_old_workbook_made_to_keep_a_reader_busy() -> None:
    """Containers that lead in circles, records that promise what is not there: neither time nor room is given for it."""
    tracemalloc.start()
    try:
        for name, data in old_workbooks(SIZE):
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            try:
                attempt(data, OPTIONS["xls"])
                _, peak = tracemalloc.get_traced_memory()
                assert peak - before < 50_000_000
            except BaseException:
                print(name)
                raise
    finally:
        tracemalloc.stop()
