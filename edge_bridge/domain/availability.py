"""Which released programs lie ready on the shares: the stage `available`, and what a digest on a machine may mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from edge_bridge.domain import program
from edge_bridge.domain.books import Books
from edge_bridge.domain.evidence import NO_MASTERS
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.domain.plant import Machine
from edge_bridge.domain.routing import Demand
from edge_bridge.domain.signal import ProgramFound, ProgramGone, ScanDone
from edge_bridge.domain.state import Available
from edge_bridge.domain.version import Comparison, Extractor

STAGE = "available"


class Availability:
    """Program shares on the books. What lies on a share is never evidence of what a machine runs."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._rows: defaultdict[str, set[str]] = defaultdict(set)  # normalised program → rows
        self._confirmed: defaultdict[str, set[str]] = defaultdict(set)  # share → rows seen since it was connected
        for key, row in books.state.available.items():
            self._rows[program.normalised(row.program)].add(key)

    def connected(self, share: str) -> None:
        """Note that a share is read anew: what is not seen again until its scan is done went meanwhile."""
        self._confirmed.pop(share, None)

    def found(self, signal: ProgramFound) -> None:
        """Take in a program that is new or changed on its share."""
        if signal.share not in self._books.plant.shares:
            return  # a last word of a share that was just removed
        key = f"{signal.share}|{signal.file}"
        self._confirmed[signal.share].add(key)
        row = Available(signal.share, signal.file, signal.program, signal.at, signal.evidence, signal.digest)
        held = self._books.state.available.get(key)
        if held is not None and replace(held, since=row.since) == row:
            return
        self._forget(key)
        self._books.state.available[key] = row
        self._rows[program.normalised(row.program)].add(key)
        self._note(row)

    def gone(self, signal: ProgramGone) -> None:
        """Take a program off its share. A stage that was reached stays reached."""
        key = f"{signal.share}|{signal.file}"
        self._confirmed[signal.share].discard(key)
        self._forget(key)

    def scan_done(self, signal: ScanDone) -> None:
        """Take off what was not seen again: the share was read whole."""
        seen = self._confirmed.pop(signal.source, set())
        rows = self._books.state.available
        for key in [key for key, row in rows.items() if row.share == signal.source and key not in seen]:
            self._forget(key)
        source = self._books.state.source.get(signal.source)
        if source is not None and source.scanned is None:
            self._books.state.source[signal.source] = replace(source, scanned=signal.at)

    def configure(self) -> None:
        """Forget what lay on shares that are not configured any more."""
        shares = self._books.plant.shares
        for key in [key for key, row in self._books.state.available.items() if row.share not in shares]:
            self._forget(key)

    def since(self, on: str, demand: Demand) -> Milliseconds | None:
        """Return since when what is demanded lies ready for a machine, UTC ms, or None when it does not."""
        if not self._rows:
            return None
        machine = self._books.machine(on)
        ready = [row.since.utc for row in self._at(machine, demand.key) if _meets(row, demand)] if machine else []
        return min(ready, default=None)

    def masters(self, machine: Machine, key: str) -> Mapping[str, str]:
        """Return digest → version of a program on the machine's shares; a content under two versions says neither."""
        if not self._rows:
            return NO_MASTERS
        known: dict[str, str] = {}
        unclear = set()
        for row in self._at(machine, key):
            version = next((e.value for e in row.evidence if e.extractor is not Extractor.DIGEST), None)
            if row.digest is None or version is None:
                continue
            if not machine.rule.same(known.setdefault(row.digest, version), version):
                unclear.add(row.digest)
        return {digest: version for digest, version in known.items() if digest not in unclear}

    def _note(self, row: Available) -> None:
        """Enter the stage of the open obligations that waited for this program."""
        name = program.normalised(row.program)
        for machine in self._books.plant.machines.values():
            if not self._books.plant.shares[row.share].serves(machine.id):
                continue
            for obligation in self._books.obligations_at(machine.id):
                demand = obligation.demand
                waits = STAGE not in obligation.stages and program.normalised(demand.program) == name
                if waits and _is(row, machine, demand.key) and _meets(row, demand):
                    stages = {**obligation.stages, STAGE: row.since.utc}
                    self._books.put_obligation(replace(obligation, stages=stages))

    def _at(self, machine: Machine, key: str) -> Iterator[Available]:
        for row_key in sorted(self._rows.get(program.normalised(key), ())):
            row = self._books.state.available[row_key]
            share = self._books.plant.shares.get(row.share)
            if share is not None and share.serves(machine.id) and _is(row, machine, key):
                yield row

    def _forget(self, key: str) -> None:
        row = self._books.state.available.get(key)
        if row is None:
            return
        rows = self._rows[program.normalised(row.program)]
        rows.discard(key)
        if not rows:
            del self._rows[program.normalised(row.program)]
        del self._books.state.available[key]


def _is(row: Available, machine: Machine, key: str) -> bool:
    return program.key(row.program, exact=machine.exact_names) == key


def _meets(row: Available, demand: Demand) -> bool:
    """Tell whether this content is what is demanded: its digest where one is required, its version where one is."""
    if demand.sha256 is not None and demand.sha256 not in (row.digest, *(e.raw for e in row.evidence)):
        return False
    if demand.version is None:
        return demand.sha256 is not None
    compared = (
        demand.rule.compare(e.value, demand.version) for e in row.evidence if e.extractor is not Extractor.DIGEST
    )
    return next((found for found in compared if found is not Comparison.UNFIT), None) is Comparison.MATCH
