"""Every folder in tests/cases/plm_folder: an input file, its options, and the ECNs or the error it must give."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.plm_folder.answers import Answers, Understood
from adapters.plm_folder.frames import read_frame
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.reading import read_file
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge import strict_yaml
from edge_bridge.domain.ecn import EcnDraft, Item
from edge_bridge.domain.instant import When, to_text
from edge_bridge.options import read_options

SOUND = b"number,status,released,part,revision,machines\nEC-1,released,2026-01-01,EL-1,B,m-1\n"
OPTIONS = {
    form: read_options(PlmFolderOptions, {"adapter": "plm_folder", "path": ".", "format": form})
    for form in ("csv", "json")
}
CASES = Path(__file__).parent.parent / "cases" / "plm_folder"


def options_of(case: Path) -> PlmFolderOptions:
    """Return a case's options.yaml as options."""
    return read_options(
        PlmFolderOptions, {"adapter": "plm_folder", "path": "."} | strict_yaml.load(case / "options.yaml")
    )


def input_of(case: Path) -> bytes:
    """Return the bytes of a case's only input file."""
    (file,) = case.glob("input.*")
    return file.read_bytes()


def written(draft: EcnDraft) -> dict[str, Any]:
    """Return a draft as expected.json has it: what is absent or empty is left out."""
    fields = ("number", "status", "status_word", "title", "category", "designer", "stage")
    found = {name: getattr(draft, name) for name in fields}
    found |= {name: _date(getattr(draft, name)) for name in ("released", "effective_from", "stage_date")}
    found |= {"supersedes": list(draft.supersedes), "items": [_item(item) for item in draft.items]}
    return {key: value for key, value in found.items() if value}


def _date(when: When | None) -> str:
    return f"{to_text(when.utc)} {when.quality}" if when else ""


def _item(item: Item) -> dict[str, Any]:
    fields = ("part", "drawing", "revision", "program", "version", "sha256", "row", "doubt")
    fields += ("serial_from", "serial_to", "lot")
    found: dict[str, Any] = {name: getattr(item, name) for name in fields} | {"machines": list(item.machines)}
    return {key: value for key, value in found.items() if value}


def outcome(data: bytes, options: PlmFolderOptions) -> tuple[str, str]:
    """Return (name of the expectation file, its content)."""
    drafts, error = attempt(data, options, settled=True)
    if error is not None:
        return "expected_error.txt", f"{error.where}\n{error.what}\n"
    return "expected.json", json.dumps([written(draft) for draft in drafts], ensure_ascii=False, indent=1) + "\n"


def attempt(data: bytes, options: PlmFolderOptions, *, settled: bool) -> tuple[tuple[EcnDraft, ...], Unreadable | None]:
    """Return what was read, or why nothing was."""
    try:
        return read_file(data, options, settled=settled), None
    except Unreadable as error:
        return (), error


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_case_is_read_as_expected(case: str) -> None:
    """A file that was a trap somewhere gives the expected ECNs, or the expected error at the expected place."""
    folder = CASES / case
    name, content = outcome(input_of(folder), options_of(folder))
    assert [path.name for path in folder.glob("expected*")] == [name], content
    expected = (folder / name).read_text(encoding="utf-8")
    assert content == expected


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_a_case_cut_at_any_byte_is_read_or_refused(case: str) -> None:
    """Cut after any byte, a file is either read or Unreadable: no other error, settled or not."""
    options, data = options_of(CASES / case), input_of(CASES / case)
    for end in range(0, len(data), 1 if len(data) < 2000 else 97):
        for settled in (False, True):
            drafts, refusal = attempt(data[:end], options, settled=settled)
            assert drafts or (refusal is not None and refusal.what and refusal.hint)


@given(data=st.binary(max_size=200), form=st.sampled_from(["csv", "json"]), kept=st.integers(0, 80))
def test_any_bytes_are_read_or_refused(data: bytes, form: str, kept: int) -> None:
    """Whatever follows a sound beginning, the answer is ECNs or Unreadable."""
    beginning = (
        b'[{"number": "EC-1", "status": "released", "part": "EL-1", "revision": "B"}' if form == "json" else SOUND
    )
    drafts, refusal = attempt(beginning[:kept] + data, OPTIONS[form], settled=True)
    assert drafts or refusal


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_no_field_is_lost_between_two_processes(case: Path) -> None:
    """What the parser's process writes is what the daemon reads, to the last field, for every case there is."""
    drafts, error = attempt(input_of(case), options_of(case), settled=True)
    assert (error is None) == (case / "expected.json").exists()
    written_frames = io.BytesIO()
    answers = Answers(written_frames.write)
    answers.ecns(drafts)
    answers.end()
    written_frames.seek(0)
    understood = Understood(300, pytest.fail)
    assert understood.take(*read_frame(written_frames) or ({}, b"")) == [drafts]
    assert read_frame(written_frames) is None
