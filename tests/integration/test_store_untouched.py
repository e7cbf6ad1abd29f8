"""What one item opens on many machines is one row until something happens to it, and nobody who reads it can tell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_bridge.domain.obligation import Verdict
from edge_bridge.domain.opening import Opened
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import Demand
from edge_bridge.domain.state import KINDS
from edge_bridge.errors import StoreError
from edge_bridge.store import Changes, Snapshot, Store, StoreCorrupt, schema
from edge_bridge.store.untouched import LEAST, by_kind
from tests.integration.test_store_ledger import DEMAND
from tests.integration.test_store_salvage import pages_of, spoil
from tests.unit.test_opening import OPENING

MACHINES = tuple(f"m{number}" for number in range(LEAST + 1))
MADE: dict[str, Callable[[Opened], Any]] = {"requirement": Opened.as_requirement, "obligation": Opened.as_obligation}
Rows = dict[str, dict[str, Any]]


def demand(program: str, ecn: str = "E-1") -> Demand:
    """Return what is demanded of a program."""
    return replace(DEMAND, ecn=ecn, program=program, key=program, row="line 2 改")


def opened(asked: Demand, machines: tuple[str, ...] = MACHINES, opening: Any = OPENING, of: str = "o") -> Changes:
    """Return what opens it on these machines."""
    name = f"{asked.ecn}-{asked.key}"
    return by_kind(
        Opened(opening, f"{of}-{name}-{machine}", machine, asked, "milling", f"e-{name}-{machine}")
        for machine in machines
    )


def merged(*parts: Changes) -> Rows:
    """Return what is in all of them: the later ones hold."""
    found: Rows = {"requirement": {}, "obligation": {}}
    for part in parts:
        for kind, rows in part.items():
            found[kind] |= rows
    return {kind: {key: row for key, row in rows.items() if row is not None} for kind, rows in found.items()}


def whole(changes: Changes) -> Rows:
    """Return the same with every row made."""
    return {
        kind: {key: MADE[kind](row) if isinstance(row, Opened) else row for key, row in rows.items()}
        for kind, rows in changes.items()
    }


def held(store: Store) -> Rows:
    """Return what a start finds."""
    return whole({kind: store.load(kind) for kind in MADE})


def counted(store: Store) -> tuple[int, int, int]:
    """Count the rows: together, and alone of each kind."""
    asked = (f"SELECT count(*) FROM {table}" for table in ("untouched", "requirement", "obligation"))
    first, second, third = (int(store._reader.execute(sql).get) for sql in asked)
    return first, second, third


def open_store(path: Path) -> Store:
    """Open with the ledger's own kinds."""
    return Store.open(path, KINDS, site="site", gateway="gw1")


P1, P2 = opened(demand("P1")), opened(demand("P2"))


def test_one_row_for_all_machines(tmp_path: Path) -> None:
    """Whoever starts, looks by any column, or was not told of the types finds each as if it stood alone."""
    path, everything = tmp_path / "store.db", whole(merged(P1, P2))
    with open_store(path) as store:
        store.commit(merged(P1, P2))
        assert counted(store) == (2, 0, 0)
        assert held(store) == everything
    with Snapshot.open(path, KINDS) as people, Snapshot.open(path) as strangers:
        for kind, rows in everything.items():
            assert people.rows(kind) == rows
            for key, row in rows.items():
                assert people.find(kind, key=key) == {key: row}
                assert strangers.find(kind, key=key)[key]["demand"]["key"] == row.demand.key
            for machine in MACHINES:
                on_it = {key: row for key, row in rows.items() if row.machine == machine}
                assert people.find(kind, machine=machine) == on_it
                assert people.find(kind, machine=machine, ecn="E-1") == on_it
            for nobody in ({"machine": "m"}, {"ecn": "E-"}, {"key": "P1"}, {"machine": None}, {"key": "m0|P"}):
                assert people.find(kind, **nobody) == {}
        assert people.find("obligation", closed=False) == everything["obligation"]
        assert people.find("obligation", closed=True) == {}


