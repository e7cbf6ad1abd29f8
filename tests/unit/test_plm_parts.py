"""The small parts of the PLM folder adapter: options, columns, dates, mounts, settling, quarantine, calls that hang."""

from __future__ import annotations

import asyncio
import re
import threading
import weakref
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from adapters.plm_folder import quarantine as quarantine_module
from adapters.plm_folder.adapter import PlmFolderAdapter
from adapters.plm_folder.columns import COLUMNS, plain, usual_names
from adapters.plm_folder.complete import Settling
from adapters.plm_folder.damage import invisible
from adapters.plm_folder.dates import read_date
from adapters.plm_folder.draft import several
from adapters.plm_folder.folder import Signature
from adapters.plm_folder.mounts import holding
from adapters.plm_folder.names import shown
from adapters.plm_folder.quarantine import Quarantine, safe
from adapters.plm_folder.unreadable import NEVER_BETTER, Unreadable
from edge_bridge import strict_yaml
from edge_bridge.blocking import BlockingCalls
from edge_bridge.domain.ecn import Status
from edge_bridge.domain.instant import TimeQuality, to_text
from edge_bridge.errors import AdapterError, ConfigError
from edge_bridge.testing.clock import ManualClock
from tests.waiting import until

BERLIN = ZoneInfo("Europe/Berlin")
SAMPLE = Path(__file__).parents[2] / "adapters" / "plm_folder" / "sample.yaml"


