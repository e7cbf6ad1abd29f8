"""What `data` holds for each event type, and what the retained topics and commands hold: the names that stay."""

from __future__ import annotations

from edge_bridge.contract.words import (
    Schema,
    each,
    identifier,
    instant,
    many,
    maybe,
    number,
    one_of,
    record,
    text,
    whole,
    yes_no,
)
from edge_bridge.domain.card import Severity, State
from edge_bridge.domain.ecn import Status
from edge_bridge.domain.event import EventType
from edge_bridge.domain.obligation import Verdict
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.domain.version import Comparison, Extractor

_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the file's bytes"}
_SHA256_OR_EMPTY = {**_SHA256, "pattern": "^([0-9a-f]{64})?$", "description": "empty when its bytes could not be had"}
_BOTH_LANGUAGES = record({"zh-CN": text(), "en": text()})
_ANYWHERE = {
    "historical": yes_no("established late: never to be shown as the live value"),
    "time_quality": {"description": "how well the times are known"},
    "revises": text("id of the event that this one corrects"),
}

_STAGES = each(instant(), "when each stage was reached")
_ITEM = record(
    {
        "part": maybe(text()),
        "drawing": maybe(text()),
        "revision": maybe(text("the drawing's new revision")),
        "program": maybe(text("as the ECN or a route names it")),
        "required": maybe(text("the version that the program must have")),
        "machines": many(text()),
    },
    {
        "sha256": maybe(text("the content that the program must have")),
        "row": text("where in the file"),
        "serial_from": text("first serial number for which it holds: as the ECN says, never judged"),
        "serial_to": text("last serial number for which it holds"),
        "lot": text("lot for which it holds"),
    },
)
_ECN = record(
    {
        "ecn": text("its number", shortest=1),
        "title": maybe(text()),
        "category": maybe(text()),
        "designer": maybe(text()),
        "status": one_of(Status),
        "released": maybe(instant()),
        "effective_from": maybe(instant()),
        "late_arrival": yes_no("released longer ago than the limit when its file arrived"),
        "items": many(_ITEM),
        "file": text("path below the source's folder"),
        "sha256": _SHA256,
    },
    {
        "source": identifier("where the file came from"),
        "supersedes": many(text(), "ECN numbers"),
        "stages": _STAGES,
        "stage_history": many(record({"stage": text(), "at": instant()}), "its whole way, with what it came back to"),
        "skew_s": number("seconds by which the release lay ahead of our clock, and was taken as now"),
        "baseline": yes_no("released before its source was watched: it opens no obligation"),
        "waiting": yes_no("effective later: it binds nobody yet"),
        **_ANYWHERE,
    },
)
_MACHINE_SIDE = record(
    {
        "adapter": identifier("the machine's adapter"),
        "field": maybe(text("node, register or field of the version; null when nothing showed it")),
        "raw": maybe(text("the text as read")),
        "extractor": maybe(one_of(Extractor)),
        "source_time": maybe(instant("of the control, where it gives one")),
        "quality": maybe(text("good, or uncertain, as the control says")),
    },
    {
        "read_at": instant("when the gateway read it"),
        "main_program": maybe(text()),
        "execution": maybe(one_of(Execution)),
        "mode": maybe(one_of(Mode)),
        "mode_known": yes_no("whether the machine shows a mode at all"),
        "clock_synced": yes_no("whether the gateway's clock was synchronised"),
    },
)
_OBLIGATION = record(
    {
        "obligation": text(shortest=1),
        "ecn": text(shortest=1),
        "machine": identifier(),
        "area": text(),
        "part": maybe(text()),
        "drawing": maybe(text()),
        "revision": maybe(text()),
        "program": text(),
        "required": maybe(text("version demanded")),
        "observed": maybe(text("version seen")),
        "verdict": one_of(Verdict),
        "reason": maybe(text()),
        "t0": instant("start of the limit"),
        "due": instant(),
        "decided": maybe(instant()),
        "lateness_s": maybe(number("seconds after due")),
        "exposure_s": maybe(number("seconds during which the old program ran or could run")),
        "unmet_since": maybe(instant()),
        "transport_delay_s": maybe(number("seconds from release to arrival of the file")),
        "within_release_limit": maybe(yes_no("whether the limit was kept from the release, too")),
        "late_arrival": yes_no(),
        "stages": _STAGES,
        "evidence": record(
            {
                "ecn": record(
                    {"file": text(), "sha256": _SHA256, "row": maybe(text("where in the file"))},
                    {"source": identifier()},
                ),
                "machine": maybe(_MACHINE_SIDE),
            }
        ),
    },
    {
        "required_sha256": maybe(text("content demanded")),
        "effectivity": text("serial numbers and lots for which it holds: as the ECN says, never judged"),
        "ended": maybe(text("why it was closed without a match")),
        "inferred": yes_no("a match proven by the evidence's own time, seen only after due"),
        "confirmed_at": maybe(instant("when an unverifiable one was seen right at last: no credit, no blame")),
        **_ANYWHERE,
    },
)
CARD: Schema = record(
    {
        "card_id": identifier(),
        "kind": text("what is wrong; an unknown word means: something else"),
        "severity": one_of(Severity),
        "machine": maybe(text("machine or source; null when it concerns none")),
        "ecn": maybe(text()),
        "program": maybe(text()),
        "parties": many(text()),
        "active": yes_no("whether the condition holds"),
        "acks": each(record({"by": text(), "at": instant(), "revision": whole(), "comment": text()}), "by party"),
        "revision": whole("an acknowledgement names it"),
        "raised": instant(),
        "title": _BOTH_LANGUAGES,
        "text": _BOTH_LANGUAGES,
        "next_step": _BOTH_LANGUAGES,
    },
    {
        "dedup_key": text("machine or source, kind, program: what makes two reports one problem"),
        "machine_name": maybe(text()),
        "area": maybe(text()),
        "ecns": many(text(), "the newest ECNs that it concerns"),
        "ecn_count": whole("all of them"),
        "seen": maybe(text("version seen")),
        "state": one_of(State, "as ISA-18.2 has it"),
        "level": whole("how often it was escalated"),
        "cleared": maybe(instant()),
        "facts": each({"type": ["string", "integer", "null"]}, "what the texts are made of"),
        **_ANYWHERE,
    },
)
_PROGRAM = {
    "main_program": maybe(text()),
    "active_program": maybe(text()),
    "version": maybe(text("as read, untouched")),
    "extractor": maybe(text("how it is known")),
    "execution": maybe(one_of(Execution)),
    "mode": maybe(one_of(Mode)),
}
_MACHINE = record({"machine": identifier(), "since": instant(), "error": text()}, _ANYWHERE)
_SOURCE = record({"source": identifier(), "since": instant(), "error": text()}, _ANYWHERE)
_ANY = record({}, _ANYWHERE)

