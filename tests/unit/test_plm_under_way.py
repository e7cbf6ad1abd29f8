"""Files that are being parsed: their order, what is overtaken, and what then counts; how far a first scan is."""

from __future__ import annotations

import asyncio

from adapters.plm_folder.first_scan import FirstScan, Progress
from adapters.plm_folder.folder import Held, Signature
from adapters.plm_folder.known import mark_of
from adapters.plm_folder.names import shown, soundly_named, unfinished
from adapters.plm_folder.under_way import MOST_BYTES, MOST_FILES, MOST_SLOW, Job, UnderWay
from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.domain.instant import MINUTE, Stamp
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.plant import Plant, Source
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.domain.state import State
from edge_bridge.health import sources, summary
from edge_bridge.recall import Recollection
from tests.waiting import until

AT = Stamp(1_777_600_800_000, MINUTE, "boot")


class Desk:
    """Files whose parsing the test ends."""

    def __init__(self) -> None:
        self.under_way = UnderWay(lambda: None)
        self.ends: dict[str, asyncio.Event] = {}
        self.jobs: dict[str, Job] = {}
        self.late: dict[str, object] = {}

    def begin(self, name: str, size: int = 1, *, slow: bool = False) -> None:
        """Begin a file; a slow one is overtaken at once."""
        job = self.jobs[name] = Job(name, Held(b"x" * size, Signature(size, 1)), name, AT, final=False)
        ended = self.ends[name] = asyncio.Event()

        async def parse() -> tuple[EcnDraft, ...]:
            await ended.wait()
            return ()

        def parsing(overtaken: object) -> object:
            self.late[name] = overtaken
            return parse()

        self.under_way.begin(job, parsing)  # type: ignore[arg-type]
        if slow:
            self.late[name]()  # type: ignore[operator]

    async def end(self, name: str) -> None:
        """End the parsing of a file."""
        self.ends[name].set()
        await until(lambda: self.jobs[name].done)

    def next_done(self) -> str | None:
        """Return the name of the job that is to be dealt with."""
        job = self.under_way.next_done()
        return job.name if job else None


async def test_files_come_out_in_order_and_a_slow_one_when_it_can() -> None:
    """What is done waits for what went before it, except for one that was overtaken."""
    desk = Desk()
    for name in ("a", "b", "c"):
        desk.begin(name)
    await desk.end("b")
    assert desk.next_done() is None
    desk.late["a"]()  # type: ignore[operator]
    assert desk.next_done() == "b"
    desk.under_way.end(desk.jobs["b"])
    await desk.end("a")
    assert desk.next_done() == "a"
    desk.under_way.close()
    assert len(desk.under_way) == 0
    assert "c" not in desk.under_way


async def test_what_a_later_file_states_is_not_undone_by_a_slow_one() -> None:
    """Numbers of files behind it are kept for the slow file; those of files before it are not."""
    desk = Desk()
    for name in ("before", "slow", "behind"):
        desk.begin(name)
    desk.late["slow"]()  # type: ignore[operator]
    desk.under_way.told(desk.jobs["before"], ["EC-1"])
    desk.under_way.told(desk.jobs["behind"], ["EC-2"])
    assert desk.jobs["slow"].newer == {"EC-2"}
    desk.under_way.close()


async def test_how_much_is_under_way_is_bounded() -> None:
    """Files, their bytes, and slow ones: beyond the bounds nothing more is read."""
    desk = Desk()
    for number in range(MOST_FILES):
        assert desk.under_way.has_room
        desk.begin(str(number))
    assert not desk.under_way.has_room
    desk.under_way.close()
    desk.begin("large", MOST_BYTES)
    assert not desk.under_way.has_room
    desk.late["large"]()  # type: ignore[operator]
    assert desk.under_way.has_room
    for number in range(MOST_SLOW - 1):
        desk.begin(f"slow {number}", slow=True)
    assert not desk.under_way.has_room
    desk.under_way.close()


def test_the_progress_of_a_first_scan() -> None:
    """What the core holds counts as dealt with; when it is through there is none."""
    scan = FirstScan(["a", "b"], 0, held=3)
    assert scan.progress == Progress(3, 5)
    scan.decide("a", delivered=True)
    assert scan.progress == Progress(4, 5)
    scan.decide("b", delivered=False)
    assert scan.ends(1)
    assert scan.progress is None


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
    good = EcnDraft("EC-1", None, "new word")
    ledger.apply(EcnNotice("plm", AT, "word.csv", "a" * 64, (good,), "m1"))
    ledger.apply(EcnNotice("plm", AT, "good.csv", "b" * 64, (), "m2"))
    ledger.apply(FileRejected("plm", AT, "bad.csv", "c" * 64, "broken"))
    ledger.apply(ScanDone("plm", AT, 2, "cifs on /mnt/plm"))
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