def adapter(**options: object) -> PlmFolderAdapter:
    """Return an adapter with these options."""
    return PlmFolderAdapter("plm", {"adapter": "plm_folder", "path": "/mnt/plm", **options}, ManualClock())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"numbr": "变更单号"}}, "numbr"),
        ({"columns": {"number": "A", "status": [" a "]}}, "given for both number and status"),
        ({"columns": {"number": []}}, "number"),
        ({"status": {"done": "x"}}, "done"),
        ({"status": {"released": "OK", "withdrawn": ["ok"]}}, "given for both released and withdrawn"),
        ({"status": {"withdrawn": "Released", "released": "frei"}}, "given for both"),
        ({"date_formats": ["%d.%m.%Y %Q"]}, "bad directive"),
        ({"date_formats": "%d.%m."}, "no year"),
        ({"pattern": "sub/*.csv"}, "sub-folders"),
        ({"encoding": "latin"}, "encoding"),
        ({"timezone": "Shanghai"}, "time zone"),
        ({"format": "pdf"}, "format"),
        ({"watch": "never"}, "watch"),
        ({"quarantine": "/mnt"}, "would land in `path`"),
        ({"pth": "x"}, "unknown key `pth`"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_name(options: dict[str, object], message: str) -> None:
    """What nobody can have meant is a ConfigError that names it."""
    if options.get("quarantine"):
        options = {"quarantine": "/mnt", "path": "/mnt/plm"}
    with pytest.raises(ConfigError) as caught:
        adapter(**options)
    assert message in str(caught.value)


def test_a_canonical_status_word_keeps_its_meaning() -> None:
    """A site may not turn `released` into something else by accident."""
    with pytest.raises(ConfigError, match="released"):
        adapter(status={"withdrawn": ["released"]})


def test_the_sample_is_a_valid_configuration_with_every_option() -> None:
    """The shipped sample names each option, and can be used as it is."""
    section = strict_yaml.load(SAMPLE)
    made = PlmFolderAdapter("plm", section, ManualClock())
    assert made.options.words["已发布"] is Status.RELEASED
    shown = set(re.findall(r"^(?:# )?([a-z_]+):", SAMPLE.read_text(encoding="utf-8"), re.MULTILINE))
    assert shown >= set(PlmFolderAdapter.Options.model_fields)
    for block in re.findall(r"(?:^# +[a-z_]+:.*\n)+", SAMPLE.read_text(encoding="utf-8"), re.MULTILINE):
        key = block.split(":")[0].strip("# ")
        uncommented = yaml.safe_load(re.sub("^# ", "", block, flags=re.MULTILINE))
        PlmFolderAdapter("plm", section.replacing({key: uncommented[key]}), ManualClock())


def test_a_dry_run_says_what_is_wrong_and_what_to_do() -> None:
    """`read` is the daemon's own reading; its error has place, reason and fix."""
    assert adapter().read("e.csv", b"number,status\nEC-1,released\n")[0].number == "EC-1"
    with pytest.raises(AdapterError) as caught:
        adapter().read("e.csv", b"a,b\n1,2\n")
    assert caught.value.what == "e.csv: line 1: the column `number` is missing; found: a, b"
    assert "`columns: {number:" in caught.value.hint


def test_patterns_ignore_case_and_half_written_names_never_count() -> None:
    """Windows shares write EXPORT.CSV; temporary and hidden names are nobody's export."""
    made = adapter(pattern="ECN*.csv").options.file_name
    assert [bool(made.fullmatch(name)) for name in ("ecn1.CSV", "other.csv", "ECN.csv.bak")] == [True, False, False]


def test_each_usual_name_serves_one_column() -> None:
    """The shipped header names cover every column, and none means two of them."""
    names = [plain(name) for column in COLUMNS for name in dict.fromkeys(map(plain, usual_names()[column]))]
    assert len(names) == len(set(names))
    assert all(plain(column) in map(plain, usual_names()[column]) for column in COLUMNS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-29 02:30", "2026-03-29T01:30:00.000Z"),  # skipped by summer time: moved forward to 03:30
        ("2026-10-25 02:30", "2026-10-25T00:30:00.000Z"),  # twice that night: the first
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00.000Z"),
        ("20260302T143000,5", "2026-03-02T13:30:00.500Z"),
        (" 2028-02-29 ", "2028-02-28T23:00:00.000Z"),
        ("2026-02-29", None),
        ("1999-12-31", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("１２", None),
        ("", None),
    ],
)
def test_dates_become_utc_or_nothing(text: str, expected: str | None) -> None:
    """Zones, the two summer time nights, leap days, and years no ECN has."""
    when = read_date(text, (), BERLIN)
    assert (when and to_text(when.utc)) == expected


def test_a_format_without_time_is_a_day() -> None:
    """A day is marked as one, with the start of that day in the zone."""
    when = read_date("02.03.2026", ("%d.%m.%Y",), BERLIN)
    assert when is not None
    assert (to_text(when.utc), when.quality, when.text) == ("2026-03-01T23:00:00.000Z", TimeQuality.DAY, "02.03.2026")


@given(st.text(max_size=30) | st.from_regex(r"[12]\d{3}[-/.][01]?\d[-/.]\d{1,2}([ T]\d\d:\d\d.{0,9})?"))
def test_no_text_breaks_a_date(text: str) -> None:
    """Whatever stands in a date column, it is a date of this century or none."""
    when = read_date(text, ("%d.%m.%Y", "%d-%b-%y", "%c"), BERLIN)
    assert when is None or "1999" <= to_text(when.utc)[:4] <= "2100"


def test_lists_split_at_marks_or_else_at_blanks() -> None:
    """Names with blanks survive where another mark separates."""
    assert several("m-1 m-2\tm-1") == ("m-1", "m-2")
    assert several("DMU 50 #1、 DMU 50 #2,") == ("DMU 50 #1", "DMU 50 #2")
    assert several(" ") == ()


MOUNTS = """\
22 27 0:21 / /proc rw - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 27 0:50 / /mnt/plm rw - cifs //srv/ecn rw
41 27 0:51 / /mnt/ecn\\040export rw - nfs4 srv:/x rw
42 40 0:52 / /mnt/plm/local rw - tmpfs tmpfs rw
43 27 0:53 / /media/u rw - fuseblk /dev/sdb rw
44 27 0:54 / /mnt/over rw - ext4 /dev/vdb rw
45 27 0:55 / /mnt/over rw - fuse.sshfs a:/b rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/x", "ext4"),
        ("/mnt/plm", "cifs"),
        ("/mnt/plm/deep/er", "cifs"),
        ("/mnt/plm2", "ext4"),
        ("/mnt/plm/local/x", "tmpfs"),
        ("/mnt/ecn export/a", "nfs4"),
        ("/media/u", "fuseblk"),
        ("/mnt/over/a", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    """The deepest mount counts, the later of two at one place, and blanks are written in octal."""
    assert holding(path, MOUNTS).kind == kind


def test_a_file_settles_only_while_it_stays_the_same() -> None:
    """Two quiet seconds; a change begins anew; a first try begins the last two seconds; a second try does not."""
    settling, small, large = Settling(), Signature(1, 1), Signature(2, 1)
    settling.see("a", small, 0)
    settling.see("a", small, 1500)
    assert settling.due(1999) == []
    assert settling.due(2000) == [("a", False)]
    settling.see("a", small, 2000, tried=True)
    settling.see("a", small, 3000, tried=True)
    assert settling.due(3999) == []
    assert settling.due(4000) == [("a", True)]
    settling.see("a", large, 4000)
    assert settling.due(5999) == []
    assert not settling.holds("a", small)
    assert settling.keep_only({}) == ["a"]
    assert settling.names == ()


def test_what_waiting_cannot_mend_is_a_reason_there_is() -> None:
    """A kind that was renamed would be waited for in vain; what each says is in test_cards_sentences."""
    assert set(Unreadable.kinds()) >= NEVER_BETTER


def test_a_long_name_in_chinese_has_its_reason_beside_it(tmp_path: Path) -> None:
    """85 characters are as long as a name may be; so is the copy's, with what is added to it."""
    name = "变" * 83 + ".csv"
    (tmp_path / name).touch()
    copy = Quarantine(tmp_path / "copies").keep(name, b"x", "0" * 64, Unreadable("empty"))
    assert copy.with_name(f"{copy.name}.reason.txt").exists()
    assert copy.name.endswith("变.csv")


def test_a_copy_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """On a full disk, halves of copies would take what is left of it; here the reason's place is taken by a folder."""
    taken = tmp_path / f"{'0' * 12}-a.csv.reason.txt"
    taken.mkdir()
    with pytest.raises(OSError, match="directory"):
        Quarantine(tmp_path).keep("a.csv", b"x", "0" * 64, Unreadable("empty"))
    assert list(tmp_path.iterdir()) == [taken]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("ecn\u202evsc.exe.csv", "ecn\\u202evsc.exe.csv"),
        ("E\u200b1\ufeff.csv", "E\\u200b1\\ufeff.csv"),
        ("变更\u3000单.csv", "变更\u3000单.csv"),
    ],
)
def test_a_name_is_shown_as_it_is(name: str, seen: str) -> None:
    """What turns the direction of writing, or is not seen, would make it look like another one."""
    assert shown(name) == seen