@pytest.mark.parametrize("machines", [MACHINES, ('the "old" \\ one 改', *MACHINES)])
def test_what_happens_to_one_leaves_the_others_as_they_are(tmp_path: Path, machines: tuple[str, ...]) -> None:
    """A verdict, a sight of the machine, a requirement that goes: all are where such rows are, and once."""
    one, other = opened(demand("P1"), machines), opened(demand("P2"), machines)
    first = machines[0]
    duty, row = one["obligation"][f"o-E-1-P1-{first}"], one["requirement"][f"{first}|P1"]
    changes: tuple[Changes, ...] = (
        {"obligation": {duty.id: replace(duty.as_obligation(), verdict=Verdict.COMPLIANT, closed=True)}},
        {"requirement": {f"{first}|P1": replace(row.as_requirement(), matched=5)}},
        {"requirement": {f"{first}|P1": None}},
        {"obligation": {duty.id: duty.as_obligation()}, "requirement": {f"{first}|P1": row.as_requirement()}},
    )
    for number, change in enumerate(changes):
        path = tmp_path / f"{number}.db"
        with open_store(path) as store:
            store.commit(merged(one, other))
            store.commit(change)
            expected = whole(merged(one, other, change))
            gone = sum(row is None for row in change.get("requirement", {}).values())
            assert counted(store) == (1, len(machines) - gone, len(machines))
            done = {key for key, row in expected["obligation"].items() if row.closed}
            open_ones = {key: row for key, row in expected["obligation"].items() if key not in done}
            assert held(store) == {**expected, "obligation": open_ones}
        with Snapshot.open(path, KINDS) as people:
            assert {kind: people.rows(kind) for kind in MADE} == expected
            assert set(people.find("obligation", machine=first)) == {f"o-E-1-P{n}-{first}" for n in (1, 2)}
            assert set(people.find("obligation", closed=True)) == done


def test_a_newer_ecn_takes_the_place_of_all_that_was_in_force(tmp_path: Path) -> None:
    """Of what stands alone and of what stands together: a program has one row on each machine, and the old obligations ended."""
    newer = opened(demand("P1", "E-2"), MACHINES[1:], of="p")
    ended = {
        key: replace(row.as_obligation(), closed=True, ended="superseded")
        for key, row in P1["obligation"].items()
        if row.machine in MACHINES[1:]
    }
    alone = {"requirement": {"m1|P1": Requirement("m1", demand("P1", "E-0"), since=OPENING.since)}}
    with open_store(tmp_path / "store.db") as store:
        store.commit(alone)
        store.commit(P1)  # in the place of what stood alone
        assert counted(store) == (1, 0, 0)
        store.commit(merged(newer, {"obligation": ended}))
        assert counted(store) == (1, 1, len(MACHINES))
        expected = whole(merged(P1, newer))
        expected["obligation"] = {key: row for key, row in expected["obligation"].items() if key not in ended}
        assert held(store) == expected
    with Snapshot.open(tmp_path / "store.db", KINDS) as people:
        assert list(people.find("obligation", machine="m2")) == ["o-E-1-P1-m2", "p-E-2-P1-m2"]  # the older one first
        assert {row.demand.ecn for row in people.rows("requirement").values()} == {"E-1", "E-2"}


def test_two_rows_may_be_of_one_program(tmp_path: Path) -> None:
    """On other machines; what happens to one of them leaves the other together."""
    there = opened(demand("P1"), tuple(f"n{number}" for number in range(LEAST)))
    with open_store(tmp_path / "store.db") as store:
        store.commit(merged(P1, there))
        assert counted(store) == (2, 0, 0)
        store.commit({"requirement": {"n0|P1": None}})
        assert counted(store) == (1, LEAST - 1, LEAST)
        assert held(store) == whole(merged(P1, there, {"requirement": {"n0|P1": None}}))


