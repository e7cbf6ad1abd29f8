"""The supervisor with adapters that fail in every way they can, on a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from edge_bridge.domain.reading import Reading
from edge_bridge.domain.signal import AdapterBack, AdapterLost, Incident, Signal
from edge_bridge.errors import AdapterError, CertificateError, ConfigError, RefusedError, UntrustedError
from edge_bridge.supervisor import FIRST_PAUSE_S, LONGEST_PAUSE_S, Supervisor
from edge_bridge.testing import ManualClock
from edge_bridge.testing.adapters import ScriptedAdapter
from edge_bridge.testing.clock import settle


class Heard:
    """What the supervisor has brought."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []

    async def take(self, signal: Signal) -> None:
        self.signals.append(signal)

    def of(self, kind: type) -> list[Signal]:
        return [signal for signal in self.signals if isinstance(signal, kind)]


@asynccontextmanager
async def supervised(**adapters: ScriptedAdapter) -> AsyncIterator[tuple[Supervisor, Heard, ManualClock]]:
    clock, heard = ManualClock(), Heard()
    supervisor = Supervisor(clock, heard.take)
    await supervisor.start(adapters)
    await settle()
    try:
        yield supervisor, heard, clock
    finally:
        await supervisor.close(within=1)


def reading(machine: str, clock: ManualClock) -> Reading:
    return Reading(machine, clock.now())


async def test_backs_off_with_jitter_and_a_cap() -> None:
    """Pauses double from half a second, never above 30 s, each shortened at random so that machines spread."""
    dead = ScriptedAdapter(*[AdapterError("nothing listens")] * 30)
    async with supervised(dead=dead) as (_, heard, clock):
        await clock.advance(600)
        times = [signal.at.boottime / 1000 for signal in heard.of(AdapterLost)]
        pauses = [later - earlier for earlier, later in pairwise(times)]
        for number, pause in enumerate(pauses):
            nominal = min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S)
            assert nominal / 2 - 0.01 <= pause <= nominal + 0.01
        assert len({round(pause, 2) for pause in pauses[8:]}) > 3
        assert len(pauses) > 20


async def test_what_only_a_person_can_mend_stops_that_one_alone() -> None:
    """Refused credentials and a wrong setting are told once and not repeated; the other goes on; start tries again."""
    refused = ScriptedAdapter(RefusedError("wrong password", "set it"))
    wrong = ScriptedAdapter(ConfigError("no such node"))
    fine = ScriptedAdapter()
    async with supervised(refused=refused, wrong=wrong, fine=fine) as (supervisor, heard, clock):
        await clock.advance(300)
        assert (refused.connections, wrong.connections, fine.open) == (1, 1, 1)
        assert supervisor.stopped == {"refused": "wrong password → set it", "wrong": "no such node"}
        assert len(heard.of(AdapterLost)) == 2
        await supervisor.start({"refused": refused})
        await settle()
        assert (refused.open, "refused" in supervisor.stopped) == (1, False)


