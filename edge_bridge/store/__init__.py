"""The store: SQLite through apsw. State and events are committed together, and nothing counts as accepted before."""

from edge_bridge.store.faults import StoreCorrupt, StoreFull
from edge_bridge.store.inserting import Changes
from edge_bridge.store.outbox import Counts, Parked, SealedEvent, StoredEvent
from edge_bridge.store.queries import Snapshot
from edge_bridge.store.retention import Retained
from edge_bridge.store.store import Store

__all__ = [
    "Changes",
    "Counts",
    "Parked",
    "Retained",
    "SealedEvent",
    "Snapshot",
    "Store",
    "StoreCorrupt",
    "StoreFull",
    "StoredEvent",
]
