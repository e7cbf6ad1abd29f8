"""The daemon killed 200 times, each time with a session on the control: how long that keeps everybody out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_bridge.clock import SystemClock
from tests.integration.opcua_servers import OpcUaServer, running
from tests.integration.peer_process import PeerProcess, python
from tests.system.site import Site
from tests.waiting import until_sync

SLOTS, TIMEOUT_S, KILLS = 3, 6, 200
FREED_S = 1.5  # a server looks for sessions that are over time now and then, and everything here is busy
PAUSE_S = 8.0  # the longest between the daemon's tries by then: 0.5 s, doubled each time
CLOCK = SystemClock()


class Forks(PeerProcess):
    """Daemons of one site, one after another, each ended with kill -9: see daemon_forks.py."""

    def __init__(self, site: Site) -> None:
        self.log = site.folder / "daemon.log"
        super().__init__(python("tests.system.daemon_forks", str(site.config), str(self.log)))

    def said(self) -> str:
        """Return what all daemons have logged."""
        return self.log.read_text(encoding="utf-8")

    def end(self) -> None:
        """End the daemon, and the process that starts them."""
        try:
            self.tell("kill")
            assert self.hang_up() == 0
        finally:
            self.kill()


@contextmanager
def forks(site: Site) -> Iterator[Forks]:
    """Be ready to start daemons; none is left behind."""
    starting = Forks(site)
    try:
        yield starting
    finally:
        starting.end()
    assert "Traceback" not in starting.said()


class Slots:
    """What the control's own record says of its sessions."""

    def __init__(self, server: OpcUaServer) -> None:
        self._server = server

    @property
    def taken(self) -> int:
        """How many are taken now, by whomever."""
        return self._server.ask("sessions")

    @property
    def refused(self) -> int:
        """How many sessions were refused so far, because none was free."""
        return self._server.ask("refused")

    @property
    def held(self) -> int:
        """How many clients came as far as a subscription, so far: with it a session outlives its client."""
        return self._server.ask("subscribed")

    def round(self, daemons: Forks) -> bool:
        """Start a daemon, in place of the one before; return when it has a session (True) or was refused one (False)."""
        held, refused = self.held, self.refused
        daemons.tell("start")
        until_sync(lambda: self.held > held or self.refused > refused, within=30, what="a session, or none")
        return self.held > held


def subscribed_site(folder: Path, endpoint: str) -> Site:
    """Return a site with this one machine, subscribed."""
    site = Site(folder).machines(opcua=endpoint)
    (site.config / "adapters" / "lathe-07.yaml").unlink()
    (site.config / "routes.yaml").unlink()
    file = site.config / "adapters" / "dmu50-01.yaml"
    more = f"read: subscribe\nlimits: {{session_timeout: {TIMEOUT_S}s}}\n"
    site.write("adapters/dmu50-01.yaml", file.read_text(encoding="utf-8") + more)
    return site


def seconds_since(boottime: int) -> float:
    return (CLOCK.now().boottime - boottime) / 1000


@pytest.mark.timeout(900)
def test_after_200_kills_of_the_daemon_the_control_lets_us_in_within_its_own_timeout(tmp_path: Path) -> None:
    """Nothing of ours says goodbye; people are told what is the matter, and the first try after a slot is free gets in."""
    with running("--max-sessions", str(SLOTS)) as server:
        slots, site = Slots(server), subscribed_site(tmp_path, server.endpoint)
        with forks(site) as daemons:
            began = CLOCK.now().boottime
            held = [slots.round(daemons) for _ in range(KILLS)]
            took = seconds_since(began)

            killed, said = CLOCK.now().boottime, len(daemons.said())
            while slots.round(daemons):  # once more, and this one is to meet a control that is full
                held.append(True)
                killed, said = CLOCK.now().boottime, len(daemons.said())
            got_in = slots.held
            until_sync(lambda: "event=lost" in daemons.said()[said:], what="the daemon to say what is the matter")
            full = daemons.said()[said:]
            assert "has too many sessions: none is free for us" in full
            assert "close other clients on this control" in full

            within = TIMEOUT_S + FREED_S
            until_sync(lambda: slots.taken < SLOTS or slots.held > got_in, within=within, what="a slot to be free")
            refused, freed = slots.refused, seconds_since(killed)
            until_sync(lambda: site.status()["machines"][0]["reachable"], within=PAUSE_S, what="the machine to be read")
            read = seconds_since(killed)
            assert slots.refused == refused
            left = max(0.0, within - read)
            until_sync(lambda: slots.taken == 1, within=left, what="the sessions of all that were killed to be gone")
            assert site.status()["machines"][0]["main_program"] == "EL-100_OP10_B.MPF"
    assert sum(held) >= SLOTS
    print(
        f"{len(held)} daemons killed, 200 of them in {took:.0f} s: {sum(held)} held a session, {held.count(False)} were "
        f"refused one; a slot was free {freed:.1f} s after the last kill, the machine was read after {read:.1f} s"
    )
