"""The configuration folder: read whole, checked whole, and handed on as one frozen value."""

from edge_bridge.config.settings import MqttOptions, StoreOptions

__all__ = ["MqttOptions", "StoreOptions"]
