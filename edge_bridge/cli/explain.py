"""`edge-bridge explain`: why is it red, or green? Both sides of the evidence, in words, and what to do."""

from __future__ import annotations

import argparse

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.explained import ecn_data, machine_data, show_ecn, show_machine
from edge_bridge.cli.findings import Inquiry
from edge_bridge.cli.identify import nearest
from edge_bridge.domain.routing import machine_called
from edge_bridge.errors import EdgeBridgeError

NAME = "explain"
HELP = "Say why a machine or an ECN is red or green. Exit code 1: it is not green, or nothing is called that."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a machine's id or name, or an ECN's number."""
    parser.add_argument("name", metavar="MACHINE|ECN", help="a machine's id or name, or the number of an ECN")
    parser.add_argument("--all", action="store_true", help="every requirement, also those that nothing is wrong with")


def run(args: argparse.Namespace) -> int:
    """Explain it; 0 when it is green."""
    desk = Desk.of(args)
    with desk.database() as snapshot:
        inquiry = Inquiry(desk, snapshot)
        machine = machine_called(args.name, desk.config.plant.machines)
        number = None if machine else _number(args.name, inquiry)
        if machine is None and number is None:
            raise _unknown(args.name, desk, inquiry)
        if args.json:
            data = machine_data(machine, inquiry, desk) if machine else ecn_data(str(number), inquiry, desk)
            output.print_json(data)
            return int(data["colour"] != "green")
        if inquiry.no_daemon is not None and inquiry.running:
            output.paragraph(desk.words("no_word", why=inquiry.no_daemon.what), "bold red")
        if machine is not None:
            colour = show_machine(machine, inquiry, desk, everything=args.all)
        else:
            colour = show_ecn(str(number), inquiry, desk, everything=args.all)
    return int(colour != "green")


def _number(given: str, inquiry: Inquiry) -> str | None:
    """Return the number of the ECN that was meant: exactly, or but for blanks and case."""
    if inquiry.held(given) is not None:
        return given
    wanted = given.strip().casefold()
    return next((number for number in inquiry.numbers() if number.casefold() == wanted), None)


def _unknown(given: str, desk: Desk, inquiry: Inquiry) -> EdgeBridgeError:
    machines = desk.config.plant.machines.values()
    names = [*(one.id for one in machines), *(one.name for one in machines), *inquiry.numbers()]
    near = nearest(given, [name for name in names if name])
    hint = desk.words("explain.near", names=", ".join(near)) if near else desk.words("explain.see")
    return EdgeBridgeError(desk.words("explain.unknown", name=given), hint)
