"""Evidence: what counts, what it belongs to, and what never makes green."""

from __future__ import annotations

import pytest

from edge_bridge.domain.event import EventType
from edge_bridge.domain.obligation import Verdict
from edge_bridge.domain.plant import Judge, Machine
from edge_bridge.domain.reading import Evidence, Fault, Mode, blank, without_empty
from edge_bridge.domain.version import Extractor, Match, Scheme, VersionRule
from tests.unit.domain_plant import Shop, digest, header, kinds, plant, variable


@pytest.mark.parametrize(("every", "fresh_for"), [(1000, 10), (3000, 10), (5000, 15), (60_000, 180)])
def test_a_reading_is_evidence_for_three_cycles_and_ten_seconds_at_least(every: int, fresh_for: int) -> None:
    """Older than max(3 × every, 10 s) it proves nothing, right or wrong."""
    for age, verdict in ((fresh_for, "compliant"), (fresh_for + 0.001, None)):
        shop = Shop(plant(Machine("m1", every=every)))
        shop.reads("2")
        shop.clock.move(round(age * 1000))
        shop.released("E1")
        assert (shop.verdicts() or [None]) == [verdict]


def test_silence_at_the_limit_is_never_green_nor_blame() -> None:
    """The last reading matched nothing and is old: unverifiable, because nobody knows."""
    shop = Shop()
    shop.reads("1")
    shop.released("E1")
    shop.waits(16 * 60, step=10)
    assert [v.split(":")[0] for v in shop.verdicts()] == ["unverifiable"]


@pytest.mark.parametrize("text", ["", "   ", "\0\0\0", " \0 ", None])
def test_an_empty_value_is_no_evidence(text: str | None) -> None:
    """A register full of zeros or blanks says nothing."""
    assert blank(text) is None
    assert without_empty([None, header(" "), header("2")]) == (header("2"),)


def test_a_value_that_does_not_fit_its_scheme_is_no_evidence_and_is_shown() -> None:
    """Under letters, `#REF!` is neither older nor newer: unverifiable, with the text that was read."""
    shop = Shop(plant(Machine("m1", rule=VersionRule(Scheme.LETTERS))))
    shop.released("E1", "B")
    shop.keeps_reading(16 * 60, "#REF!")
    assert shop.verdicts() == ["unverifiable:unfit"]
    told = shop.seen(EventType.OBLIGATION_VERDICT)[-1].data
    assert told["observed"] == "#REF!"
    assert told["evidence"]["machine"]["raw"] == "REV #REF!"
    assert shop.cards()[0].seen == "#REF!"


def test_the_next_extractor_answers_when_the_first_does_not_fit() -> None:
    """An ordered list of extractors: the first that gives a usable value counts, and is named."""
    shop = Shop(plant(Machine("m1", rule=VersionRule(Scheme.NUMERIC))))
    shop.reads(evidence=(header("draft"), header("2")))
    shop.released("E1")
    assert shop.verdicts() == ["compliant"]


def test_a_variable_left_over_from_the_previous_program_never_makes_green() -> None:
    """P2 ran with 2; P1 is selected, the variable still says 2: it says nothing about P1, however long it stands."""
    shop = Shop()
    shop.keeps_reading(60, program="P2", evidence=(variable("2"),), running=True)
    shop.released("E1", "2", program="P1")
    shop.keeps_reading(16 * 60, program="P1", evidence=(variable("2"),))
    assert shop.verdicts() == ["unverifiable:unbound"]


