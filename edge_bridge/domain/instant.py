"""Instants: UTC for people and across boots, boottime for deadlines within one boot. Whole milliseconds throughout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from edge_bridge.domain.making import quickly_made

Milliseconds = int
SECOND: Milliseconds = 1000
MINUTE: Milliseconds = 60 * SECOND
HOUR: Milliseconds = 60 * MINUTE
DAY: Milliseconds = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@quickly_made
@dataclass(frozen=True, slots=True)
class Stamp:
    """One moment on both clocks.

    utc: milliseconds since 1970-01-01 UTC, as the wall clock said. boottime: milliseconds since boot, suspend counted
    (CLOCK_BOOTTIME). boot: the kernel's boot id. synced: whether the wall clock was synchronised.
    """

    utc: Milliseconds
    boottime: Milliseconds
    boot: str
    synced: bool = True

    def since(self, earlier: Stamp) -> Milliseconds:
        """Return the milliseconds from `earlier` to here: on boottime within one boot, on UTC across boots."""
        if self.boot == earlier.boot:
            return self.boottime - earlier.boottime
        return self.utc - earlier.utc

    def elapsed(self, earlier: Stamp) -> Milliseconds:
        """Return the same, never negative: a wall clock that was set back between two boots means an unknown time."""
        return max(0, self.since(earlier))


class TimeQuality(StrEnum):
    """How well a source knows its own date."""

    INSTANT = "instant"
    DAY = "day"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class When:
    """A date as a PLM wrote it: `utc` in ms (start of the day when only a day is known), its quality, the raw text."""

    utc: Milliseconds
    quality: TimeQuality = TimeQuality.INSTANT
    text: str = ""


def from_datetime(moment: datetime) -> Milliseconds:
    """Return milliseconds since 1970 UTC of an aware datetime."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_datetime(utc: Milliseconds) -> datetime:
    """Return the aware UTC datetime of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=utc)


@lru_cache(maxsize=4096)
def to_text(utc: Milliseconds) -> str:
    """Return RFC 3339 in UTC with milliseconds and `Z`, as the contract writes every time."""
    return to_datetime(utc).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def to_text_or_none(utc: Milliseconds | None) -> str | None:
    """Return the contract's text of an instant that may be unknown."""
    return None if utc is None else to_text(utc)
