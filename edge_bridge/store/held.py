"""The ledger's state as it was committed: what matters now in memory, what is at rest where it lies."""

from __future__ import annotations

from edge_bridge.domain.state import AT_REST, KINDS, State
from edge_bridge.store.store import Store


def state_of(store: Store) -> State:
    """Return the state of a gateway. Raises StoreError."""
    rows = {kind: store.load(kind) for kind in KINDS if kind not in AT_REST}
    return State.of(rows, {kind: store.archive(kind) for kind in AT_REST})