def test_a_variable_counts_when_it_changed_while_the_program_was_selected() -> None:
    """Loading writes it: from then on it belongs to the program."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(10, evidence=(variable("1"),))
    shop.keeps_reading(5, evidence=(variable("2"),))
    assert shop.verdicts() == ["compliant"]


def test_a_variable_counts_when_the_program_has_run() -> None:
    """The program writes its own version: not at the first sight of running, but from the next reading on."""
    shop = Shop()
    shop.keeps_reading(5, program="P2", evidence=(variable("2"),), running=True)
    shop.released("E1", "2", program="P1")
    shop.keeps_reading(5, evidence=(variable("2"),), running=True)
    assert shop.verdicts() == []
    shop.keeps_reading(5, evidence=(variable("2"),), running=True)
    assert shop.verdicts() == ["compliant"]


def test_selecting_another_program_forgets_what_belonged_together() -> None:
    """P1 ran; P2 came and wrote 2; back at P1 the 2 is P2's."""
    shop = Shop()
    shop.keeps_reading(30, evidence=(variable("1"),), running=True)
    shop.keeps_reading(30, program="P2", evidence=(variable("2"),), running=True)
    shop.released("E1", "2", program="P1")
    shop.keeps_reading(300, evidence=(variable("2"),))
    assert shop.verdicts() == []


def test_a_change_across_a_gap_proves_nothing() -> None:
    """While nobody looked, another program may have come, written and gone."""
    shop = Shop()
    shop.keeps_reading(30, evidence=(variable("1"),), running=True)
    shop.keeps_reading(30, evidence=(variable("1"),))
    shop.released("E1", "2")
    shop.waits(120, step=5)
    shop.keeps_reading(60, evidence=(variable("2"),))
    assert shop.verdicts() == []


def test_a_gap_on_a_clock_that_went_back_is_still_a_gap() -> None:
    """After a reboot to 1970, a reading of 2026 is not a moment ago."""
    shop = Shop()
    shop.keeps_reading(30, evidence=(variable("1"),), running=True)
    shop.keeps_reading(30, evidence=(variable("1"),))
    shop.released("E1", "2")
    shop.clock.step_wall(-shop.clock.utc + 1000)
    shop.clock.synced = False
    shop.restart(off=60, reboot=True)
    shop.keeps_reading(60, evidence=(variable("2"),))
    assert shop.verdicts() == []


@pytest.mark.parametrize("reboot", [False, True])
def test_what_belongs_together_is_remembered_across_a_restart(reboot: bool) -> None:
    """It ran before the restart: its variable still counts after it."""
    shop = Shop()
    shop.keeps_reading(30, evidence=(variable("2"),), running=True)
    shop.keeps_reading(5, evidence=(variable("2"),))
    shop.restart(off=60, reboot=reboot)
    shop.keeps_reading(5, evidence=(variable("2"),))
    shop.released("E1")
    assert shop.verdicts() == ["compliant"]


def test_bound_always_says_that_the_control_writes_it() -> None:
    """A register that the PLC writes on loading counts at once."""
    shop = Shop()
    shop.reads(evidence=(variable("2", bound=True),))
    shop.released("E1")
    assert shop.verdicts() == ["compliant"]


def test_evidence_of_one_program_is_not_evidence_of_another() -> None:
    """A header of P2 in a reading of P1 says nothing about P1."""
    shop = Shop()
    shop.reads(program="P1", evidence=(header("2", "P2"),))
    shop.released("E1", program="P1")
    assert shop.verdicts() == []


def test_one_program_has_many_spellings() -> None:
    """Path, case and the control's decoration are the same program."""
    shop = Shop()
    shop.reads("2", program="/_N_WKS_DIR/_N_JOB_WPD/_N_P1_MPF")
    shop.released("E1", program="//NC/MPF.DIR/p1.mpf")
    assert shop.verdicts() == ["compliant"]


def test_exact_names_are_left_as_the_machine_writes_them() -> None:
    """Where case matters, `p1` is not `P1`."""
    shop = Shop(plant(Machine("m1", exact_names=True)))
    shop.reads("2", program="p1")
    shop.released("E1", program="P1")
    assert shop.verdicts() == []


