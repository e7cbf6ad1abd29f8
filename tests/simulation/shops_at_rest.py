"""Shops whose ECNs and files are at rest: what is committed is forgotten at once, and read again when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_bridge.domain.at_rest import AtRest
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.plant import Plant
from edge_bridge.domain.state import AT_REST, KINDS, OPENED, State
from edge_bridge.store import Store
from edge_bridge.store.held import state_of
from tests.unit.domain_plant import Shop

TURNS = 3  # between two commits: meanwhile rows are on their way to the disk, and not there yet


class OnDisk:
    """The rows of a shop's disk; fits the ledger's Archive port."""

    def __init__(self, shop: Resting, kind: str) -> None:
        self._shop = shop
        self._kind = kind

    def get(self, key: str) -> Any | None:
        doc = self._shop.written(self._kind).get(key)
        return None if doc is None else self._shop.codec.decode(self._kind, key, doc)

    def rows(self, **columns: str) -> Iterator[tuple[str, Any]]:
        for key in list(self._shop.written(self._kind)):
            row = self.get(key)
            if all(getattr(row, column) == value for column, value in columns.items()):
                yield key, row


class Resting(Shop):
    """A shop that holds one ECN at the most besides those that are not committed yet."""

    turns = 0

    def written(self, kind: str) -> dict[str, str]:
        """Return what has arrived on the disk."""
        return self._disk[kind]

    def commit(self) -> None:
        super().commit()
        self.turns += 1
        if self.turns % TURNS == 0:
            assert self.disk
            self.ledger.books.state.settled()

    def _started(self) -> Ledger:
        rows = {kind: rows for kind, rows in self._open_rows().items() if kind not in AT_REST}
        return self._begun(State.of(rows, {kind: OnDisk(self, kind) for kind in AT_REST}))

    def _begun(self, state: State) -> Ledger:
        state.ecn = AtRest(archive=state.ecn._archive, room=1)
        self.ledger = Ledger(state, self.plant, self.now, lambda: f"id-{next(self._ids)}")
        self.commit()
        return self.ledger


class InStore(Resting):
    """The same with a real database. together: whether what an item opened on many machines was ever one row, and taken apart."""

    together: tuple[bool, bool] = (False, False)

    def __init__(self, path: Path, layout: Plant, *, scanned: bool = True) -> None:
        self._rows = 0
        self.store = Store.open(path, KINDS, site=layout.site, gateway=layout.gateway)
        super().__init__(layout, scanned=scanned)

    def commit(self) -> None:
        books = self.ledger.books
        self.events.extend(books.take_events())
        books.touched.clear()
        books.cards_told.clear()
        self.store.commit(books.state.take_changes())
        books.state.settled()
        read = state_of(self.store)
        for kind in OPENED:
            assert dict(getattr(read, kind)) == dict(getattr(books.state, kind)), kind
        rows = int(self.store._reader.execute("SELECT count(*) FROM untouched").get)
        once, apart = self.together
        self.together = once or rows > 0, apart or rows < self._rows
        self._rows = rows

    def _started(self) -> Ledger:
        return self._begun(state_of(self.store))
