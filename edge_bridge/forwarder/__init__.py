"""Outbox → broker: events in order, retained topics, birth and death, commands in and answers out."""

from edge_bridge.forwarder.forwarder import Forwarder, Timing
from edge_bridge.forwarder.health import ForwarderHealth
from edge_bridge.forwarder.retained import NothingRetained, Retained

__all__ = ["Forwarder", "ForwarderHealth", "NothingRetained", "Retained", "Timing"]