DATA: dict[EventType, Schema] = {
    EventType.ECN_RECEIVED: _ECN,
    EventType.ECN_CHANGED: _ECN,
    EventType.ECN_WITHDRAWN: _ECN,
    EventType.ECN_REJECTED: record(
        {"file": text(), "sha256": _SHA256_OR_EMPTY, "reason": text(), "where": text()}, _ANYWHERE
    ),
    EventType.ECN_UNROUTED: record(
        {
            "ecn": text(),
            "file": text(),
            "items": many(record({"part": maybe(text()), "reason": text()}, {"row": text("where in the file")})),
        },
        _ANYWHERE,
    ),
    EventType.OBLIGATION_OPENED: _OBLIGATION,
    EventType.OBLIGATION_VERDICT: _OBLIGATION,
    EventType.OBLIGATION_CLOSED: _OBLIGATION,
    EventType.PROGRAM_CHANGED: record(
        {"machine": identifier(), **_PROGRAM},
        {
            "test": maybe(yes_no("test or dry run")),
            "faults": each(text(), "fields that could not be read: the control's own words"),
            **_ANYWHERE,
        },
    ),
    EventType.PROGRAM_OUTDATED_RUN: record(
        {
            "machine": identifier(),
            "program": text(),
            "required": maybe(text()),
            "observed": maybe(text()),
            "ecn": text(),
        },
        {
            "comparison": one_of(Comparison, "what the observed version is to the required one"),
            "in_window": yes_no("whether the floor still had time to change it"),
            **_ANYWHERE,
        },
    ),
    EventType.BASELINE_TAKEN: record(
        {"source": identifier()},
        {
            "files": whole(),
            "ecns": whole("released before the source was watched"),
            "requirements": whole("that they put into force"),
            "configured": instant("when the source was first configured"),
            **_ANYWHERE,
        },
    ),
    EventType.CARD_RAISED: CARD,
    EventType.CARD_REVISED: CARD,
    EventType.CARD_ACKNOWLEDGED: CARD,
    EventType.CARD_ESCALATED: CARD,
    EventType.CARD_CLEARED: CARD,
    EventType.CARD_CLOSED: CARD,
    EventType.MACHINE_REACHABLE: _MACHINE,
    EventType.MACHINE_UNREACHABLE: _MACHINE,
    EventType.SOURCE_LOST: _SOURCE,
    EventType.SOURCE_BACK: _SOURCE,
    EventType.KPI_PUBLISHED: _ANY,
    EventType.CONFIG_APPLIED: record(
        {}, {"digest": text(), "adapters": many(identifier()), "version": text()} | _ANYWHERE
    ),
    EventType.CONFIG_REFUSED: record(
        {}, {"problems": many(text(), "each with file, line and column"), "digest": text("in force")} | _ANYWHERE
    ),
    EventType.CLOCK_STEP: record(
        {"from": instant(), "to": instant(), "delta_s": number()},
        {"synced": yes_no("whether the clock was synchronised after it")} | _ANYWHERE,
    ),
    EventType.GAP: record(
        {},
        {
            "reason": text("why something is missing: disk_full, defect"),
            "what": text("what is missing"),
            "count": whole(),
            "error": text(),
            "since": instant(),
            **_ANYWHERE,
        },
    ),
    EventType.DIGEST: _ANY,
}

