"""One folder per protocol; the core finds them by the entry points `edge_bridge.adapters`, never by import."""
