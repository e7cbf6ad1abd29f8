"""A small real plant below one folder: a configuration, a PLM folder, and the daemon as a process. For system tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_bridge import control
from edge_bridge.clock import SystemClock
from edge_bridge.domain.instant import to_text
from edge_bridge.errors import ControlError
from tests.integration.mosquitto import Mosquitto
from tests.waiting import until_sync

PROGRAM = str(Path(sys.executable).with_name("edge-bridge"))
NOBODY = "mqtt://127.0.0.1:9"  # the discard port: nobody listens there
R90 = "/Channel/Parameter/R[u1,90]"

EDGE_BRIDGE = """\
site: plant-1
gateway: edge-01
timezone: Asia/Shanghai
language: {language}
limit: {limit}
mqtt: {{url: '{broker}', reconnect_max: 200ms}}
store: {{path: ../var/edge-bridge.db}}
"""
OPCUA = """\
adapter: opcua
profile: sinumerik
name: {title}
area: mc-1
endpoint: {endpoint}
security: None
allow_insecure: true
every: 100ms
version:
  - variable: {r90}
  - name: '_(?P<version>[A-Z]{{1,3}})\\.MPF$'
"""
MODBUS = """\
adapter: modbus
profile: generic-plc
name: {title}
area: mc-2
host: 127.0.0.1
port: {port}
unit: 1
zero_based: true
every: 100ms
registers:
  main_program: {{address: 100, type: uint32, word_order: big}}
  version: {{address: 102, type: ascii, length: 16}}
  execution: {{address: 110, type: uint16, map: {{1: running, default: stopped}}}}
  mode: {{address: 111, type: uint16, map: {{2: automatic, default: manual}}}}
"""
PLM = """\
adapter: plm_folder
name: PLM export
path: ../plm
format: csv
status: {released: [已发布], withdrawn: [已取消], in_work: [编制中]}
timezone: Asia/Shanghai
"""
ROUTES = """\
- match: {part: 'EL-*'}
  machines: [dmu50-01]
  program: '{part}_OP10_B.MPF'
  version: '{revision}'
  scheme: letters
- match: {part: 'SH-*'}
  machines: [lathe-07]
  program: '4711'
  version: '{revision}'
  scheme: letters
"""


def now_text(*, ago_s: int = 0) -> str:
    """Return this moment, or one some seconds ago, as a PLM that knows its zone writes it."""
    return to_text(SystemClock().now().utc - 1000 * ago_s)


@dataclass
class Site:
    """The folders of one gateway. `config` and `plm` are changed as a technician and a PLM would: a file at a time."""

    folder: Path
    broker: str = NOBODY
    language: str = "en"
    limit: str = "15m"
    config: Path = field(init=False)
    plm: Path = field(init=False)
    database: Path = field(init=False)

    def __post_init__(self) -> None:
        """Make the folders, and a PLM source `plm`; no machine and no route yet."""
        self.config = self.folder / "config"
        self.plm = self.folder / "plm"
        self.database = self.folder / "var" / "edge-bridge.db"
        self.plm.mkdir(parents=True, exist_ok=True)
        self.database.parent.mkdir(exist_ok=True)
        text = EDGE_BRIDGE.format(language=self.language, limit=self.limit, broker=self.broker)
        self.write("edge-bridge.yaml", text)
        self.write("adapters/plm.yaml", PLM)

    def write(self, name: str, text: str) -> Path:
        """Write one file of the configuration, in one go as an editor does."""
        file = self.config / name
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.new")
        draft.write_text(text, encoding="utf-8")
        return draft.replace(file)

    def machines(self, *, opcua: str | None = None, modbus: int | None = None) -> Site:
        """Add `dmu50-01` at this OPC UA endpoint and `lathe-07` at this Modbus port, and the routes to both.

        Without an address the machine is configured all the same, and cannot be reached.
        """
        endpoint = opcua or "opc.tcp://127.0.0.1:9"
        self.write("adapters/dmu50-01.yaml", OPCUA.format(title="'DMU 50 #1'", endpoint=endpoint, r90=R90))
        self.write("adapters/lathe-07.yaml", MODBUS.format(title="车床 7", port=modbus or 9))
        self.write("routes.yaml", ROUTES)
        return self

    def ecn(self, name: str, *rows: Mapping[str, str]) -> Path:
        """Put an ECN file into the PLM folder, complete at once; columns are those that the rows name."""
        columns = list(dict.fromkeys(column for row in rows for column in row))
        lines = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in rows)]
        draft = self.plm / f".{name}.new"
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return draft.replace(self.plm / name)

    def released(self, number: str, part: str, revision: str, *, ago_s: int = 0) -> Path:
        """Release one ECN with one item, `ago_s` seconds ago."""
        row = {"number": number, "status": "已发布", "released": now_text(ago_s=ago_s), "part": part}
        return self.ecn(f"{number}.csv", {**row, "revision": revision})

    def run(
        self, *words: str, env: Mapping[str, str] | None = None, within: float = 20
    ) -> subprocess.CompletedProcess[str]:
        """Run `edge-bridge WORDS --config …` and return what it said; whatever that is, it is no traceback."""
        command = [PROGRAM, *words, "--config", str(self.config)]
        done = subprocess.run(
            command, cwd=self.folder, env=_environment(env), capture_output=True, text=True, timeout=within, check=False
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    def json(self, *words: str) -> Any:
        """Run a command with `--json` and return what it printed."""
        done = self.run(*words, "--json")
        assert done.stderr == "", done.stderr
        return json.loads(done.stdout)

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the running daemon through its control socket. Raises ControlError."""
        return control.request(control.socket_path(self.database), message)

    def status(self) -> dict[str, Any]:
        """Return the running daemon's last word, {} when none runs."""
        try:
            return self.ask({"do": "status"})
        except (ControlError, FileNotFoundError):
            return {}

    @contextmanager
    def daemon(self, *, env: Mapping[str, str] | None = None) -> Iterator[DaemonProcess]:
        """Run the daemon while the context is open; it is up on entry, and gone afterwards."""
        process = DaemonProcess(self, env)
        try:
            process.start()
            yield process
        finally:
            process.kill()


class DaemonProcess:
    """`edge-bridge run` in a process of its own; its log is `daemon.log` in the site's folder."""

    def __init__(self, site: Site, env: Mapping[str, str] | None = None) -> None:
        self.site = site
        self.log = site.folder / "daemon.log"
        self._env = env
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id. Fails when it was never started."""
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [PROGRAM, "run", "--config", str(self.site.config)]
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command, cwd=self.site.folder, env=_environment(self._env), stdout=log, stderr=log
            )
        until_sync(self._up, within=40, what="the daemon to answer")

    def stop(self) -> int:
        """Stop it as systemd does, and return its exit code."""
        self.signal(signal.SIGTERM)
        assert self._child is not None
        return self._child.wait(10)

    def kill(self) -> None:
        """End it as a power cut would, if it still runs."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait(10)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: SIGHUP reloads, SIGSTOP freezes."""
        os.kill(self.pid, number)

    def _up(self) -> bool:
        assert self._child is not None
        assert self._child.poll() is None, self.log.read_text(errors="replace")[-3000:]
        return self.site.status().get("pid") == self._child.pid


@contextmanager
def broker(folder: Path) -> Iterator[Mosquitto]:
    """Run a real Mosquitto; its `url` goes into the site."""
    with Mosquitto(folder / "broker") as running:
        yield running


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {"HOME": "/", "LANG": "C.UTF-8", **kept, **(more or {})}
