"""`edge-bridge check`: every problem of the configuration with its place and its fix, and what was understood."""

from __future__ import annotations

import argparse
import re

from edge_bridge import config
from edge_bridge.cli import output
from edge_bridge.cli.check_probe import probe_all
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.problems import language_for, shown
from edge_bridge.clock import SystemClock
from edge_bridge.config import Config
from edge_bridge.domain.plant import Party
from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.options import duration_text

NAME = "check"
HELP = (
    "Validate everything without touching the network. Exit code 78: the daemon would not start; 0: it would. With --probe "
    "also look once at every machine and source; exit code 1: one of them cannot be read."
)
_PLACE = re.compile(r"(?P<file>.*):(?P<line>\d+):(?P<column>\d+)", re.DOTALL)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take `--probe`."""
    parser.add_argument(
        "--probe", action="store_true", help="also connect once to each machine and source, all at once"
    )


def run(args: argparse.Namespace) -> int:
    """Check the folder, print what is wrong and what was understood."""
    folder = config.folder_for(args.config)
    try:
        found = config.load(folder, SystemClock())
    except ConfigError as error:
        problems = error.problems if isinstance(error, ConfigErrors) else (error,)
        _refuse(problems, as_json=args.json, language=language_for(args))
        return ConfigError.exit_code
    language = args.lang or found.language
    desk = Desk(found, language, SystemClock().now())
    if args.json:
        probes = probe_all(desk, as_json=True, debug=args.debug) if args.probe else []
        fine = all(one["ok"] for one in probes)
        warnings = [_problem(one, "warning") for one in found.warnings]
        data = {"ok": fine, "problems": warnings, **_summary(found)}
        output.print_json({**data, "probes": probes} if args.probe else data)
        return int(not fine)
    for warning in found.warnings:
        output.say(f"{output.word('warning', language)}: {shown(warning, language)}", "yellow")
    _show(found, language)
    if args.probe:
        return int(not all(one["ok"] for one in probe_all(desk, as_json=False, debug=args.debug)))
    return 0


def _refuse(problems: tuple[ConfigError, ...], *, as_json: bool, language: str) -> None:
    if as_json:
        output.print_json({"ok": False, "problems": [_problem(one, "error") for one in problems]})
        return
    for problem in problems:
        output.say(shown(problem, language), "red")
    count = f"{len(problems)} {output.word('problem' if len(problems) == 1 else 'problems', language)}"
    output.say(f"{count}: edge-bridge {output.word('would not start', language)}", "bold")


def _problem(problem: ConfigError, level: str) -> dict[str, object]:
    place = _PLACE.fullmatch(problem.where)
    return {
        "level": level,
        "file": place["file"] if place else None,
        "line": int(place["line"]) if place else None,
        "column": int(place["column"]) if place else None,
        "key": ".".join(str(part) for part in problem.key),
        "what": problem.what,
        "fix": problem.hint,
    }


def _summary(found: Config) -> dict[str, object]:
    plant = found.plant
    return {
        "site": plant.site,
        "gateway": plant.gateway,
        "digest": found.digest,
        "machines": [
            {"id": m.id, "name": m.name, "area": m.area, "kind": found.adapters[m.id].kind}
            for m in plant.machines.values()
        ],
        "sources": [{"id": s.id, "name": s.name, "kind": found.adapters[s.id].kind} for s in plant.sources.values()],
        "shares": [
            {"id": s.id, "name": s.name, "machines": s.machines, "kind": found.adapters[s.id].kind}
            for s in plant.shares.values()
        ],
        "routes": len(plant.routes),
        "parties": [{"id": p.id, "cards": p.cards, "areas": p.areas} for p in plant.parties.values()],
    }


def _show(found: Config, language: str) -> None:
    plant = found.plant
    machines = [
        (m.id, m.name, m.area, found.adapters[m.id].kind, duration_text(m.every), m.judge)
        for m in plant.machines.values()
    ]
    if machines:
        output.print_table(("machine", "name", "area", "kind", "every", "judged"), machines, language=language)
    if plant.folders:
        sources = [(source.id, source.name, found.adapters[source.id].kind) for source in plant.folders.values()]
        output.print_table(("source", "name", "kind"), sources, language=language)
    output.print_table(
        ("party", "cards", "areas"), [_party(party, language) for party in plant.parties.values()], language=language
    )
    counts = ((plant.machines, "machine"), (plant.sources, "source"), (plant.routes, "route"), (plant.parties, "party"))
    plurals = {"machine": "machines", "source": "sources", "route": "routes", "party": "parties"}
    said = ", ".join(
        f"{len(held)} {output.word(one if len(held) == 1 else plurals[one], language)}" for held, one in counts
    )
    ending = f"edge-bridge {output.word('would start', language)}"
    output.say(f"{plant.site}/{plant.gateway}: {said}, {found.mqtt.address}: {ending}", "bold green")


def _party(party: Party, language: str) -> tuple[str, str, str]:
    cards = output.word("usual", language) if party.cards is None else ", ".join(party.cards)
    return party.id, cards, output.word("all", language) if party.areas is None else ", ".join(party.areas)
