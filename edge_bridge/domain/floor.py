"""The shop floor: what each machine showed last, whether it can be reached, and what it ran."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.board import Board
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Kind
from edge_bridge.domain.docket import Docket
from edge_bridge.domain.event import GATEWAY, EventType
from edge_bridge.domain.evidence import assess, bind, selected_program, settled
from edge_bridge.domain.instant import MINUTE, SECOND, Milliseconds, Stamp, to_text
from edge_bridge.domain.plant import Judge, Machine
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.routing import register_key
from edge_bridge.domain.signal import AdapterLost
from edge_bridge.domain.state import MachineState, Run
from edge_bridge.domain.told import program_data
from edge_bridge.domain.watch import START_GRACE, Watch

MOST_ERRORS = 5  # told on the one card of all machines
MOST_RUNS = 64  # stretches of production remembered for each machine at least: to tell exposure after a late ECN


class Floor:
    """Machines on the books."""

    def __init__(self, books: Books, watch: Watch, docket: Docket, board: Board) -> None:
        self._books = books
        self._watch = watch
        self._docket = docket
        self._board = board
        self._saved: dict[str, Stamp] = {}
        self._armed: set[str] = set()

    def read(self, reading: Reading) -> None:
        """Take one reading in. One that says the same as the last costs next to nothing."""
        machine = self._books.machine(reading.machine)
        if machine is None:
            return  # a last reading of a machine that was just removed
        kept = self._books.state.machine[machine.id]
        last = self._books.latest.get(machine.id)
        before = last or kept.reading
        continuous = before is not None and 0 <= reading.at.since(before.at) <= machine.fresh_for
        self._books.latest[machine.id] = reading
        same = before is not None and reading.same_as(before)
        if last is not None and same and kept.reachable and continuous and settled(kept.binding):
            self._save_now_and_then(kept, reading)
            return
        if not kept.reachable:
            kept = self._back(kept, reading)
        if before is None or _told_differently(before, reading, machine):
            self._books.emit(
                EventType.PROGRAM_CHANGED,
                origin=machine.id,
                subject=machine.id,
                time=reading.at.utc,
                data=program_data(reading),
            )
        kept = replace(kept, reading=reading, binding=bind(kept.binding, reading, machine, continuous))
        kept = replace(kept, runs=self._runs(kept, reading, machine))
        self._put(kept)
        if len(kept.runs) > 2 * MOST_RUNS:
            self._docket.count_exposure(machine.id)
            self._put(replace(kept, runs=kept.runs[-MOST_RUNS:]))
        self._arm(machine, self._books.now.since(reading.at))
        self._watch.look(machine.id)
        if last is None:
            self._watch.judge_what_waited(machine.id)

    def lost(self, signal: AdapterLost) -> None:
        """Note that a machine cannot be read; told once."""
        kept = self._books.state.machine[signal.adapter]
        if kept.reachable is False:
            if kept.error != signal.error:
                self._put(replace(kept, error=signal.error))
            return
        last = self._books.latest.get(kept.id) or kept.reading
        since = last.at if last is not None and kept.reachable else signal.at
        kept = replace(
            kept,
            reading=last,
            reachable=False,
            since=since.utc,
            error=signal.error,
            lost=signal.at,
            runs=_ended(kept.runs, since.utc),
        )
        self._put(kept)
        self._books.emit(
            EventType.MACHINE_UNREACHABLE,
            origin=kept.id,
            subject=kept.id,
            data={"machine": kept.id, "since": to_text(since.utc), "error": signal.error},
        )
        self._books.schedule(signal.at.boottime + self._books.plant.unreachable_after, Duty.UNREACHABLE, signal.adapter)

    def check_stale(self, machine_id: str) -> None:
        """Look whether readings still come: a machine that went silent is unreachable 10 s after its last good one."""
        self._armed.discard(machine_id)
        machine, kept = self._books.machine(machine_id), self._books.state.machine.get(machine_id)
        if machine is None or kept is None or not kept.reachable:
            return
        last = self._books.latest.get(machine_id)
        silent = self._books.now.since(last.at if last else self._books.started)
        if silent >= silent_after(machine):
            self.lost(AdapterLost(machine_id, self._books.now, f"no reading for {silent // SECOND} s"))
        else:
            self._arm(machine, silent)

    def check_unreachable(self, machine_id: str) -> None:
        """Raise `machine_unreachable` for a machine that is away long enough with an open obligation."""
        kept = self._books.state.machine.get(machine_id)
        if kept is None or kept.reachable is not False or kept.lost is None or not self._books.open_at.get(machine_id):
            return
        away, wait = self._books.now.elapsed(kept.lost), self._books.plant.unreachable_after
        if away < wait:
            self._books.schedule(self._books.now.boottime + wait - away, Duty.UNREACHABLE, machine_id)
            return
        everyone = [m for m in self._books.plant.machines if self._books.state.machine[m].reachable is False]
        all_at_once = len(everyone) == len(self._books.plant.machines) > 1
        if all_at_once:
            facts = self._away(kept, ", ".join(sorted(everyone))) | {"error": self._errors(everyone)}
            self._board.raise_card(GATEWAY, Kind.MACHINE_UNREACHABLE, facts=facts)
        else:
            self._board.raise_card(
                machine_id, Kind.MACHINE_UNREACHABLE, machine=machine_id, facts=self._away(kept, machine_id)
            )

    def arm(self) -> None:
        """Put every machine's watch on the agenda after a start."""
        for machine in self._books.plant.machines.values():
            kept = self._books.state.machine[machine.id]
            if kept.reachable:
                self._arm(machine, 0)
            elif kept.reachable is False:
                self._books.schedule(self._books.now.boottime, Duty.UNREACHABLE, machine.id)

    def clock_stepped(self, delta: Milliseconds) -> None:
        """Lay the production that goes on over to the new wall clock: exposure is measured, not jumped."""
        for kept in list(self._books.state.machine.values()):
            if kept.runs and kept.runs[-1].until is None:
                last = kept.runs[-1]
                runs = (*kept.runs[:-1], replace(last, since=last.since + delta))
                self._books.state.machine[kept.id] = replace(kept, runs=runs)

    def save(self) -> None:
        """Keep every machine's last reading, for the next start."""
        for machine_id, reading in self._books.latest.items():
            kept = self._books.state.machine.get(machine_id)
            if kept is not None and kept.reading != reading:
                self._books.state.machine[machine_id] = replace(kept, reading=reading)

    def _away(self, kept: MachineState, machines: str) -> dict[str, str | int | None]:
        return {"machines": machines, "since": to_text(kept.since or 0), "error": kept.error}

    def _errors(self, machines: Sequence[str]) -> str:
        """Return what is wrong with each of several machines, without what to do: each for itself may need something else."""
        errors = {machine: self._books.state.machine[machine].error.partition(" → ")[0] for machine in machines}
        if len(set(errors.values())) == 1:
            return errors[machines[0]]
        told = [f"{machine}: {error}" for machine, error in sorted(errors.items())[:MOST_ERRORS]]
        return "; ".join(told if len(errors) <= MOST_ERRORS else [*told, "…"])

    def _back(self, kept: MachineState, reading: Reading) -> MachineState:
        self._books.emit(
            EventType.MACHINE_REACHABLE,
            origin=kept.id,
            subject=kept.id,
            time=reading.at.utc,
            data={"machine": kept.id, "since": to_text(reading.at.utc), "error": ""},
        )
        self._board.clear(kept.id, Kind.MACHINE_UNREACHABLE)
        if self._board.is_active(GATEWAY, Kind.MACHINE_UNREACHABLE):
            self._board.clear(GATEWAY, Kind.MACHINE_UNREACHABLE)
            for machine in self._books.plant.machines:  # the others have a moment to come back, too
                self._books.schedule(self._books.now.boottime + START_GRACE, Duty.UNREACHABLE, machine)
        return replace(kept, reachable=True, since=reading.at.utc, error="", lost=None)

    def _put(self, kept: MachineState) -> None:
        self._books.state.machine[kept.id] = kept
        self._books.touched.add(kept.id)
        if kept.reading is not None:
            self._saved[kept.id] = kept.reading.at

    def _save_now_and_then(self, kept: MachineState, reading: Reading) -> None:
        saved = self._saved.get(kept.id)
        if saved is None or reading.at.since(saved) >= MINUTE:
            self._put(replace(kept, reading=reading))
            self._watch.look(kept.id)  # moves `last_match` on

    def _arm(self, machine: Machine, silent: Milliseconds) -> None:
        """Look again when a machine that has been silent for so long counts as unreachable."""
        if machine.id not in self._armed:
            self._armed.add(machine.id)
            self._books.schedule(self._books.now.boottime + silent_after(machine) - silent, Duty.STALE, machine.id)

    def _runs(self, kept: MachineState, reading: Reading, machine: Machine) -> tuple[Run, ...]:
        """Return the stretches of production with this reading in them."""
        current = self._production(kept, reading, machine)
        last = kept.runs[-1] if kept.runs else None
        if last is not None and last.until is None and current == (last.program, last.version):
            return kept.runs
        runs = _ended(kept.runs, reading.at.utc)
        return (*runs, Run(*current, reading.at.utc)) if current else runs

    def _production(self, kept: MachineState, reading: Reading, machine: Machine) -> tuple[str, str | None] | None:
        """Return the program and version that is being produced with; the version None when nothing shows it."""
        selected = selected_program(reading, machine)
        if not reading.running or selected is None:
            return None
        requirement = self._books.state.requirement.get(register_key(machine.id, selected))
        if requirement is not None and requirement.demand.version is not None:
            return selected, assess(reading, machine, kept.binding, requirement.demand).seen
        first = next((e for e in reading.evidence if e.program is not None or e.bound or kept.binding.ran), None)
        return selected, first.value if first else None


def silent_after(machine: Machine) -> Milliseconds:
    """Return after how long without a reading a machine counts as unreachable: 10 s, longer only if read seldom."""
    return max(10 * SECOND, 2 * machine.every)


def _told_differently(before: Reading, now: Reading, machine: Machine) -> bool:
    """Tell whether the platform has to know. A subprogram call on a machine judged by its main program is no news."""
    old, new = program_data(before), program_data(now)
    if machine.judge in (Judge.MAIN, Judge.CALLED_BY_MAIN):
        for data, reading in ((old, before), (new, now)):
            data["active_program"] = selected_program(reading, machine)
    return old != new


def _ended(runs: tuple[Run, ...], at: Milliseconds) -> tuple[Run, ...]:
    if not runs or runs[-1].until is not None:
        return runs
    return (*runs[:-1], replace(runs[-1], until=at))
