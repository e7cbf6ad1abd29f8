"""Says of two clocks what they show, for messages about certificates that one of them finds out of time."""

from __future__ import annotations

from edge_bridge.domain.instant import MINUTE, Milliseconds, to_text

BEARABLE: Milliseconds = 5 * MINUTE  # what servers usually bear between their clock and ours


def apart(ours: Milliseconds, theirs: Milliseconds) -> bool:
    """Tell whether the clocks differ by more than is usually borne."""
    return abs(ours - theirs) > BEARABLE


def clocks_told(ours: Milliseconds, theirs: Milliseconds | None) -> str:
    """Return what both clocks show."""
    if theirs is None:
        return f"this computer's clock says {to_text(ours)}, the control does not tell its own"
    return f"this computer's clock says {to_text(ours)}, the control's {to_text(theirs)}"
