"""Room in front of the ledger: what one first scan brings makes nobody else wait, and goes no faster than it is told."""

from __future__ import annotations

import asyncio

from edge_bridge.domain.reading import Reading
from edge_bridge.domain.signal import EcnNotice
from edge_bridge.entrance import FEW_UNSENT, MOST_NOTICES, MOST_UNSENT, MOST_WAITING, STUCK, Entrance
from edge_bridge.testing import ManualClock, MemoryOutbox


class Door:
    """An entrance, what is behind it, and which sources are in their first scan."""

    def __init__(self) -> None:
        self.clock, self.outbox, self.scanning = ManualClock(), MemoryOutbox(), {"plm"}
        self.entrance = Entrance(self.clock, self.outbox, lambda source: source in self.scanning)

    def notice(self, source: str = "plm") -> EcnNotice:
        """Return what a source brings."""
        return EcnNotice(source, self.clock.now(), "a.csv", "digest", ())

    async def admitted(self, source: str = "plm") -> bool:
        """Tell whether an ECN file gets in within a second; time goes on meanwhile."""
        trying = asyncio.create_task(self.entrance.admit(self.notice(source)))
        await self.clock.advance(0.9)
        done = trying.done()
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
        return done

    async def reading_admitted(self) -> bool:
        """Tell whether a machine's reading gets in at once."""
        trying = asyncio.create_task(self.entrance.admit(Reading("mill-1", self.clock.now())))
        await self.clock.advance(0)
        return trying.cancel() is False


def tell(door: Door, count: int) -> None:
    """Write events that wait for the broker."""
    for _ in range(count):
        door.outbox.add()


async def test_a_scan_goes_no_faster_than_the_broker_takes_what_it_tells() -> None:
    """Events are sent in order: a verdict would stand behind thousands of ECNs. Others are let in all the while."""
    door = Door()
    tell(door, MOST_UNSENT + 2)
    door.entrance.sent(1)
    assert not await door.admitted()
    assert await door.admitted("other")
    assert await door.reading_admitted()
    door.entrance.sent(2)
    assert await door.admitted()


async def test_who_waits_goes_on_as_soon_as_the_broker_has_most_of_it() -> None:
    """Not when that is written down, and not at the next look; and not for every single event."""
    door = Door()
    tell(door, MOST_UNSENT + 2)
    door.entrance.sent(1)
    waiting = [asyncio.create_task(door.entrance.admit(door.notice())) for _ in range(2)]
    await door.clock.advance(0)
    door.entrance.sent(MOST_UNSENT + 1 - FEW_UNSENT)
    await door.clock.advance(0)
    assert not any(task.done() for task in waiting)
    door.entrance.sent(MOST_UNSENT + 2 - FEW_UNSENT)
    await door.clock.advance(0)
    assert all(task.done() for task in waiting)
    door.entrance.close()


async def test_nobody_waits_for_a_broker_that_takes_nothing() -> None:
    """Without a network, or without a subscriber, the scan goes on into the database."""
    door = Door()
    tell(door, 3 * MOST_UNSENT)
    assert await door.admitted()  # since the start nothing was taken
    door.entrance.sent(1)
    assert not await door.admitted()
    await door.clock.advance(STUCK / 1000)
    assert await door.admitted()


async def test_after_the_first_scan_an_ecn_waits_for_no_broker() -> None:
    """After days without a network much is to be sent, and a new ECN counts at once."""
    door = Door()
    door.scanning.clear()
    tell(door, 3 * MOST_UNSENT)
    door.entrance.sent(1)
    assert await door.admitted()


async def test_each_source_has_its_own_room() -> None:
    """And all of them together one bound."""
    door = Door()
    for _ in range(MOST_NOTICES):
        assert await door.admitted()
        door.entrance.entered(door.notice())
    assert not await door.admitted()
    assert await door.admitted("other")
    assert await door.reading_admitted()
    for _ in range(MOST_WAITING - MOST_NOTICES):
        door.entrance.entered(Reading("mill-1", door.clock.now()))
    assert not await door.admitted("other")
    assert not await door.reading_admitted()
    door.entrance.left([door.notice()])
    assert await door.admitted()
    assert await door.admitted("other")
    assert await door.reading_admitted()