def test_the_newest_is_in_force_whatever_becomes_of_the_old_obligations(tmp_path: Path) -> None:
    """Also where they are still open: what the register says must never depend on them."""
    newer = opened(demand("P1", "E-2"), MACHINES[1:], of="p")
    seen = [
        {"requirement": {f"{on}|P1": replace(of["requirement"][f"{on}|P1"].as_requirement(), seen="A")}}
        for on, of in (("m0", P1), ("m1", newer))
    ]
    with open_store(tmp_path / "store.db") as store:
        store.commit(P1)
        store.commit(newer)
        assert held(store) == whole(merged(P1, newer))
        for number in (1, 2):
            store.commit(seen[number - 1])
            assert held(store) == whole(merged(P1, newer, *seen[:number]))


def test_what_came_with_it_is_each_ones_own(tmp_path: Path) -> None:
    """Of one demand, some may have been wrong for longer than others."""
    longer = opened(demand("P1"), tuple(f"n{n}" for n in range(LEAST)), replace(OPENING, unmet_since=7))
    same = by_kind(replace(row, demand=P1["requirement"]["m0|P1"].demand) for row in longer["obligation"].values())
    with open_store(tmp_path / "store.db") as store:
        store.commit(merged(P1, same))
        assert held(store) == whole(merged(P1, same))
        assert counted(store) == (2, 0, 0)


def test_few_and_those_to_which_something_happened_stand_alone(tmp_path: Path) -> None:
    """A row is made for what is worth it, of what both rows say."""
    few = opened(demand("P3"), MACHINES[: LEAST - 1])
    seen = {key: replace(row.as_requirement(), seen="A") for key, row in P1["requirement"].items()}
    late = {key: replace(row.as_obligation(), exposure=5) for key, row in P2["obligation"].items()}
    changes = merged(few, P1, P2, {"requirement": seen, "obligation": late})
    with open_store(tmp_path / "store.db") as store:
        store.commit(changes)
        assert counted(store) == (0, *[len(few["obligation"]) + 2 * len(MACHINES)] * 2)
        assert held(store) == whole(changes)


def test_what_came_together_is_one_object_again(tmp_path: Path) -> None:
    """As it was before the stop: the demand is held once, and what came with all of them once."""
    with open_store(tmp_path / "store.db") as store:
        store.commit(merged(P1, P2))
        rows = list(store.load("obligation").values())
        assert len({id(row.opening) for row in rows}) == 1
        assert len({id(row.demand) for row in rows}) == 2


@pytest.mark.parametrize("wrong", [{"area": 7}, {"area": "\udce9"}])
def test_a_value_of_another_type_is_refused_by_name(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """As if it stood alone, and nothing of the commit is left."""
    bad = by_kind(replace(row, **wrong) if row.machine == "m2" else row for row in P1["obligation"].values())
    with open_store(tmp_path / "store.db") as store:
        with pytest.raises(StoreError, match="o-E-1-P1-m2 cannot be stored"):
            store.commit(bad)
        assert counted(store) == (0, 0, 0)


def test_a_garbled_row_is_named_and_a_lost_opening_is_damage(tmp_path: Path) -> None:
    """Neither is passed over: a requirement that nobody sees would be a machine that looks well."""
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.commit(merged(P1, P2))
    with closing(schema.connect(path)) as connection:
        connection.execute("UPDATE untouched SET doc = replace(doc, '\"limit\":', '\"limits\":') WHERE id = 2")
    with (
        open_store(path) as store,
        pytest.raises(StoreError, match=r"untouched 2 in the database cannot be read: demand\.limit"),
    ):
        store.load("requirement")
    with closing(schema.connect(path)) as connection:
        connection.execute("DELETE FROM shared")
    with open_store(path) as store, pytest.raises(StoreCorrupt, match="what rows share is missing"):
        store.load("obligation")


def test_a_rescue_takes_them_along(tmp_path: Path) -> None:
    """Of a damaged database; one that is garbled is counted."""
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.commit(merged(P1, P2))
    with closing(schema.connect(path)) as connection:
        connection.execute("UPDATE untouched SET doc = '{}' WHERE program = 'P2'")
        schema.write_meta(connection, {"clean": 0})
    spoil(path, pages_of(path, "card")[0])
    with open_store(path) as store:
        assert store.recovered is not None
        assert f"{2 * len(MACHINES)} rows of state; 1 more were garbled" in store.recovered
        assert held(store) == whole(P1)
        assert counted(store) == (1, 0, 0)
