"""The demo's plant on this computer: a folder, a broker, two simulated controllers, and the real daemon, each a process."""

from __future__ import annotations

import importlib
import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from edge_bridge import control
from edge_bridge.demo.acts import Drop
from edge_bridge.demo.broker import HOST
from edge_bridge.demo.children import Child, simulator
from edge_bridge.demo.scenario import GATEWAY, LATHE, LATHE_PROGRAM, MILL, MILL_PROGRAM, NAMES, SITE, SOURCE
from edge_bridge.domain.instant import to_datetime
from edge_bridge.errors import EdgeBridgeError
from edge_bridge.ports import Clock

ZONE = "Asia/Shanghai"
FIRST_VERSION = "B"

_SETTINGS = """\
site: {site}
gateway: {gateway}
timezone: {zone}
language: {language}
limit: {limit}s
mqtt: {{url: 'mqtt://{host}:{port}', reconnect_max: 1s}}
store: {{path: ../edge-bridge.db}}
parties: {{design_supervisor: {{}}, cell_leader: {{}}, it_operations: {{}}}}
"""
_MILL = """\
adapter: opcua
profile: sinumerik
name: {name}
area: mc-1
endpoint: {endpoint}
security: None
allow_insecure: true
every: 300ms
version:
  - variable: /Channel/Parameter/R[u1,90]
"""
_LATHE = """\
adapter: modbus
profile: generic-plc
name: {name}
area: mc-2
host: {host}
port: {port}
zero_based: true
every: 300ms
registers:
  main_program: {{address: 100, type: uint32, word_order: big}}
  version: {{address: 102, type: ascii, length: 16}}
  execution: {{address: 110, type: uint16, map: {{1: running, default: stopped}}}}
  mode: {{address: 111, type: uint16, map: {{2: automatic, default: manual}}}}
"""
_SOURCE = """\
adapter: plm_folder
name: PLM export
path: ../plm
status: {released: [已发布, Released]}
"""
_ROUTES = """\
- match: {{part: 'EL-*'}}
  machines: [{mill}]
  program: '{{part}}_OP10.MPF'
  version: '{{revision}}'
"""


class Plant:
    """Starts what the demo needs and ends what it started. folder: everything that is written lies in it."""

    def __init__(self, limit_s: int, clock: Clock, language: str) -> None:
        try:
            importlib.import_module("amqtt")
        except ImportError:
            what = "the demo brings its own MQTT broker, amqtt, and that is not installed"
            raise EdgeBridgeError(what, "pip install 'edge-bridge[demo]'") from None
        self._limit_s = limit_s
        self._clock = clock
        self._language = language
        self._reserved = socket.socket()  # bound and never listening: nobody takes the port while the broker is away
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind((HOST, 0))
        self.port: int = self._reserved.getsockname()[1]
        self.folder = Path(tempfile.mkdtemp(prefix="edge-bridge-demo-"))
        self.config = self.folder / "config"
        self.inbox = self.folder / "plm"
        self.machines: dict[str, Child] = {}
        self._broker: Child | None = None
        self._daemon: Child | None = None

    def start_broker(self) -> None:
        """Start the broker on its port, the first time or again."""
        self._broker = Child("broker", ["-m", "edge_bridge.demo.broker", "--port", str(self.port)], self._log("broker"))
        self._broker.ready()

    def pull_the_plug(self) -> None:
        """End the broker without a word."""
        assert self._broker is not None
        self._broker.kill()

    def start_machines(self) -> None:
        """Start both controllers, producing with the first version, and write the configuration that reads them."""
        common = {"version": FIRST_VERSION}
        for kind, machine, program in (("opcua", MILL, MILL_PROGRAM), ("modbus", LATHE, LATHE_PROGRAM)):
            self.machines[machine] = simulator(kind, machine, {**common, "program": program}, self._log(machine))
        endpoint, *_ = self.machines[MILL].ready()
        _, port = self.machines[LATHE].ready()
        for controller in self.machines.values():
            controller.tell("run")
        self.inbox.mkdir()
        (self.config / "adapters").mkdir(parents=True)
        settings = {"site": SITE, "gateway": GATEWAY, "zone": ZONE, "limit": self._limit_s, "host": HOST}
        settings |= {"language": self._language, "port": self.port}
        self._write("edge-bridge.yaml", _SETTINGS.format(**settings))
        self._write(f"adapters/{MILL}.yaml", _MILL.format(name=NAMES[MILL], endpoint=endpoint))
        self._write(f"adapters/{LATHE}.yaml", _LATHE.format(name=NAMES[LATHE], host=HOST, port=port))
        self._write(f"adapters/{SOURCE}.yaml", _SOURCE)
        self._write("routes.yaml", _ROUTES.format(mill=MILL))

    def start_daemon(self) -> None:
        """Start the real daemon on the configuration."""
        words = ["-m", "edge_bridge", "run", "--config", str(self.config)]
        self._daemon = Child("edge-bridge", words, self._log("edge-bridge"), talks=False)

    def status(self) -> Mapping[str, Any]:
        """Ask the daemon how it is. Raises EdgeBridgeError."""
        self.check()
        return control.request(control.socket_path(self.folder / "edge-bridge.db"), {"do": "status"})

    def check(self) -> None:
        """Raise EdgeBridgeError when the daemon has ended by itself."""
        if self._daemon is not None and (code := self._daemon.ended) is not None:
            raise EdgeBridgeError(f"the daemon ended with code {code}: {self._daemon.last_words()}")

    def drop(self, file: Drop) -> None:
        """Put a file into the PLM folder, as an export does: whole, under another name first."""
        now = to_datetime(self._clock.now().utc).astimezone(ZoneInfo(ZONE))
        body = file.text.replace("{now}", f"{now:%Y-%m-%d %H:%M:%S}").encode(file.encoding)
        unfinished = self.inbox / f"{file.name}.part"
        unfinished.write_bytes(body)
        unfinished.rename(self.inbox / file.name)

    def reason(self) -> str:
        """Return what the newest reason file in the quarantine says. Raises EdgeBridgeError when there is none."""
        found = sorted(self.folder.rglob("*.reason.txt"))
        if not found:
            raise EdgeBridgeError("the quarantine folder holds no reason file")
        return found[-1].read_text(encoding="utf-8")

    def stop(self, *, keep_folder: bool = False) -> int:
        """End every process, the daemon first and politely; remove the folder. Return the daemon's exit code."""
        code = self._daemon.stop() if self._daemon is not None else 0
        for child in (*self.machines.values(), self._broker):
            if child is not None:
                child.stop()
        self._reserved.close()
        if not keep_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        return code

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _write(self, name: str, text: str) -> None:
        (self.config / name).write_text(text, encoding="utf-8")
