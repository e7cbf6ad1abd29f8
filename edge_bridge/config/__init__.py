"""The configuration folder: read whole, checked whole, and handed on as one frozen value."""

from edge_bridge.config.adapters import AdapterConfig
from edge_bridge.config.changes import Changes, diff
from edge_bridge.config.folder import SITE_FILE, Config, folder_for, load, load_readable
from edge_bridge.config.settings import MqttOptions, StoreOptions

__all__ = [
    "SITE_FILE",
    "AdapterConfig",
    "Changes",
    "Config",
    "MqttOptions",
    "StoreOptions",
    "diff",
    "folder_for",
    "load",
    "load_readable",
]
