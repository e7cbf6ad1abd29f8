"""The demo as data: who is in the plant, what happens in which order, and exactly which facts the platform must receive.

Every `Expect` is two things at once: what the demo waits for at that point, and what is compared at the end with
everything that arrived. Nothing else may arrive.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_bridge.demo.acts import (
    Acknowledge,
    BrokerAway,
    BrokerBack,
    Drop,
    Expect,
    Fact,
    Recorded,
    Say,
    Show,
    Step,
    Tell,
)

SITE, GATEWAY, SOURCE = "demo-plant", "edge-01", "plm"
MILL, LATHE = "dmu50-01", "lathe-07"
NAMES = {MILL: "DMU 50", LATHE: "Lathe 7"}
MILL_PROGRAM, LATHE_PROGRAM = "EL-100_OP10.MPF", "4711"
THREE_PARTIES = ("design_supervisor", "cell_leader", "it_operations")
ON_THE_FLOOR = ("cell_leader", "it_operations")


def _received(ecn: str) -> Fact:
    return Fact(SOURCE, "ecn.received", (ecn, "released"))


def _opened(machine: str, ecn: str, program: str, required: str, old: str) -> tuple[Fact, ...]:
    """A released change reaches a machine that runs the old version."""
    return (
        Fact(machine, "obligation.opened", (ecn, program, required, "pending")),
        Fact(machine, "program.outdated_run", (ecn, program, old, required)),
    )


def _judged(machine: str, ecn: str, program: str, seen: str, verdict: str) -> Fact:
    return Fact(machine, "obligation.verdict", (ecn, program, seen, verdict))


def _closed(machine: str, ecn: str, verdict: str) -> Fact:
    return Fact(machine, "obligation.closed", (ecn, verdict))


def _program(machine: str, program: str, version: str, execution: str) -> Fact:
    return Fact(machine, "program.changed", (program, version, execution))


def _updated(machine: str, ecn: str, program: str, version: str, verdict: str) -> tuple[Fact, ...]:
    """The new version is loaded, and the machine goes on with it."""
    return (
        _program(machine, program, version, "stopped"),
        _judged(machine, ecn, program, version, verdict),
        _closed(machine, ecn, verdict),
        _program(machine, program, version, "running"),
    )


def _update(machine: str, program: str, version: str) -> tuple[Tell, ...]:
    return (
        Tell(machine, f"load {program} {version}", (version, "stopped")),
        Tell(machine, "run", (version, "running")),
    )


def _start(machine: str, program: str) -> tuple[Fact, ...]:
    return Fact(machine, "machine.reachable"), _program(machine, program, "B", "running")


ENGLISH = "ECN,Status,Released,Part,Drawing,Revision,Program,Version,Machines,Category,Designer\n"
CHINESE = "变更单号,状态,发布时间,零件号,图号,版本,变更类型,设计员\n"
_CARD = "card.raised"

STEPS = (
    Step(
        "start",
        (
            Expect(
                (
                    Fact("gateway", "config.applied"),
                    Fact(SOURCE, "baseline.taken", (0, 0)),
                    *_start(MILL, MILL_PROGRAM),
                    *_start(LATHE, LATHE_PROGRAM),
                )
            ),
        ),
    ),
    Step(
        "released",
        (
            Drop(
                "ECN-1041.csv",
                ENGLISH
                + f"ECN-1041,Released,{{now}},EL-100,D-100,C,{MILL_PROGRAM},C,{MILL},Wall thickness,Li\n"
                + f"ECN-1041,Released,{{now}},SH-200,D-200,C,{LATHE_PROGRAM},C,{LATHE},Wall thickness,Li\n",
            ),
            Expect(
                (
                    _received("ECN-1041"),
                    *_opened(MILL, "ECN-1041", MILL_PROGRAM, "C", "B"),
                    *_opened(LATHE, "ECN-1041", LATHE_PROGRAM, "C", "B"),
                )
            ),
            *_update(MILL, MILL_PROGRAM, "C"),
            Expect(_updated(MILL, "ECN-1041", MILL_PROGRAM, "C", "compliant")),
        ),
    ),
    Step(
        "overdue",
        (
            Say("silence"),
            Expect(
                (
                    _judged(LATHE, "ECN-1041", LATHE_PROGRAM, "B", "violated"),
                    Fact(LATHE, _CARD, ("overdue", "high", THREE_PARTIES)),
                    Fact(LATHE, _CARD, ("outdated_program_running", "critical", ON_THE_FLOOR)),
                )
            ),
            Acknowledge(LATHE, "outdated_program_running", "cell_leader", "stopping"),
            Acknowledge(LATHE, "overdue", "cell_leader", "loading"),
            Expect(
                (
                    Fact(LATHE, "card.acknowledged", ("outdated_program_running", ("cell_leader",))),
                    Fact(LATHE, "card.acknowledged", ("overdue", ("cell_leader",))),
                )
            ),
            *_update(LATHE, LATHE_PROGRAM, "C"),
            Expect(
                (
                    *_updated(LATHE, "ECN-1041", LATHE_PROGRAM, "C", "late"),
                    *(
                        Fact(LATHE, f"card.{end}", (kind,))
                        for kind in ("outdated_program_running", "overdue")
                        for end in ("cleared", "closed")
                    ),
                )
            ),
        ),
    ),
    Step(
        "chinese",
        (
            Drop("变更单-1042.csv", CHINESE + "ECN-1042,已发布,{now},EL-100,D-100,D,设计优化,李工\n", "gbk"),
            Expect((_received("ECN-1042"), *_opened(MILL, "ECN-1042", MILL_PROGRAM, "D", "C"))),
            *_update(MILL, MILL_PROGRAM, "D"),
            Expect(_updated(MILL, "ECN-1042", MILL_PROGRAM, "D", "compliant")),
        ),
    ),
    Step(
        "broken",
        (
            Drop("ECN-1043.csv", ENGLISH + "ECN-1043,Released,{now},EL-100,D-1\nECN-1043,Rel\x00\x00ased,\x00"),
            Drop(
                "ECN-1044.csv",
                ENGLISH + f"ECN-1044,Released,{{now}},SH-200,D-200,D,{LATHE_PROGRAM},D,{LATHE},Clearance,Zhao\n",
            ),
            Expect((_received("ECN-1044"), *_opened(LATHE, "ECN-1044", LATHE_PROGRAM, "D", "C"))),
            *_update(LATHE, LATHE_PROGRAM, "D"),
            Expect(_updated(LATHE, "ECN-1044", LATHE_PROGRAM, "D", "compliant")),
            Expect(
                (
                    Fact(SOURCE, "ecn.rejected", ("ECN-1043.csv",)),
                    Fact(SOURCE, _CARD, ("ecn_rejected", "medium", ("it_operations",))),
                    Fact(SOURCE, "card.cleared", ("ecn_rejected",)),
                )
            ),
            Show(),
            Acknowledge(SOURCE, "ecn_rejected", "it_operations", "export"),
            Expect(
                (
                    Fact(SOURCE, "card.acknowledged", ("ecn_rejected", ("it_operations",))),
                    Fact(SOURCE, "card.closed", ("ecn_rejected",)),
                )
            ),
        ),
    ),
    Step(
        "outage",
        (
            BrokerAway(),
            Drop(
                "ECN-1045.csv",
                ENGLISH
                + f"ECN-1045,Released,{{now}},EL-100,D-100,E,{MILL_PROGRAM},E,{MILL},Radius,Li\n"
                + f"ECN-1045,Released,{{now}},SH-200,D-200,E,{LATHE_PROGRAM},E,{LATHE},Radius,Li\n",
            ),
            Recorded(waiting=5),
            *_update(MILL, MILL_PROGRAM, "E"),
            *_update(LATHE, LATHE_PROGRAM, "E"),
            Recorded(waiting=13),
            BrokerBack(),
            Expect(
                (
                    _received("ECN-1045"),
                    *_opened(MILL, "ECN-1045", MILL_PROGRAM, "E", "D"),
                    *_opened(LATHE, "ECN-1045", LATHE_PROGRAM, "E", "D"),
                    *_updated(MILL, "ECN-1045", MILL_PROGRAM, "E", "compliant"),
                    *_updated(LATHE, "ECN-1045", LATHE_PROGRAM, "E", "compliant"),
                )
            ),
            Say("arrived"),
        ),
    ),
)


def demanded(steps: tuple[Step, ...] = STEPS) -> Iterator[Fact]:
    """Yield every fact that the scenario demands, in its order."""
    for step in steps:
        for act in step.acts:
            if isinstance(act, Expect):
                yield from act.facts