@pytest.mark.parametrize("unseen", ["\u202e", "\u2066", "\u2069", "\u061c"])
def test_what_turns_the_direction_of_writing_is_seen_in_a_value_too(unseen: str) -> None:
    """An ECN number with it would look like another ECN's."""
    assert invisible(f"EC{unseen}-1")


def test_a_dry_run_refuses_the_name_that_the_folder_refuses() -> None:
    """What `edge-bridge ecn` reads, the service reads too."""
    adapter = PlmFolderAdapter("plm", {"adapter": "plm_folder", "path": "/plm"}, ManualClock())
    for look in (adapter.read, adapter.trace):
        with pytest.raises(AdapterError, match=r"a\\nb\.csv: its name has a line break"):
            look("a\nb.csv", b"number,status\nEC-1,released\n")


def test_quarantine_keeps_the_newest_and_nothing_else(tmp_path: Path) -> None:
    """Above the limit the oldest copies go, with their reasons; files that are not copies stay."""
    (tmp_path / "notes.txt").write_text("mine")
    kept, refusal = Quarantine(tmp_path), Unreadable("empty")
    for count in range(quarantine_module.MOST_COPIES + 3):
        kept.keep("a.csv", b"x", f"{count:064x}"[::-1], refusal)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2 * quarantine_module.MOST_COPIES + 1
    assert "notes.txt" in names


@pytest.mark.parametrize(("language", "first", "second"), [("en", "What:", "问题："), ("zh-CN", "问题：", "What:")])
def test_a_reason_begins_in_the_technicians_language(tmp_path: Path, language: str, first: str, second: str) -> None:
    """The other language follows: whoever mends the export may read that one."""
    copy = Quarantine(tmp_path, language).keep("a.csv", b"x", "0" * 64, Unreadable("empty", "line 7"))
    told = copy.with_name(copy.name + ".reason.txt").read_text(encoding="utf-8")
    assert 0 < told.index(first) < told.index(second)
    assert "位置：第 7 行" in told


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        (".hidden.csv", "hidden.csv"),
        ("变更 单.csv", "变更_单.csv"),
        ("...", "file"),
        ("$(rm -rf).csv", "_rm_-rf_.csv"),
        ("x" * 300 + ".csv", "x" * 76 + ".csv"),
    ],
)
def test_a_copy_has_a_harmless_name(name: str, expected: str) -> None:
    """No slash, no leading dot, nothing a shell reads, not too long."""
    assert safe(name) == expected


async def test_a_call_that_hangs_is_given_up_and_not_repeated() -> None:
    """A dead share costs one thread, however often it is asked; when it answers again, so do we."""
    calls, released, asked = BlockingCalls(), threading.Event(), []

    def hang() -> str:
        asked.append(1)
        released.wait(10)
        return "late"

    for _ in range(3):
        with pytest.raises(AdapterError, match="does not answer"):
            await calls.run(0.02, hang)
    assert len(asked) == 1
    released.set()
    assert await calls.run(5, lambda: "well") == "well"


async def test_a_call_hands_over_what_it_raised() -> None:
    """Errors of the disk arrive where the call is awaited; a cancelled wait leaves no trace."""
    calls = BlockingCalls()
    with pytest.raises(FileNotFoundError):
        await calls.run(5, Path("/no/such/file").read_bytes)
    gate = threading.Event()
    waiting = asyncio.ensure_future(calls.run(5, gate.wait, 10.0))
    await asyncio.wait({waiting}, timeout=0.01)
    waiting.cancel()
    gate.set()
    assert await calls.run(5, str, 7) == "7"


async def test_what_a_call_returned_is_not_held() -> None:
    """A look at a hundred thousand files is large: it goes when whoever asked is through with it."""
    calls = BlockingCalls()
    found = await calls.run(5, lambda: {"a file"})
    gone = weakref.ref(found)
    del found
    await until(lambda: gone() is None)
