"""The MQTT session: one broker, one connection at a time, driven from asyncio's own loop."""

from edge_bridge.config import MqttOptions
from edge_bridge.mqtt.connect import Connector, Will
from edge_bridge.mqtt.failures import BrokerError, BrokerRefusedError
from edge_bridge.mqtt.session import Done, Message, Session

__all__ = [
    "BrokerError",
    "BrokerRefusedError",
    "Connector",
    "Done",
    "Message",
    "MqttOptions",
    "Session",
    "Will",
]
