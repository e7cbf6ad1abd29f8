"""Programs on a share: a stage that was reached and the meaning of a digest, never evidence of what a machine runs."""

from __future__ import annotations

from edge_bridge.domain.card import Kind
from edge_bridge.domain.event import Event, EventType
from edge_bridge.domain.instant import MINUTE
from edge_bridge.domain.plant import Machine, Share
from edge_bridge.domain.reading import Evidence
from edge_bridge.domain.signal import ProgramFound, ProgramGone, ScanDone
from edge_bridge.domain.version import Extractor, Scheme, VersionRule
from tests.unit.domain_plant import Shop, digest, header, plant

LETTERS = VersionRule(Scheme.LETTERS)
SHARE = Share("dnc")


def shop(*machines: Machine | str, share: Share = SHARE) -> Shop:
    """Return a shop with one program share."""
    return Shop(plant(*(machines or (Machine("m1", rule=LETTERS),)), shares={share.id: share}))


def lies(here: Shop, version: str, *, program: str = "P1", content: str | None = None, file: str = "") -> list[Event]:
    """Let a program be found on the share."""
    proof = (Evidence(Extractor.NAME, version, f"P1_{version}", "name", program=program),)
    found = ProgramFound("dnc", here.now, file or f"{program}_{version}.MPF", program, proof, content)
    return here.told(found)


def test_the_stage_is_the_moment_at_which_the_program_came_to_lie_there() -> None:
    """Released at once, programmed six minutes later, loaded another four later: the event tells all three."""
    here = shop()
    here.released("E1", "B")
    released = here.now.utc
    here.keeps_reading(6 * 60, "A")
    lies(here, "B")
    there = here.now.utc
    here.keeps_reading(4 * 60, "A")
    here.reads("B")
    told = here.seen(EventType.OBLIGATION_CLOSED)[-1].data["stages"]
    assert list(told) == ["released", "available", "loaded"]
    assert here.closed_obligation("E1").stages == {
        "released": released,
        "available": there,
        "loaded": there + 4 * MINUTE,
    }


def test_a_program_that_was_ready_before_its_release_is_available_from_then_on() -> None:
    """Programmers work ahead: the stage keeps the true time."""
    here = shop()
    lies(here, "B")
    there = here.now.utc
    here.keeps_reading(60, "A")
    here.released("E1", "B")
    assert here.obligation().stages["available"] == there


def test_another_version_or_program_is_not_available() -> None:
    """Only what is demanded counts; a name that merely looks alike does not."""
    here = shop()
    here.released("E1", "B")
    lies(here, "A")
    lies(here, "B", program="P10")
    assert "available" not in here.obligation().stages


def test_a_required_digest_must_lie_there() -> None:
    """Of the normalised text or of the bytes, as the PLM has it; the version alone does not do."""
    here = shop()
    here.released("E1", "B", sha256="d" * 64)
    lies(here, "B", content="e" * 64)
    assert "available" not in here.obligation().stages
    lies(here, "B", content="d" * 64)
    assert "available" in here.obligation().stages


def test_a_share_serves_the_machines_it_names() -> None:
    """Two cells, two folders."""
    here = shop("m1", "m2", share=Share("dnc", machines=("m2",)))
    here.released("E1", "B", machines=("m1", "m2"))
    lies(here, "B")
    stages = {o.machine: "available" in o.stages for o in here.ledger.books.state.obligation.values()}
    assert stages == {"m1": False, "m2": True}


def test_what_lies_on_a_share_is_no_evidence() -> None:
    """Nothing is compliant without an observation of the machine."""
    here = shop()
    here.released("E1", "B")
    lies(here, "B", content="d" * 64)
    here.waits(16 * 60, step=10)
    assert here.verdicts() == ["unverifiable:unreachable"]


def test_a_digest_has_the_version_under_which_its_content_lies_there() -> None:
    """The control shows the text and nothing says the version: the share knows the content."""
    here = shop()
    lies(here, "A", content="a" * 64)
    lies(here, "B", content="b" * 64)
    here.released("E1", "B")
    here.reads(evidence=(digest("a" * 64),))
    assert (here.verdicts(), here.requirement().seen) == ([], "A")
    here.reads(evidence=(digest("b" * 64),))
    assert here.verdicts() == ["compliant"]
    told = here.seen(EventType.OBLIGATION_VERDICT)[-1].data
    assert (told["observed"], told["evidence"]["machine"]["extractor"]) == ("B", "digest")
    assert told["evidence"]["machine"]["raw"] == "b" * 64


