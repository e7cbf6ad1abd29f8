"""One demand for all machines that an item asks the same of; another one where a machine names or compares otherwise."""

from __future__ import annotations

from dataclasses import replace

from edge_bridge.domain.ecn import EcnDraft, Item, Status
from edge_bridge.domain.plant import Machine, Plant, Route
from edge_bridge.domain.routing import machine_of, register_key, route
from edge_bridge.domain.version import Scheme, VersionRule

ITEMS = (Item(part="P1", revision="B"), Item(part="P2", revision="C"))
RULE = Route({"part": "P*"}, ("m1", "m2", "m3", "m4"), ("{part}.MPF",), "{revision}")


def test_machines_that_compare_alike_share_a_demand() -> None:
    """A rule for twenty machines makes one demand of each item, not twenty."""
    machines = {
        "m1": Machine("m1"),
        "m2": Machine("m2", rule=VersionRule()),
        "m3": Machine("m3", rule=VersionRule(Scheme.NUMERIC)),
        "m4": Machine("m4", exact_names=True),
    }
    demands, unrouted = route(EcnDraft("E1", Status.RELEASED, items=ITEMS), Plant("s", "g", machines, routes=(RULE,)))
    assert unrouted == []
    assert [(machine_of(key), one.key) for key, one in demands.items()] == [
        (machine, f"{part}{'.MPF' if machine == 'm4' else ''}") for part in ("P1", "P2") for machine in machines
    ]
    first = demands["m1|P1"]
    assert demands["m2|P1"] is first
    assert demands["m1|P2"] is not first
    assert (demands["m3|P1"].rule.scheme, demands["m4|P1.MPF"].rule.scheme) == (Scheme.NUMERIC, Scheme.EXACT)
    assert (demands["m4|P1.MPF"].program, first.program) == ("P1.MPF", "P1.MPF")


def test_a_program_without_a_version_is_told_although_another_one_has_its_own() -> None:
    """Two rules lead a part to two programs, and one forgot the version: what the other one demands would look like all."""
    forgot = Route({"part": "P1"}, ("m1",), ("A.MPF",))
    other = Route({"part": "P*"}, ("m1",), ("B.MPF",), "{revision}")

    def routed(*rules: Route, **more: str) -> tuple[list[str], list[str]]:
        items = (Item(part="P1", revision="B", **more),)
        found, lost = route(
            EcnDraft("E1", Status.RELEASED, items=items), Plant("s", "g", {"m1": Machine("m1")}, routes=rules)
        )
        return sorted(one.program for one in found.values()), [one.reason for one in lost]

    told = ["its routes give no version for A.MPF on m1"]
    assert routed(forgot, other) == (["B.MPF"], told)
    assert routed(replace(forgot, version="{drawing}"), other) == (["B.MPF"], told)
    assert routed(forgot, other, version="7") == (["A.MPF", "B.MPF"], [])
    assert routed(forgot, replace(other, program=("a.mpf",))) == (
        ["a.mpf"],
        [],
    )  # the same program, and it has a version


def test_a_register_key_says_its_machine() -> None:
    """Whatever the program is called."""
    assert machine_of(register_key("m1", "A|B")) == "m1"