STATE: Schema = record(
    {
        "machine": identifier(),
        "name": text(),
        "area": text(),
        "sequence": {"type": "string", "pattern": "^[0-9]{20}$", "description": "newest event when this was true"},
        "reachable": yes_no(),
        "since": maybe(instant("when it became reachable or unreachable")),
        **_PROGRAM,
        "seen": maybe(instant("last good reading")),
        "requirements": many(
            record(
                {
                    "program": text(),
                    "required": maybe(text()),
                    "verdict": maybe(one_of(Verdict)),
                    "ecn": maybe(text()),
                    "due": maybe(instant()),
                    "last_match": maybe(instant()),
                },
                {
                    "seen": maybe(text("version last evidenced")),
                    "baseline": yes_no("in force since before anybody watched"),
                },
            )
        ),
    },
    {"requirements_total": whole("all of them; `requirements` has those that matter most")},
)
STATUS: Schema = record(
    {
        "online": yes_no(),
        "session": whole("goes up with each connection; will, birth and death carry the same", least=1),
    },
    {
        "reason": text("why it is offline"),
        "time": instant("missing in a will: the broker wrote it down at connect"),
        "epoch": text("of the database: part of every event's source"),
        "last_sequence": whole(),
        "oldest_unsent": maybe(whole(least=1)),
        "versions": each(text()),
        "config_hash": text(),
        "boot_id": text(),
        "trouble": maybe(text("what keeps the gateway from its work")),
        "nobody_subscribes": maybe(text("event topic that has no subscriber: events wait")),
        "parked": whole("events that the broker refused, since the start"),
    },
)
_ID = {"id": text("chosen by the sender; the same id again repeats the answer", shortest=1, longest=200)}
_EXPIRES = {"expires": {"type": "string", "format": "date-time", "description": "RFC 3339; refused afterwards"}}
COMMANDS: dict[str, Schema] = {
    "ack": record(
        _ID | {"card_id": identifier(), "revision": whole(), "party": text(), "by": text()},
        {"comment": text()} | _EXPIRES,
    ),
    "waive": record(
        _ID | {"obligation": text(), "by": text(), "reason": text()},
        {
            "until": {
                "type": "string",
                "format": "date-time",
                "description": "RFC 3339; absent: until the next requirement",
            }
        }
        | _EXPIRES,
    ),
    "replay": record(_ID | {"from": whole(least=1), "to": whole(least=1)}, _EXPIRES),
    "health": record(_ID, _EXPIRES),
}
ANSWER: Schema = record({"id": text('"" when the command had none'), "ok": yes_no(), "reason": text()})
VERBS = frozenset(COMMANDS)
"""What the gateway obeys. Nothing that comes by MQTT changes trust, configuration or code."""
