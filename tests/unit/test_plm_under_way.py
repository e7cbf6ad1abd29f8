"""Files that are being parsed: their order, what is overtaken, and what then counts; how far a first scan is."""

from __future__ import annotations

from adapters.plm_folder.first_scan import FirstScan, Progress
from adapters.plm_folder.folder import Held, Signature
from adapters.plm_folder.known import mark_of
from adapters.plm_folder.names import shown, soundly_named, unfinished
from adapters.plm_folder.under_way import MOST_BYTES, MOST_FILES, MOST_SLOW, Job, UnderWay
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.domain.instant import MINUTE, Stamp
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.plant import Plant, Source
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.domain.state import State
from edge_bridge.health import sources, summary
from edge_bridge.recall import Recollection

AT = Stamp(1_777_600_800_000, MINUTE, "boot")


class Desk:
    """Files whose parsing the test ends."""

    def __init__(self) -> None:
        self.woken = 0
        self.under_way = UnderWay(self._wake)
        self.jobs: dict[str, Job] = {}

    def _wake(self) -> None:
        self.woken += 1

    def begin(self, name: str, size: int = 1, *, slow: bool = False) -> None:
        """Begin a file; a slow one is overtaken at once."""
        job = self.jobs[name] = Job(name, Held(b"x" * size, Signature(size, 1)), name, AT, final=False)
        self.under_way.begin(job)
        if slow:
            self.under_way.overtake(job)

    def next_done(self) -> str | None:
        """Return the name of the job that is to be dealt with."""
        job = self.under_way.next_done()
        return job.name if job else None


def test_files_come_out_in_order_and_a_slow_one_when_it_can() -> None:
    """What is done waits for what went before it, except for one that was overtaken."""
    desk = Desk()
    for name in ("a", "b", "c"):
        desk.begin(name)
    desk.under_way.parsed(desk.jobs["b"], ())
    assert (desk.next_done(), desk.woken) == (None, 1)
    desk.under_way.overtake(desk.jobs["a"])
    assert (desk.next_done(), desk.woken) == ("b", 2)
    desk.under_way.end(desk.jobs["b"])
    desk.under_way.parsed(desk.jobs["a"], Unreadable("too_slow", limit=1))
    assert (desk.next_done(), desk.woken) == ("a", 3)
    desk.under_way.end(desk.jobs["a"])
    assert list(desk.under_way) == ["c"]


def test_what_a_later_file_states_is_not_undone_by_a_slow_one() -> None:
    """Numbers of files behind it are kept for the slow file; those of files before it are not."""
    desk = Desk()
    for name in ("before", "slow", "behind"):
        desk.begin(name)
    desk.under_way.overtake(desk.jobs["slow"])
    desk.under_way.told(desk.jobs["before"], ["EC-1"])
    desk.under_way.told(desk.jobs["behind"], ["EC-2"])
    assert desk.jobs["slow"].newer == {"EC-2"}


def test_how_much_is_under_way_is_bounded() -> None:
    """Files, their bytes, and slow ones: beyond the bounds nothing more is read."""
    desk = Desk()
    for number in range(MOST_FILES):
        assert desk.under_way.room == MOST_FILES - number
        desk.begin(str(number))
    assert desk.under_way.room == 0
    for number in range(MOST_FILES):
        desk.under_way.end(desk.jobs[str(number)])
    desk.begin("large", MOST_BYTES)
    assert desk.under_way.room == 0
    desk.under_way.overtake(desk.jobs["large"])
    assert desk.under_way.room == MOST_FILES
    for number in range(MOST_SLOW - 1):
        desk.begin(f"slow {number}", slow=True)
    assert desk.under_way.room == 0


def test_the_progress_of_a_first_scan() -> None:
    """What the core holds counts as dealt with; when it is through there is none."""
    scan = FirstScan(["a", "b"], 0, held=3)
    assert scan.progress == Progress(3, 5)
    scan.decide("a", delivered=True)
    assert scan.progress == Progress(4, 5)
    scan.decide("b", delivered=False)
    assert scan.ends(1)
    assert scan.progress is None