def test_one_content_under_two_versions_says_neither() -> None:
    """Somebody copied C to D: the content cannot tell them apart."""
    here = shop()
    lies(here, "B", content="b" * 64)
    lies(here, "C", content="b" * 64)
    here.released("E1", "B")
    here.keeps_reading(16 * 60, evidence=(digest("b" * 64),))
    assert here.verdicts() == ["unverifiable:no_extractor"]


def test_an_unknown_content_says_no_version() -> None:
    """A digest that lies nowhere is not another version: nobody knows."""
    here = shop()
    lies(here, "B", content="b" * 64)
    here.released("E1", "B")
    here.keeps_reading(16 * 60, evidence=(digest("f" * 64),))
    assert here.verdicts() == ["unverifiable:no_extractor"]


def test_a_program_edited_at_the_machine_is_shown_though_its_version_is_right() -> None:
    """Header B, content of no B on the share: one card, gone when the released content is there again."""
    here = shop()
    lies(here, "B", content="b" * 64)
    here.released("E1", "B")
    here.keeps_reading(60, evidence=(header("B"), digest("b" * 64)))
    assert here.cards() == []
    here.keeps_reading(60, evidence=(header("B"), digest("f" * 64)))
    assert here.card(Kind.EDITED_ON_MACHINE).active
    assert here.card(Kind.EDITED_ON_MACHINE).revision == 1
    here.keeps_reading(60, evidence=(header("B"), digest("b" * 64)))
    assert not here.card(Kind.EDITED_ON_MACHINE).active


def test_a_digest_of_bytes_alone_shows_no_edit() -> None:
    """A signature is that of the bytes, which a transfer changes: it differs from the text's without anybody's doing."""
    here = shop()
    lies(here, "B", content="b" * 64)
    here.released("E1", "B")
    signature = Evidence(Extractor.DIGEST, "c" * 64, "c" * 64, "asset F1", program="P1")
    here.reads(evidence=(header("B"), signature))
    assert here.verdicts() == ["compliant"]
    assert here.cards(Kind.EDITED_ON_MACHINE) == []


def test_a_newer_accepted_version_is_compared_with_its_own_content() -> None:
    """C is released for another machine and accepted here: its content is not held against B's."""
    here = shop(Machine("m1", rule=LETTERS), Machine("m2", rule=LETTERS))
    lies(here, "B", content="b" * 64)
    lies(here, "C", content="c" * 64)
    here.released("E1", "B")
    here.released("E2", "C", machines=("m2",))
    here.reads(evidence=(header("C"), digest("c" * 64)))
    assert here.verdicts("E1") == ["compliant"]
    assert here.cards(Kind.EDITED_ON_MACHINE) == []


def test_what_went_while_nobody_looked_is_forgotten_when_the_share_was_read_whole() -> None:
    """A restart in between: what is not seen again until the scan is done is not there."""
    here = shop()
    lies(here, "A", content="a" * 64)
    lies(here, "B", content="b" * 64)
    here.restart()
    assert len(here.ledger.books.state.available) == 2
    here.source_back("dnc")
    lies(here, "B", content="b" * 64)
    here.send(ScanDone("dnc", here.now))
    assert [row.file for row in here.ledger.books.state.available.values()] == ["P1_B.MPF"]
    here.send(ProgramGone("dnc", here.now, "P1_B.MPF"))
    assert not here.ledger.books.state.available


def test_a_lost_share_keeps_what_it_held_and_raises_one_card() -> None:
    """Silence is not deletion."""
    here = shop()
    lies(here, "B")
    here.loses("dnc", "the share cannot be read")
    here.loses("dnc", "the share cannot be read")
    assert here.card(Kind.SOURCE_LOST).origin == "dnc"
    here.released("E1", "B")
    assert "available" in here.obligation().stages
    here.source_back("dnc")
    assert not here.card(Kind.SOURCE_LOST).active


def test_its_first_scan_is_no_baseline() -> None:
    """A share holds no ECNs."""
    here = shop()
    here.send(ScanDone("dnc", here.now, 5))
    assert [e.origin for e in here.seen(EventType.BASELINE_TAKEN)] == ["plm"]


def test_a_share_that_is_not_configured_any_more_is_forgotten() -> None:
    """Its programs are available no longer."""
    here = shop()
    lies(here, "B")
    here.configured(plant(Machine("m1", rule=LETTERS)))
    assert not here.ledger.books.state.available
    lies(here, "B")  # its last word
    here.released("E1", "B")
    assert "available" not in here.obligation().stages