@pytest.mark.parametrize(
    ("judge", "judged"),
    [
        (Judge.MAIN, {"WRAP"}),
        (Judge.ACTIVE, {"SUB"}),
        (Judge.ANY_IN_STACK, {"WRAP", "PART", "SUB"}),
        (Judge.CALLED_BY_MAIN, {"WRAP", "PART"}),
    ],
)
def test_which_program_is_judged_is_set_per_machine(judge: Judge, judged: set[str]) -> None:
    """A wrapper calls the part program, which calls a subprogram."""
    shop = Shop(plant(Machine("m1", judge=judge)))
    for program in ("WRAP", "PART", "SUB"):
        shop.released(f"E-{program}", program=program)
    proof = tuple(header("2", program) for program in ("WRAP", "PART", "SUB"))
    shop.reads(program="WRAP", stack=("PART",), called=("PART",), active_program="SUB", evidence=proof)
    assert {o.ecn for o in shop.ledger.books.state.obligation.values()} == {
        f"E-{program}" for program in {"WRAP", "PART", "SUB"} - judged
    }


@pytest.mark.parametrize("judge", list(Judge))
def test_a_subprogram_call_raises_nothing(judge: Judge) -> None:
    """The right main program calls subprograms that no ECN names, again and again."""
    shop = Shop(plant(Machine("m1", judge=judge)))
    shop.released("E1", program="WRAP")
    for _ in range(20):
        for active in ("WRAP", "L100", "L200"):
            shop.keeps_reading(
                2,
                program="WRAP",
                active_program=active,
                stack=("WRAP",),
                called=("PART",),
                evidence=(header("2", "WRAP"),),
                running=True,
            )
    assert shop.verdicts() == ["compliant"]
    assert shop.cards() == []
    changes = len(shop.seen(EventType.PROGRAM_CHANGED))
    assert changes == 1 if judge in (Judge.MAIN, Judge.CALLED_BY_MAIN) else changes > 1


WRAPPER = Machine("m1", judge=Judge.CALLED_BY_MAIN)


def test_a_wrapper_is_judged_by_the_program_that_its_text_calls() -> None:
    """The pallet program stays the same for weeks; what it calls is what changes."""
    shop = Shop(plant(WRAPPER))
    shop.released("E1", program="PART")
    path = "/_N_WKS_DIR/_N_X_WPD/_N_PART_MPF"
    shop.reads(program="PALLET4", called=(path,), evidence=(header("2", path),))
    assert shop.verdicts() == ["compliant"]


def test_a_main_program_whose_text_cannot_be_read_is_never_another_program() -> None:
    """Not knowing what it calls is not knowing: no `not_loaded`, which would raise no card."""
    shop = Shop(plant(WRAPPER))
    shop.released("E1", program="PART")
    shop.keeps_reading(16 * 60, program="PALLET4", called=None, faults=(Fault("called", "BadUserAccessDenied"),))
    assert shop.verdicts() == ["unverifiable:unreadable"]


@pytest.mark.parametrize(("active", "verdicts"), [("PART1", ["compliant"]), ("PART2", []), ("L100", []), (None, [])])
def test_of_two_called_programs_a_variable_belongs_to_the_one_being_executed(
    active: str | None, verdicts: list[str]
) -> None:
    """Whatever the other one wrote is no evidence: it would make green what nobody saw."""
    shop = Shop(plant(WRAPPER))
    shop.released("E1", program="PART1")
    for value in ("1", "2", "2"):
        said = (variable(value),)
        shop.reads(program="WRAP", called=("PART1", "PART2"), active_program=active, evidence=said, running=True)
    assert shop.verdicts() == verdicts


def test_a_required_digest_may_be_of_the_bytes_or_of_the_normalised_text() -> None:
    """PLMs know the file as it lies; controls rewrite its first lines."""
    text, raw = "a" * 64, "b" * 64
    for required, verdicts in ((text, ["compliant"]), (raw, ["compliant"]), ("c" * 64, [])):
        shop = Shop()
        found = Evidence(Extractor.DIGEST, text, raw, "file", program="P1")
        shop.released("E1", sha256=required)
        shop.reads(evidence=(header("2"), found))
        assert shop.verdicts() == verdicts