def test_the_order_of_a_first_scan() -> None:
    """Oldest first; what was handed out and not read comes again before all others, what was read does not."""
    scan = FirstScan(["a", "b", "c", "d"], 0)
    assert (scan.reading, scan.waits("a"), scan.next(3)) == (True, True, ["a", "b", "c"])
    assert not scan.waits("a")
    scan.try_now("a")
    assert [scan.put_back(name) for name in ("c", "b", "a", "other")] == [True, True, False, False]
    assert scan.next(9) == ["b", "c", "d"]
    assert not scan.reading
    assert all(map(scan.is_open, "abcd"))
    assert scan.progress == Progress(0, 4)


def test_what_comes_later_waits_for_what_lay_there() -> None:
    """As long as one of those files was never read, be it one that may still be written."""
    scan = FirstScan(["a"], 0, fresh=["b"])
    assert scan.holds_back("new")
    assert scan.next(9) == ["a"]
    scan.try_now("a")
    assert [scan.holds_back(name) for name in ("new", "a", "b")] == [True, True, False]
    scan.try_now("b")
    assert not scan.holds_back("new")
    scan.decide("a", delivered=True)
    assert not scan.ends(1)
    scan.decide("b", delivered=True)
    scan.decide("b", delivered=True)
    assert scan.ends(1)
    assert scan.delivered == 2


def test_a_young_file_gets_no_mark() -> None:
    """A second change within the grain of the file system's clock might leave size and times as they are."""
    old, young = Signature(1, 1, 5_000_000_000), Signature(1, 1, 9_000_000_000)
    assert mark_of(old, 10_000, 2000) == old.mark
    assert mark_of(young, 10_000, 2000) == ""
    assert mark_of(None, 10_000, 2000) == ""


def test_names() -> None:
    """What never counts, what is refused, and how each is shown on one line."""
    assert [
        name for name in ("a.csv", ".a", "~$a.csv", "x.PART", "~snapshot", "$recycle.bin", "$a.csv") if unfinished(name)
    ] == [
        ".a",
        "~$a.csv",
        "x.PART",
        "~snapshot",
        "$recycle.bin",
    ]
    assert [name for name in ("a b.csv", "变更.csv", "a\nb", "a\x1b[31m", "a\u2028b") if not soundly_named(name)] == [
        "a\nb",
        "a\x1b[31m",
        "a\u2028b",
    ]
    assert shown("a\nb\x1b") == "a\\nb\\x1b"
    assert shown("变更.csv") == "变更.csv"


def test_what_the_core_gives_back() -> None:
    """The mark of what was taken in whole; none of what was refused or not understood; the newest place."""
    plant = Plant("site", "gw", {}, {"plm": Source("plm")})
    ledger = Ledger(State(), plant, AT, lambda: "id")
    memory = Recollection("plm", lambda: ledger)
    assert not memory.has_files
    good = EcnDraft("EC-1", None, "new word")
    ledger.apply(EcnNotice("plm", AT, "word.csv", "a" * 64, (good,), "m1"))
    ledger.apply(EcnNotice("plm", AT, "good.csv", "b" * 64, (), "m2"))
    ledger.apply(FileRejected("plm", AT, "bad.csv", "c" * 64, "broken"))
    ledger.apply(ScanDone("plm", AT, 2, "cifs on /mnt/plm"))
    assert (memory.has_files, Recollection("erp", lambda: ledger).has_files) == (True, False)
    assert [memory.mark(f"{name}.csv") for name in ("word", "good", "bad", "other")] == [None, "m2", None, None]
    ledger.apply(EcnNotice("plm", AT, "good.csv", "b" * 64, (), "m3"))  # touched: the same bytes, another mark
    assert memory.mark("good.csv") == "m3"
    ledger.apply(ScanDone("plm", AT, 0))
    assert memory.place == "cifs on /mnt/plm"


def test_how_far_a_first_scan_is_told() -> None:
    """In the status for people and machines, and in the line for the service manager."""
    ledger = Ledger(State(), Plant("site", "gw", {}, {"plm": Source("plm")}), AT, lambda: "id")
    scans = {"plm": (34_000, 100_000)}
    assert sources(ledger.books, scans)[0]["scanning"] == {"done": 34_000, "files": 100_000}
    assert sources(ledger.books)[0]["scanning"] is None
    assert summary(ledger.books, None, scans).endswith("first scan of plm: 34 000 of 100 000 files")
