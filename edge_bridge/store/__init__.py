"""The store: SQLite through apsw. State and events are committed together, and nothing counts as accepted before."""

from edge_bridge.store.faults import StoreCorrupt, StoreFull
from edge_bridge.store.outbox import Parked, SealedEvent, StoredEvent
from edge_bridge.store.rows import Changes
from edge_bridge.store.store import Counts, Store

__all__ = ["Changes", "Counts", "Parked", "SealedEvent", "Store", "StoreCorrupt", "StoreFull", "StoredEvent"]
