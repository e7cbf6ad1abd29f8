"""The AsyncAPI 3 document, made from the topic builder and the schemas; `asyncapi.yaml` is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from edge_bridge.contract.data import COMMANDS
from edge_bridge.contract.envelope import CONTENT_TYPE, MAJOR
from edge_bridge.contract.topics import Topics
from edge_bridge.domain.event import EventType

FILE = Path(__file__).with_name("asyncapi.yaml")
_TOPICS = Topics("root", "site", "gateway")
_PREFIX = "{root}/v1/{site}/{gateway}"
_SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
_MEANING = {
    "root": "`edge-bridge` unless configured; up to three levels",
    "site": "id of the plant",
    "gateway": "id of the gateway",
    "origin": "machine id, source id, or `gateway`",
    "machine": "machine id",
    "card_id": "card id",
    "report": "daily, weekly, monthly or quarterly",
}


def address(topic: str, parameter: str | None = None) -> str:
    """Return a topic of the builder as an address: its last level is the parameter, if there is one."""
    below = topic.removeprefix(_TOPICS.prefix)
    if parameter is not None:
        below = f"{below.rpartition('/')[0]}/{{{parameter}}}"
    return _PREFIX + below


def document() -> dict[str, Any]:
    """Return the document."""
    events = [f"{name}.v{MAJOR}" for name in EventType]
    channels = {
        "event": _channel(address(_TOPICS.event("x"), "origin"), events, "Every event. Not retained."),
        "state": _channel(
            address(_TOPICS.state("x"), "machine"), ["state"], "Retained: what is true of this machine now."
        ),
        "card": _channel(
            address(_TOPICS.card("x"), "card_id"), ["card"], "Retained: an open card; emptied when it closes."
        ),
        "status": _channel(address(_TOPICS.status), ["status"], "Retained: birth, death, will and health."),
        "cmdres": _channel(address(_TOPICS.results), ["cmdres"], "Answers, also sent to the MQTT 5 response topic."),
    }
    operations = {
        f"send_{name}": _operation("send", name, retain=name in {"state", "card", "status"}) for name in channels
    }
    for verb in COMMANDS:
        channels[f"cmd_{verb}"] = _channel(
            address(_TOPICS.command(verb)), [f"cmd.{verb}"], "Never retained: a retained command is refused."
        )
        operations[f"receive_{verb}"] = _operation("receive", f"cmd_{verb}", retain=False)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edge-bridge",
            "version": f"{MAJOR}.0.0",
            "description": "What an edge-bridge gateway says to the central platform over MQTT, and what it obeys. Delivery is at"
            " least once: upsert on `source` and `id`, and see what is missing by `sequence`.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": {_key(name): _message(name, events) for name in _messages(events)}},
    }


def _messages(events: list[str]) -> list[str]:
    return [*events, "state", "card", "status", "cmdres", *(f"cmd.{verb}" for verb in COMMANDS)]


def _message(name: str, events: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "contentType": CONTENT_TYPE if name in events else "application/json",
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"./schemas/{name}.json"}},
    }


def _channel(place: str, messages: list[str], description: str) -> dict[str, Any]:
    names = [level[1:-1] for level in place.split("/") if level.startswith("{")]
    return {
        "address": place,
        "description": description,
        "parameters": {name: {"description": _MEANING[name]} for name in names},
        "messages": {_key(name): {"$ref": f"#/components/messages/{_key(name)}"} for name in messages},
    }


def _operation(action: str, channel: str, *, retain: bool) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "bindings": {"mqtt": {"qos": 1, "retain": retain, "bindingVersion": "0.2.0"}},
    }


def _key(name: str) -> str:
    return name.replace(".", "_")


def written() -> str:
    """Return the text of `asyncapi.yaml`."""
    text: str = yaml.safe_dump(document(), allow_unicode=True, sort_keys=False, width=120)
    return "# Made from the code: python -m edge_bridge.contract.schemas\n" + text


def write() -> None:
    """Write the file."""
    FILE.write_text(written(), encoding="utf-8")
