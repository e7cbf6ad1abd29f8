"""JSON Schemas 2020-12, one self-contained file per message. `python -m edge_bridge.contract.schemas` writes the files."""

from __future__ import annotations

import json
from pathlib import Path

from edge_bridge.contract.data import ANSWER, CARD, COMMANDS, DATA, STATE, STATUS
from edge_bridge.contract.envelope import MAJOR, event_type, schema_urn
from edge_bridge.contract.words import Schema, constant, instant, record, text
from edge_bridge.domain.event import EventType

DRAFT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).with_name("schemas")

_OPTIONAL = {
    "subject": text("machine id, ECN number or card id", shortest=1),
    "correlationid": text("the obligation", shortest=1),
    "causationid": text("id of the event that caused this one", shortest=1),
}


def envelope(name: EventType | None = None) -> Schema:
    """Return the schema of one event type; without a name, of any."""
    required = {
        "specversion": constant("1.0"),
        "id": {"type": "string", "format": "uuid", "description": "with `source`: upsert on it"},
        "source": {"type": "string", "pattern": r"^urn:edge-bridge:[a-z0-9-]{1,40}:[a-z0-9-]{1,40}:[^:\s]+$"},
        "type": {"type": "string", "pattern": r"^edge-bridge\.[a-z_.]+\.v[0-9]+$"},
        "time": instant("when it happened"),
        "recordedtime": instant("when it was committed"),
        "sequence": {
            "type": "string",
            "pattern": "^[0-9]{20}$",
            "description": "+1 per event and source, without gaps",
        },
        "datacontenttype": constant("application/json"),
        "dataschema": {"type": "string", "pattern": r"^urn:edge-bridge:schema:[a-z_.]+:v[0-9]+$"},
        "data": {"type": "object"},
    }
    if name is None:
        return _document("envelope", "Envelope of every event", record(required, _OPTIONAL, open=False))
    required |= {"type": constant(event_type(name)), "dataschema": constant(schema_urn(name)), "data": DATA[name]}
    document = _document(str(name), f"Event {name}", record(required, _OPTIONAL, open=False))
    return document | {"$id": schema_urn(name)}


def documents() -> dict[str, Schema]:
    """Return file name → schema of everything that goes over the broker."""
    return (
        {"envelope.json": envelope()}
        | {f"{name}.v{MAJOR}.json": envelope(name) for name in EventType}
        | {
            "state.json": _document("state", "Retained: what is true of a machine now", STATE),
            "card.json": _document("card", "Retained: an open card; empty when it closed", CARD),
            "status.json": _document("status", "Retained: birth, death, will and health", STATUS),
            "cmdres.json": _document("cmdres", "Answer to a command", ANSWER),
        }
        | {f"cmd.{verb}.json": _document(f"cmd.{verb}", f"Command {verb}", body) for verb, body in COMMANDS.items()}
    )


def written(document: Schema) -> str:
    """Return the text of a schema file."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _document(name: str, title: str, body: Schema) -> Schema:
    return {"$schema": DRAFT, "$id": f"urn:edge-bridge:schema:{name}:v{MAJOR}", "title": title, **body}


def write(folder: Path = FOLDER) -> None:
    """Write every schema, and remove files of messages that are no more."""
    folder.mkdir(exist_ok=True)
    wanted = documents()
    for file in folder.glob("*.json"):
        if file.name not in wanted:
            file.unlink()
    for name, document in wanted.items():
        (folder / name).write_text(written(document), encoding="utf-8")


if __name__ == "__main__":
    from edge_bridge.contract import asyncapi

    write()
    asyncapi.write()