def test_a_machine_without_mode_runs_when_its_execution_says_so() -> None:
    """A field that is not configured is not required, and the evidence says that it is not known."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60, "1", running=True, mode=None)
    assert shop.seen(EventType.OBLIGATION_VERDICT)[-1].data["evidence"]["machine"]["mode_known"] is False
    assert "outdated_program_running" in [c.kind for c in shop.cards()]


@pytest.mark.parametrize(
    "proving", [{"mode": Mode.MDI}, {"mode": Mode.MANUAL}, {"mode": Mode.AUTOMATIC, "test": True}, {"test": True}]
)
def test_proving_a_program_is_not_production(proving: dict[str, object]) -> None:
    """Test run, dry run, MDI: no outdated run, no critical card."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60, "1", running=True, **proving)  # type: ignore[arg-type]
    assert [c.kind for c in shop.cards()] == ["overdue"]
    assert shop.seen(EventType.PROGRAM_OUTDATED_RUN) == []


def test_an_unreadable_program_name_clears_nothing() -> None:
    """For a moment the program's name cannot be read: what was shown about it stays shown."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60, evidence=())
    assert [c.kind for c in shop.cards()] == ["cannot_verify"]
    fault = (Fault("main_program", "BadTimeout"),)
    assert "card.cleared" not in [str(e.type) for e in shop.keeps_reading(60, program=None, faults=fault)]
    assert shop.cards()[0].active


def test_the_same_reading_again_hides_no_duty() -> None:
    """An identical reading is cheap, but a requirement that changed since is judged against it at once."""
    shop = Shop()
    shop.keeps_reading(60, "1", running=True)
    told = shop.released("E1", "1")
    assert "obligation.closed" in [str(e.type) for e in told]
    told = shop.released("E2", "2")
    assert "program.outdated_run" in [str(e.type) for e in told]
    told = shop.keeps_reading(15 * 60, "1", running=True)
    assert kinds(told) == ["overdue", "outdated_program_running"]


@pytest.mark.parametrize(
    ("scheme", "match", "required", "seen", "verdict"),
    [
        (Scheme.NUMERIC, Match.AT_LEAST, "2.9", "2.10", Verdict.PENDING),  # newer than the newest released: ahead
        (Scheme.NUMERIC, Match.AT_LEAST, "1", "01", Verdict.COMPLIANT),
        (Scheme.EXACT, Match.AT_LEAST, "1", "01", Verdict.PENDING),
        (Scheme.EXACT, Match.AT_LEAST, "b", "REV B", Verdict.COMPLIANT),
        (Scheme.EXACT, Match.AT_LEAST, "版本 2", "V2", Verdict.COMPLIANT),
        (Scheme.LETTERS, Match.AT_LEAST, "Z", "AA", Verdict.PENDING),
        (Scheme.LETTERS, Match.AT_LEAST, "B", "A", Verdict.PENDING),
    ],
)
def test_versions_are_compared_by_their_scheme(
    scheme: Scheme, match: Match, required: str, seen: str, verdict: Verdict
) -> None:
    """Normalised first, ordered only where the scheme has an order."""
    shop = Shop(plant(Machine("m1", rule=VersionRule(scheme, match))))
    shop.reads(seen)
    shop.released("E1", required)
    assert (shop.verdicts() or ["pending"]) == [verdict]


@pytest.mark.parametrize(("match", "told"), [(Match.AT_LEAST, ["compliant"]), (Match.EXACT, [])])
def test_newer_is_accepted_up_to_the_newest_released(match: Match, told: list[str]) -> None:
    """Version 3 is released for m2; m1 needs 2 and shows 3: required ≤ seen ≤ newest, unless only equal counts."""
    rule = VersionRule(Scheme.NUMERIC, match)
    shop = Shop(plant(Machine("m1", rule=rule), Machine("m2", rule=rule)))
    shop.released("E2", "3", machines=("m2",))
    shop.reads("3")
    shop.released("E1", "2")
    assert shop.verdicts("E1") == told


def test_a_digest_alone_is_no_version() -> None:
    """Where a version is required, a digest does not stand for it."""
    shop = Shop()
    shop.reads(evidence=(digest("2"),))
    shop.released("E1", "2")
    assert shop.verdicts() == []
    assert digest("2").extractor is Extractor.DIGEST
