"""`edge-bridge simulate`: simulated controllers alone, to try a configuration against, obeying lines typed here."""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType

from edge_bridge.cli import output
from edge_bridge.demo.children import Child, ChildError, simulator
from edge_bridge.demo.texts import Texts
from edge_bridge.errors import EdgeBridgeError

NAME = "simulate"
HELP = (
    "Run a SINUMERIK-like OPC UA control and a Modbus PLC on this computer, and with --mtconnect-port a machine behind an "
    "MTConnect agent. The site in config/ expects the first two at these ports. Commands are read from the terminal: "
    "`dmu50-01 load EL-1_OP10.MPF C`, `lathe-07 run`, `help`, `quit`."
)
HOST, MILL, LATHE, TURN_MILL = "127.0.0.1", "dmu50-01", "lathe-07", "integrex-04"
OPCUA_PORT, MODBUS_PORT = 4840, 5020
_KINDS = {MILL: "opcua", LATHE: "modbus", TURN_MILL: "mtconnect"}
_START = {
    MILL: {"program": "EL-1_OP10.MPF", "version": "B"},
    LATHE: {"program": "4711", "version": "A"},
    TURN_MILL: {"program": "EL-2_OP10.NC", "version": "B"},
}

_ADAPTERS = {
    MILL: """\
adapter: opcua
profile: sinumerik
name: DMU 50
area: mc-1
endpoint: {endpoint}
security: None
allow_insecure: true
version:
  - variable: /Channel/Parameter/R[u1,90]
""",
    LATHE: """\
adapter: modbus
profile: generic-plc
name: Lathe 7
area: mc-2
host: {host}
port: {port}
zero_based: true
registers:
  main_program: {{address: 100, type: uint32, word_order: big}}
  version: {{address: 102, type: ascii, length: 16}}
  execution: {{address: 110, type: uint16, map: {{1: running, default: stopped}}}}
  mode: {{address: 111, type: uint16, map: {{2: automatic, default: manual}}}}
""",
    TURN_MILL: """\
adapter: mtconnect
name: Integrex 4
area: mc-1
url: {url}
version:
  - asset: versionId
  - comment: 'REV (?P<version>[A-Z0-9.]+)'
""",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the ports."""
    for name, port in (("opcua", OPCUA_PORT), ("modbus", MODBUS_PORT), ("mtconnect", None)):
        help_text = f"TCP port on {HOST} (default: {port or 'not run'}; 0: any free one)"
        parser.add_argument(f"--{name}-port", type=_port, default=port, metavar="PORT", help=help_text)


def run(args: argparse.Namespace) -> int:
    """Run until `quit`, the end of the input, Ctrl-C or SIGTERM; 0 after a clean end, 1 when a port is taken."""
    texts = Texts(args.lang or "en")
    before = signal.signal(signal.SIGTERM, _interrupt)
    children: dict[str, Child] = {}
    with tempfile.TemporaryDirectory(prefix="edge-bridge-simulate-") as folder:
        try:
            ports = {MILL: args.opcua_port, LATHE: args.modbus_port, TURN_MILL: args.mtconnect_port}
            _start(children, {name: port for name, port in ports.items() if port is not None}, Path(folder))
            places = _places(children)
            if args.json:
                print(json.dumps(places), flush=True)
            else:
                _introduce(places, texts)
            _obey(sys.stdin, children, texts)
        except KeyboardInterrupt:
            pass  # the usual way to end it
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            for child in children.values():
                child.stop()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, before)
    return 0


def _start(children: dict[str, Child], ports: Mapping[str, int], folder: Path) -> None:
    """Start the controllers, each in a process of its own. Raises EdgeBridgeError when a port is taken."""
    for machine, port in ports.items():
        _require_free(port, f"--{_KINDS[machine]}-port")
    for machine, port in ports.items():
        options = {"port": port, **_START[machine]}
        children[machine] = simulator(_KINDS[machine], machine, options, folder / f"{machine}.log")


def _places(children: Mapping[str, Child]) -> dict[str, dict[str, object]]:
    """Wait until all are ready and return where they listen."""
    endpoint, *_ = children[MILL].ready()
    host, port = children[LATHE].ready()
    places: dict[str, dict[str, object]] = {
        MILL: {"protocol": "opcua", "endpoint": endpoint, "pid": children[MILL].pid},
        LATHE: {"protocol": "modbus", "host": host, "port": int(port), "unit": 1, "pid": children[LATHE].pid},
    }
    if TURN_MILL in children:
        (url,) = children[TURN_MILL].ready()
        places[TURN_MILL] = {"protocol": "mtconnect", "url": url, "pid": children[TURN_MILL].pid}
    return places


def _introduce(places: Mapping[str, Mapping[str, object]], texts: Texts) -> None:
    """Say where they are, and give the adapter files for them."""
    output.say(texts("simulate.running"), "bold")
    for machine, place in places.items():
        where = place.get("endpoint") or place.get("url")
        where = where or f"modbus-tcp://{place['host']}:{place['port']} (unit {place['unit']})"
        output.say(f"  {machine}  {where}", "green")
    for machine, place in places.items():
        output.say(f"\n# config/adapters/{machine}.yaml", "dim")
        print(_ADAPTERS[machine].format(**place), end="")
    output.say(f"\n{texts('simulate.help')}")
    sys.stdout.flush()


def _obey(lines: Iterable[str], children: Mapping[str, Child], texts: Texts) -> None:
    """Carry out lines until `quit` or the end. A line that makes no sense is told, and changes nothing."""
    for line in lines:
        machine, _, command = line.strip().partition(" ")
        if machine in ("quit", "exit"):
            return
        if not machine:
            continue
        if machine == "help":
            answer = texts("simulate.help")
        elif machine not in children or not command.strip():
            answer = texts("simulate.unknown", line=line.strip(), machines=", ".join(children))
        else:
            answer = _asked(children[machine], command)
        output.say(answer)
        sys.stdout.flush()


def _asked(child: Child, command: str) -> str:
    if command.split()[0] == "quit":
        return "error quit ends all of this: type it alone"
    try:
        return child.ask(command)
    except ChildError as error:
        return f"error {error}"


def _require_free(port: int, option: str) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError as error:
            what = f"port {port} on {HOST} cannot be used: {(error.strerror or str(error)).lower()}"
            raise EdgeBridgeError(what, f"end what listens there, or choose another with {option}") from error


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