@pytest.mark.parametrize(
    "failure",
    [
        OSError(113, "No route to host"),
        ValueError(""),
        asyncio.CancelledError(),
        TimeoutError(),
        ExceptionGroup("x", [OSError()]),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_whatever_a_library_raises_is_a_loss(failure: BaseException) -> None:
    """Also a cancellation that nobody asked for: the machine is read again, and never silently given up."""
    clock = ManualClock()
    adapter = ScriptedAdapter([reading("m", clock), failure])
    async with supervised(m=adapter) as (_, heard, clock):
        (lost,) = heard.of(AdapterLost)
        assert isinstance(lost, AdapterLost)
        assert lost.error.strip()
        await clock.advance(1)
        assert (adapter.connections, adapter.open) == (2, 1)


def untrusted(fingerprint: str, accepted: Callable[[], bool] = lambda: False) -> UntrustedError:
    return UntrustedError("unknown certificate", "accept it", facts={"fingerprint": fingerprint}, accepted=accepted)


async def test_an_unknown_certificate_is_told_once_and_looked_at_again() -> None:
    """One loss and one card for the same certificate however long it takes; another one is told; the others go on."""
    met = ScriptedAdapter(*[untrusted("AA")] * 6, untrusted("BB"))
    fine = ScriptedAdapter()
    async with supervised(met=met, fine=fine) as (supervisor, heard, clock):
        await clock.advance(5 * 60)
        assert [incident.facts for incident in heard.of(Incident)] == [{"fingerprint": "AA"}]
        assert (len(heard.of(AdapterLost)), fine.open) == (1, 1)
        assert supervisor.stopped == {"met": "unknown certificate → accept it"}
        assert met.connections == 6  # each minute, in case the control shows a known one again
        await clock.advance(60)
        assert [incident.origin for incident in heard.of(Incident)] == ["met", "met"]
        await clock.advance(60)
        assert (met.open, supervisor.stopped) == (1, {})


async def test_once_a_person_has_accepted_it_connects_within_seconds() -> None:
    """Nobody has to restart or reload anything; what then goes wrong is a loss like any other."""
    said: list[bool] = []
    met = ScriptedAdapter(untrusted("AA", lambda: bool(said)), AdapterError("it does not trust us"), untrusted("AA"))
    async with supervised(met=met) as (supervisor, heard, clock):
        await clock.advance(30)
        assert met.connections == 1
        said.append(True)
        await clock.advance(1)
        assert met.connections == 2
        assert supervisor.stopped == {}
        await clock.advance(2)
        assert "met" in supervisor.stopped  # trust was taken away again: that is told again
        assert len(heard.of(Incident)) == 2


async def test_a_folder_of_certificates_that_cannot_be_read_stops_nothing() -> None:
    """Connecting says what is wrong; until then it is tried."""

    def unreadable() -> bool:
        raise CertificateError("cannot read it")

    met = ScriptedAdapter(untrusted("AA", unreadable))
    async with supervised(met=met) as (_, _heard, clock):
        await clock.advance(3)
        assert met.open == 1


async def test_a_source_says_that_it_is_back() -> None:
    """A folder is back when it can be listed, a machine with its first reading."""
    async with supervised(plm=ScriptedAdapter(delivers="ecns"), m=ScriptedAdapter()) as (_, heard, _clock):
        assert [signal.adapter for signal in heard.of(AdapterBack) if isinstance(signal, AdapterBack)] == ["plm"]


async def test_a_farewell_that_fails_is_no_loss() -> None:
    """A session that cannot be closed turns the cancellation into an error: it must neither reconnect nor hang."""
    adapter = ScriptedAdapter(farewell=AdapterError("the farewell failed"))
    async with supervised(m=adapter) as (supervisor, heard, clock):
        async with asyncio.timeout(5):
            await supervisor.stop(["m"])
        await clock.advance(60)
        assert (adapter.connections, heard.of(AdapterLost)) == (1, [])


async def test_a_swallowed_cancellation_is_asked_again() -> None:
    """Python 3.11's wait_for can lose one; a stop still ends the adapter."""
    adapter = ScriptedAdapter(deaf=1)
    async with supervised(m=adapter) as (supervisor, _, _clock):
        async with asyncio.timeout(5):
            await supervisor.stop()
        assert adapter.open == 0


async def test_one_that_never_ends_is_left_alone() -> None:
    """A stop comes back all the same, and whatever it says later is not taken in: another may run in its place."""
    stubborn = ScriptedAdapter(deaf=4)
    async with supervised(m=stubborn) as (supervisor, heard, clock):
        async with asyncio.timeout(5):
            await supervisor.stop(within=0.2)
        assert stubborn.open == 1
        await supervisor.start({"m": ScriptedAdapter([reading("m", clock)])})
        await settle()
        assert [s for s in heard.signals if isinstance(s, Reading)]
        for _ in range(6):
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                if task.get_name() == "adapter m":
                    task.cancel()
            await settle()


async def test_nothing_starts_after_the_end() -> None:
    """A reload that was under way when the stop came must not start machines behind its back."""
    async with supervised() as (supervisor, _, _clock):
        await supervisor.close()
        late = ScriptedAdapter()
        await supervisor.start({"late": late})
        await settle()
        assert late.connections == 0
