"""ECNs in one file and their items in another: joined whichever comes first, and never left in silence."""

from __future__ import annotations

import hashlib

import pytest

from adapters.plm_folder.halves import Halves, Orphans
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.reading import read_file
from edge_bridge.domain.ecn import EcnDraft, Item, Status
from edge_bridge.domain.instant import MINUTE, Stamp
from edge_bridge.domain.signal import EcnNotice
from edge_bridge.options import read_options

TIMEOUT = 10 * MINUTE


def at(minutes: float) -> Stamp:
    """Return the moment this many minutes after the start."""
    now = int(minutes * MINUTE)
    return Stamp(1_700_000_000_000 + now, now, "boot", True)


def notice(file: str, *drafts: EcnDraft, minutes: float = 0, content: str = "") -> EcnNotice:
    digest = hashlib.sha256((content or file).encode()).hexdigest()
    return EcnNotice("plm", at(minutes), file, digest, drafts)


def header(number: str, status: Status = Status.RELEASED) -> EcnDraft:
    return EcnDraft(number, status, str(status), title="T")


def items(number: str, *parts: str) -> EcnDraft:
    return EcnDraft(number, None, items=tuple(Item(part, row=f"line {n}") for n, part in enumerate(parts, 2)))


def told(reports: list[EcnNotice]) -> list[tuple[str, list[tuple[str, str | None, int]]]]:
    return [(one.file, [(d.number, d.status, len(d.items)) for d in one.ecns]) for one in reports]


def test_the_header_first() -> None:
    """It waits; the items bring it out, with both files named."""
    halves = Halves("plm", TIMEOUT)
    assert halves.take(notice("H.csv", header("EC-1"))) == []
    assert halves.waiting == (("EC-1", "H.csv", True),)
    (joined,) = halves.take(notice("P.csv", items("EC-1", "EL-1", "EL-2"), minutes=3))
    assert told([joined]) == [("H.csv + P.csv", [("EC-1", "released", 2)])]
    assert joined.at == at(3)
    assert [item.row for item in joined.ecns[0].items] == ["P.csv: line 2", "P.csv: line 3"]
    assert joined.ecns[0].title == "T"
    assert halves.waiting == ()
    assert halves.overdue(at(60)) == []


def test_the_items_first() -> None:
    """The other way round gives the same, digest included: a restart may read them in any order."""
    first, second = Halves("plm", TIMEOUT), Halves("plm", TIMEOUT)
    head, parts = notice("H.csv", header("EC-1")), notice("P.csv", items("EC-1", "EL-1"))
    first.take(head)
    second.take(parts)
    assert first.take(parts) == second.take(head)


def test_an_ecn_without_items_goes_on_in_time() -> None:
    """Not before; then in doubt, so that it leads to no machine and says why; and it is still joined when the items come."""
    halves = Halves("plm", TIMEOUT)
    halves.take(notice("H.csv", header("EC-1")))
    assert halves.next_due == TIMEOUT
    assert halves.overdue(at(9.99)) == []
    (alone,) = halves.overdue(at(10))
    assert isinstance(alone, EcnNotice)
    assert told([alone]) == [("H.csv", [("EC-1", "released", 1)])]
    (missing,) = alone.ecns[0].items
    assert missing.part is None
    assert missing.doubt.startswith("its items are missing (`join` has waited 10m for them) → export its items")
    assert halves.overdue(at(20)) == []
    (joined,) = halves.take(notice("P.csv", items("EC-1", "EL-1"), minutes=30))
    assert told([joined]) == [("H.csv + P.csv", [("EC-1", "released", 1)])]


def test_items_without_an_ecn_are_refused_in_time() -> None:
    """With their numbers and the place; and they are still joined when the ECN comes."""
    halves = Halves("plm", TIMEOUT)
    halves.take(notice("P.csv", *(items(f"EC-{n}", "EL-1") for n in range(8))))
    (refused,) = halves.overdue(at(10))
    assert isinstance(refused, Orphans)
    assert refused.file == "P.csv"
    assert refused.refusal.where == "line 2"
    assert "EC-0, EC-1, EC-2, EC-3, EC-4 (+3)" in refused.refusal.reason
    assert "has waited 10m" in refused.refusal.reason
    (joined,) = halves.take(notice("H.csv", header("EC-7"), minutes=11))
    assert told([joined]) == [("H.csv + P.csv", [("EC-7", "released", 1)])]


def test_the_time_before_it_was_read_counts() -> None:
    """A file that lay there for seven minutes has three left; one from the future has no more than all of it."""
    halves = Halves("plm", TIMEOUT)
    halves.take(notice("H.csv", header("EC-1")), age=7 * MINUTE)
    halves.take(notice("N.csv", header("EC-2")), age=-7 * MINUTE)
    assert halves.overdue(at(2.9)) == []
    assert [one.file for one in halves.overdue(at(3))] == ["H.csv"]
    assert halves.overdue(at(9.9)) == []
    assert [one.file for one in halves.overdue(at(10))] == ["N.csv"]


