"""`python -m edge_bridge` is the same as `edge-bridge`."""

from __future__ import annotations

from edge_bridge.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
