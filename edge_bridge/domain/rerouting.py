"""Rerouting: every ECN led to its machines anew after a start or a change of configuration."""

from __future__ import annotations

from collections.abc import Iterable

from edge_bridge.domain.books import Books
from edge_bridge.domain.ecn import Ecn
from edge_bridge.domain.event import GATEWAY
from edge_bridge.domain.first_scans import FirstScans
from edge_bridge.domain.intake import Intake
from edge_bridge.domain.intake_cards import IntakeCards
from edge_bridge.domain.portions import finished
from edge_bridge.domain.register import Register
from edge_bridge.domain.routing import Demand, machine_of, route, route_held


class Rerouting:
    """What a configuration does to the register. When nothing changed, nothing is told."""

    def __init__(self, books: Books, register: Register, intake: Intake, cards: IntakeCards, scans: FirstScans) -> None:
        self._books = books
        self._register = register
        self._intake = intake
        self._cards = cards
        self._scans = scans

    def reroute(self, removed: Iterable[str]) -> None:
        """Route every ECN anew; what was released before the rule or machine was there fills the register only."""
        unrouted = self._claim_anew()
        gone, strayed = set(removed), set[str]()
        for key in sorted(self._register.claims.news()):
            row = self._books.state.requirement.get(key)
            machine_gone = machine_of(key) in gone
            self._refresh(key, "machine_removed" if machine_gone else "rerouted")
            if row is not None and not machine_gone and key not in self._books.state.requirement:
                strayed.add(row.demand.ecn)
        for number in sorted(strayed & unrouted):  # its route was taken away: never silence
            ecn = self._books.state.ecn[number]
            self._cards.unrouted(ecn, route(ecn.draft, self._books.plant)[1], None)
        self._cards.rerouted(unrouted)

    def _claim_anew(self) -> set[str]:
        """Let every ECN demand what it demands now; return those of which an item leads nowhere."""
        claims, lost = self._register.claims, set[str]()
        claims.clear()
        self._scans.begin_anew()
        for _, ecn in self._books.state.ecn.items():
            demands, unrouted = finished(route_held(ecn, self._books.plant))
            finished(claims.enter(ecn, demands))
            self._scans.note(ecn)
            if unrouted and ecn.status.in_force:
                self._scans.note_lost(ecn)
                lost.add(ecn.number)
            if ecn.waiting:
                self._intake.wait_for(ecn)
        finished(claims.decide())
        return lost

    def _refresh(self, key: str, reason: str) -> None:
        head = self._register.claims.head(key)
        baseline = self._baseline(key, *head) if head else None
        self._register.refresh(key, head[0] if head and baseline is None else None, baseline, reason, None)

    def _baseline(self, key: str, ecn: Ecn, demand: Demand) -> str | None:
        """Return the origin whose baseline a requirement belongs to when it comes by configuration, not by a file."""
        books = self._books
        row = books.state.requirement.get(key)
        if row is not None and row.demand.ecn == ecn.number and row.demand.same_need(demand):
            return row.baseline
        released = ecn.release if ecn.release is not None else ecn.arrived.utc
        old = ecn.baseline or released < books.now.utc - books.plant.limit
        over = books.now.elapsed(ecn.arrived) > demand.limit  # its time was up before it led anywhere
        return GATEWAY if old or over else None
