"""A whole plant for fault tests: a site, a broker, two controllers, the daemon, and a platform that checks what comes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_bridge.domain.event import EventType
from edge_bridge.testing import ReferenceConsumer, Subscriber
from tests.integration.modbus_servers import PlcProcess, plc_process
from tests.integration.mosquitto import Mosquitto
from tests.integration.opcua_servers import OpcUaServer
from tests.integration.opcua_servers import running as opcua_running
from tests.published import message_faults
from tests.system.site import NOBODY, DaemonProcess, Site
from tests.waiting import until_sync

PREFIX = "edge-bridge/v1/plant-1/edge-01"
QUEUE_ALL = "max_queued_messages 0"  # else it acknowledges and then drops what a slow subscriber has not taken


@dataclass
class Plant:
    """What the tests hold on to. `platform` is an independent subscriber; `consumer` what it has understood."""

    site: Site
    broker: Mosquitto | None
    opcua: OpcUaServer | None
    plc: PlcProcess | None
    platform: Subscriber | None
    process: DaemonProcess

    @property
    def consumer(self) -> ReferenceConsumer:
        assert self.platform is not None
        return self.platform.consumer

    def events(self, name: str, **facts: Any) -> list[dict[str, Any]]:
        """Return the data of every event of this name that says these facts."""
        assert name in set(EventType), name
        assert self.platform is not None
        with self.platform.lock:
            data = [dict(event["data"]) for event in self.consumer.of_type(name)]
        return [d for d in data if all(d.get(key) == value for key, value in facts.items())]

    def heard(self, name: str, within: float = 15, **facts: Any) -> dict[str, Any]:
        """Wait for an event, and return the newest one's data."""
        return until_sync(lambda: self.events(name, **facts), within=within, what=f"{name} {facts}")[-1]

    def cards(self, kind: str, *, active: bool | None = None) -> list[dict[str, Any]]:
        """Return the open cards of a kind, as the daemon has them."""
        found = [card for card in self.site.status().get("cards", ()) if card["kind"] == kind]
        return [card for card in found if active is None or card["active"] is active]

    def machine(self, name: str) -> dict[str, Any]:
        """Return one machine's line of the status, {} when there is none."""
        return next((m for m in self.site.status().get("machines", ()) if m["machine"] == name), {})

    def reachable(self, *names: str, within: float = 15) -> None:
        """Wait until these machines are read."""
        for name in names:
            until_sync(lambda: self.machine(name).get("reachable"), within=within, what=f"{name} to be reachable")  # noqa: B023

    def scanned(self, within: float = 20) -> None:
        """Wait until the PLM folder's first scan is done: what comes later is no baseline."""
        until_sync(
            lambda: any(s["first_scan"] for s in self.site.status().get("sources", ())),
            within=within,
            what="first scan",
        )

    def delivered(self, within: float = 20) -> int:
        """Wait until the platform has all that was committed, and check it: no gap, in order, nothing twice in effect.

        Return the newest sequence.
        """

        def all_there() -> int:
            last = self.site.status().get("buffer", {}).get("last", -1)
            assert self.platform is not None
            with self.platform.lock:
                return last if self.consumer.only.upto >= last > 0 else 0

        last = until_sync(all_there, within=within, what="everything to be delivered")
        assert self.platform is not None
        with self.platform.lock:
            assert self.consumer.conflicts == []
            assert self.consumer.only.gaps == []
            assert self.consumer.only.in_order
        return last

    def retained(self, topic: str) -> dict[str, Any] | None:
        """Return a retained topic below the gateway's prefix, as the platform has it now."""
        assert self.platform is not None
        with self.platform.lock:
            body = self.consumer.retained.get(f"{PREFIX}/{topic}")
        return json.loads(body) if body else None

    def command(self, verb: str, payload: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """Send a command by MQTT and return its answer, the first that comes after."""
        assert self.platform is not None
        before = len(self.consumer.answers)
        self.platform.publish(f"{PREFIX}/cmd/{verb}", payload, **options)

        def answers() -> list[dict[str, Any]]:
            return [a for a in self.consumer.answers[before:] if a["id"] == payload.get("id", "")]

        return until_sync(answers, what=f"an answer to {verb}")[0]

    def log(self) -> str:
        """Return what the daemon has logged."""
        return self.process.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def plant(
    folder: Path,
    *,
    opcua: bool = True,
    modbus: bool = True,
    online: bool = True,
    limit: str = "15m",
    start: bool = True,
    prepare: Callable[[Site], object] = lambda _site: None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Plant]:
    """Run a plant; at the end the log must show no traceback, and all that was sent must fit the published schemas.

    opcua, modbus: whether that controller runs (it is configured all the same). online: with a broker and a platform.
    start: whether the daemon is started. prepare: changes the configuration before that.
    """
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "broker", QUEUE_ALL)) if online else None
        control = (
            stack.enter_context(opcua_running("--program", "EL-1_OP10_B.MPF", "--version", "A")) if opcua else None
        )
        plc = stack.enter_context(plc_process("--program", "4711", "--version", "A")) if modbus else None
        platform = stack.enter_context(Subscriber(broker.port, f"{PREFIX}/#", persistent=True)) if broker else None
        site = Site(folder / "site", broker=broker.url if broker else NOBODY, limit=limit)
        site.machines(opcua=control.endpoint if control else None, modbus=plc.port if plc else None)
        prepare(site)
        process = DaemonProcess(site, env)
        built = Plant(site, broker, control, plc, platform, process)
        try:
            if start:
                process.start()
            yield built
        finally:
            process.kill()
        assert "Traceback" not in built.log()
        if platform is not None:
            assert message_faults((topic, payload) for topic, payload, _ in platform.messages) == []