def test_many_ecns_in_two_files_are_one_notice() -> None:
    """One for each pair of files."""
    halves = Halves("plm", TIMEOUT)
    halves.take(notice("H.csv", header("EC-1"), header("EC-2"), header("EC-3")))
    reports = halves.take(notice("P.csv", items("EC-1", "A"), items("EC-2", "B")))
    assert told(reports) == [("H.csv + P.csv", [("EC-1", "released", 1), ("EC-2", "released", 1)])]
    assert halves.waiting == (("EC-3", "H.csv", True),)


def test_a_changed_half_is_joined_anew() -> None:
    """New items of the same file, then a new header: each gives another digest, so that the core takes it in."""
    halves = Halves("plm", TIMEOUT)
    halves.take(notice("H.csv", header("EC-1")))
    (one,) = halves.take(notice("P.csv", items("EC-1", "A")))
    (two,) = halves.take(notice("P.csv", items("EC-1", "A", "B"), content="2"))
    (three,) = halves.take(notice("H.csv", header("EC-1", Status.CLOSED), content="3"))
    assert [len(report.ecns[0].items) for report in (one, two, three)] == [1, 2, 2]
    assert len({report.sha256 for report in (one, two, three)}) == 3
    assert three.ecns[0].status is Status.CLOSED


def test_a_withdrawal_does_not_wait() -> None:
    """What demands nothing needs no items; the items that wait for it are at peace."""
    halves = Halves("plm", TIMEOUT)
    assert told(halves.take(notice("W.csv", header("EC-1", Status.WITHDRAWN)))) == [
        ("W.csv", [("EC-1", "withdrawn", 0)])
    ]
    assert halves.waiting == ()
    (joined,) = halves.take(notice("P.csv", items("EC-1", "A")))
    assert joined.ecns[0].status is Status.WITHDRAWN


@pytest.mark.parametrize("items_first", [False, True])
def test_a_default_status_is_that_of_the_ecn(items_first: bool) -> None:
    """Where only released ECNs are exported, items do not become released ones of their own, without the ECN's dates."""
    given = {"adapter": "plm_folder", "path": ".", "join": {"timeout": "10m"}, "defaults": {"status": "released"}}
    options = read_options(PlmFolderOptions, given)
    head = notice("H.csv", *read_file(b"number,title,effective_from\nEC-1,T,2099-01-01\n", options))
    parts = notice("P.csv", *read_file(b"number,part,revision\nEC-1,EL-1,B\n", options))
    halves = Halves("plm", TIMEOUT)
    first, second = (parts, head) if items_first else (head, parts)
    assert halves.take(first) == []
    (joined,) = halves.take(second)
    assert told([joined]) == [("H.csv + P.csv", [("EC-1", "released", 1)])]
    assert joined.ecns[0].effective_from is not None
    assert halves.waiting == ()


def test_a_header_after_the_whole_ecn_keeps_its_items() -> None:
    """An export of everything, and later one of the status alone: the items are known, nothing waits."""
    halves = Halves("plm", TIMEOUT)
    whole = EcnDraft("EC-1", Status.RELEASED, "released", items=(Item("A", row="line 2"),))
    assert told(halves.take(notice("W.csv", whole))) == [("W.csv", [("EC-1", "released", 1)])]
    (closed,) = halves.take(notice("H.csv", header("EC-1", Status.CLOSED)))
    assert told([closed]) == [("H.csv + W.csv", [("EC-1", "closed", 1)])]
    (corrected,) = halves.take(notice("P.csv", items("EC-1", "A", "B")))
    assert told([corrected]) == [("H.csv + P.csv", [("EC-1", "closed", 2)])]


def test_a_whole_ecn_passes() -> None:
    """With its unknown status or its items, beside halves in the same file."""
    halves = Halves("plm", TIMEOUT)
    whole = EcnDraft("EC-1", Status.RELEASED, items=(Item("A"),))
    unknown = EcnDraft("EC-2", None, "im Umlauf")
    reports = halves.take(notice("M.csv", whole, unknown, header("EC-3")))
    assert told(reports) == [("M.csv", [("EC-1", "released", 1), ("EC-2", None, 0)])]
    assert [number for number, _, _ in halves.waiting] == ["EC-3"]


def test_the_end_of_the_first_scan_tells_what_is_alone() -> None:
    """Old orphans belong to the first scan, not ten minutes after it."""
    halves = Halves("plm", TIMEOUT)
    halves.take(notice("H.csv", header("EC-1")))
    halves.take(notice("P.csv", items("EC-2", "A")))
    assert [type(report) for report in halves.overdue(at(0), all_of_them=True)] == [EcnNotice, Orphans]
    assert halves.next_due is None


def test_memory_is_bounded() -> None:
    """The oldest pairs are forgotten; a header of one of them waits and is told, never lost."""
    halves = Halves("plm", TIMEOUT, most=50)
    for number in range(51):
        halves.take(notice("H.csv", header(f"EC-{number}")))
        halves.take(notice("P.csv", items(f"EC-{number}", "A")))
    assert halves.take(notice("P2.csv", items("EC-0", "B"))) == []
    assert halves.waiting == (("EC-0", "P2.csv", False),)
    assert len(halves.take(notice("P3.csv", items("EC-1", "B")))) == 1
