"""Shipped fakes: a clock moved by hand, an outbox in memory, a consumer that does what the contract asks of one."""

from edge_bridge.testing.clock import ManualClock
from edge_bridge.testing.consumer import ReferenceConsumer
from edge_bridge.testing.outbox import MemoryOutbox
from edge_bridge.testing.subscriber import Subscriber

__all__ = ["ManualClock", "MemoryOutbox", "ReferenceConsumer", "Subscriber"]
