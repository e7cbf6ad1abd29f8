"""The timekeeper: steps of the wall clock, the last time on record, and deadlines carried from one boot to the next."""

from __future__ import annotations

from dataclasses import replace

from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.books import Books
from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.event import GATEWAY, EventType
from edge_bridge.domain.floor import Floor
from edge_bridge.domain.instant import MINUTE, SECOND, Stamp, to_text
from edge_bridge.domain.intake import Intake
from edge_bridge.domain.obligation import Obligation
from edge_bridge.domain.state import Known

CLOCK = "clock"  # the last time that is on record
BOOT = "boot"  # where both clocks stood when this boot was first seen
STEP_TOLERANCE = 2 * SECOND


class Timekeeper:
    """Both clocks on the books: within one boot boottime counts, across boots UTC."""

    def __init__(self, books: Books, floor: Floor, intake: Intake) -> None:
        self._books = books
        self._floor = floor
        self._intake = intake
        self._heard: Stamp | None = None
        self._doubtful = not books.now.synced  # this boot's wall clock is not confirmed yet

    def start(self) -> None:
        """Bring every deadline to this boot's clock. Time never went back: a clock behind the last record is wrong."""
        books, here, known = self._books, self._books.now, self._books.state.known
        last = known[CLOCK].configured if CLOCK in known else here
        known[CLOCK] = Known(CLOCK, here)
        if last.boot == here.boot:
            self._compare(last, here)
        elif here.utc < last.utc and (last.synced or not here.synced):
            here = replace(here, utc=last.utc)
        if BOOT not in known or known[BOOT].configured.boot != here.boot:
            known[BOOT] = Known(BOOT, here)
        books.anchor = known[BOOT].configured
        for identity, obligation in list(books.state.obligation.as_put.items()):
            if obligation.due.anchor.boot == here.boot:
                books.schedule(obligation.due.boottime, Duty.OBLIGATION, identity)
            else:
                self._lay_over(books.state.obligation[identity], obligation.due.laid_over(books.anchor, last))

    def go_on(self, now: Stamp) -> None:
        """Let time go on: tell a step, keep a record every minute, believe a clock that has just been synchronised."""
        before, self._books.now = self._books.now, now
        if now is self._heard:
            return  # told twice with each signal, and many signals have one moment
        self._heard = now
        self._compare(before, now)
        if now.since(self._books.state.known[CLOCK].configured) >= MINUTE:
            self.record()
        if self._doubtful and now.synced:
            self._doubtful = False
            self._synchronised(now)

    def record(self) -> None:
        """Keep the present time, as a floor for the next boot."""
        self._books.state.known[CLOCK] = Known(CLOCK, self._books.now)

    def _compare(self, before: Stamp, now: Stamp) -> None:
        """Tell a step of the wall clock within one boot."""
        delta = (now.utc - before.utc) - (now.boottime - before.boottime)
        if before.boot != now.boot or abs(delta) <= STEP_TOLERANCE:
            return
        data = {"from": to_text(now.utc - delta), "to": to_text(now.utc), "delta_s": delta / 1000, "synced": now.synced}
        self._books.emit(EventType.CLOCK_STEP, origin=GATEWAY, subject=GATEWAY, data=data, time=now.utc)
        self._floor.clock_stepped(delta)
        self._books.state.known[CLOCK] = Known(CLOCK, now)

    def _synchronised(self, now: Stamp) -> None:
        """Take the wall clock's word, now that it has one, for what earlier boots promised."""
        books = self._books
        books.anchor = now
        books.state.known[BOOT] = Known(BOOT, now)
        for obligation in list(books.state.obligation.values()):
            if obligation.arrived.boot != now.boot:
                self._lay_over(obligation, obligation.due.rebased(now))
        self._intake.wait_again()

    def _lay_over(self, obligation: Obligation, due: Deadline) -> None:
        """Lay what an earlier boot promised on this boot's clock."""
        self._books.state.obligation[obligation.id] = replace(obligation, due=due)
        self._books.schedule(due.boottime, Duty.OBLIGATION, obligation.id)
