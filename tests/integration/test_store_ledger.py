"""The ledger's own rows in the store: they come back equal, and people find them by what the schema promises."""

from __future__ import annotations

from pathlib import Path

from edge_bridge.domain.card import Card, Kind, Severity
from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.instant import MINUTE, Stamp
from edge_bridge.domain.obligation import Obligation, Verdict
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import Demand
from edge_bridge.domain.state import KINDS, FileMemory
from edge_bridge.domain.version import VersionRule
from edge_bridge.store import Snapshot, Store

NOW = Stamp(utc=1_772_000_000_000, boottime=60_000, boot="b")
DEMAND = Demand(
    ecn="E-1",
    program="o1234.mpf",
    key="O1234",
    version="B",
    sha256=None,
    rule=VersionRule(aliases={"-": "INITIAL"}),
    limit=15 * MINUTE,
)
OBLIGATION = Obligation(
    id="ob1",
    machine="dmu50",
    demand=DEMAND,
    source="plm",
    file="E-1.xml",
    sha256="0" * 64,
    area="milling",
    arrived=NOW,
    t0=NOW.utc,
    due=Deadline.after(NOW, 15 * MINUTE),
    unmet_since=NOW.utc,
    verdict=Verdict.VIOLATED,
    evidence={"machine": {"raw": "REV A", "quality": "good"}},
)
CARD = Card(
    id="c1",
    dedup_key="dmu50|x",
    kind=next(iter(Kind)),
    severity=next(iter(Severity)),
    origin="dmu50",
    parties=("cell_leader",),
    raised=NOW,
    machine="dmu50",
)
ROWS = {
    "requirement": {"dmu50|O1234": Requirement("dmu50", DEMAND, since=NOW)},
    "obligation": {"ob1": OBLIGATION},
    "card": {"c1": CARD},
    "file": {"plm|E-1.xml": FileMemory("plm", "E-1.xml", "0" * 64, NOW)},
}


def test_the_ledgers_rows_come_back_equal(tmp_path: Path) -> None:
    """Every kind of the ledger has a table, and its dataclass survives JSON."""
    with Store.open(tmp_path / "store.db", KINDS, site="site", gateway="gw1") as store:
        store.commit(ROWS)
        assert {kind: store.load(kind) for kind in KINDS} == {kind: ROWS.get(kind, {}) for kind in KINDS}


def test_the_ledgers_rows_are_found_by_the_columns_of_the_schema(tmp_path: Path) -> None:
    """A field that moves inside a row would leave its column empty: this says so."""
    path = tmp_path / "store.db"
    with Store.open(path, KINDS, site="site", gateway="gw1") as store:
        store.commit(ROWS)
    with Snapshot.open(path, KINDS) as people:
        assert people.find("requirement", machine="dmu50", ecn="E-1") == ROWS["requirement"]
        assert people.find("obligation", machine="dmu50", ecn="E-1", closed=False) == ROWS["obligation"]
        assert people.find("card", machine="dmu50", kind=CARD.kind, active=True, closed=False) == ROWS["card"]
        assert people.find("file", source="plm") == ROWS["file"]
