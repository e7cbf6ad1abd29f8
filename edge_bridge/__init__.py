"""edge-bridge: makes sure a released engineering change (ECN) reaches the machine."""

__version__ = "0.1.0"
