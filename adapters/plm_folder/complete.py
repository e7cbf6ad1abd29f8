"""When a file counts as complete without anybody saying so: size and time have not changed for two seconds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.plm_folder.folder import Signature
from edge_bridge.domain.instant import SECOND, Milliseconds

SETTLING: Milliseconds = 2 * SECOND


@dataclass(frozen=True, slots=True)
class _Waiting:
    signature: Signature
    since: Milliseconds
    tried: bool


class Settling:
    """Files that may still be written, each with how long it has stayed the same. Times are boottime in ms."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._waiting

    @property
    def names(self) -> tuple[str, ...]:
        """The files that wait."""
        return tuple(self._waiting)

    def see(self, name: str, signature: Signature, now: Milliseconds, *, tried: bool = False) -> None:
        """Note what a file looks like. A change starts its time anew; so does the first try to read it.

        tried: it has been read in this state and made no sense; after its time it is read for the last time.
        """
        known = self._waiting.get(name)
        if known is None or known.signature != signature:
            self._waiting[name] = _Waiting(signature, now, tried)
        elif tried and not known.tried:
            self._waiting[name] = _Waiting(signature, now, tried=True)

    def holds(self, name: str, signature: Signature) -> bool:
        """Tell whether a file still looks as it did all the time it waited."""
        known = self._waiting.get(name)
        return known is not None and known.signature == signature

    def drop(self, name: str) -> None:
        """Forget a file: it was read, refused or is gone."""
        self._waiting.pop(name, None)

    def keep_only(self, present: Mapping[str, Signature]) -> list[str]:
        """Forget those that are not there any more, and return them."""
        gone = [name for name in self._waiting if name not in present]
        for name in gone:
            del self._waiting[name]
        return gone

    def due(self, now: Milliseconds) -> list[tuple[str, bool]]:
        """Return (name, whether it has been tried) of those whose time is over, oldest file first."""
        over = [(name, found) for name, found in self._waiting.items() if now - found.since >= SETTLING]
        over.sort(key=lambda entry: (entry[1].signature.modified_ns, entry[0]))
        return [(name, found.tried) for name, found in over]
