"""`edge-bridge version-test`: paste program headers or names, and see every extractor's answer, and which one would count."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from edge_bridge.cli import output
from edge_bridge.cli.chosen import chosen, title
from edge_bridge.cli.version_samples import STDIN, Sample, samples
from edge_bridge.cli.version_tried import Testing, tried
from edge_bridge.cli.version_view import as_data, good, show
from edge_bridge.cli.words import words
from edge_bridge.domain.version import Scheme, VersionRule
from edge_bridge.errors import ConfigError, UsageError
from edge_bridge.options import ExtractorOptions, read_options

NAME = "version-test"
HELP = (
    "Try version patterns on program headers and names. Without --header, --name, --path, --comment and --value they are "
    "read from standard input, apart where a line --- stands between them. Exit code 1: one of them gives no version, one "
    "that does not fit the scheme, or not the required one."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take the adapter whose `version:` is tried, what it is tried on, and patterns of one's own."""
    parser.add_argument(
        "adapter", metavar="ADAPTER", nargs="?", help="the machine or program share whose `version:` is tried"
    )
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="FILE",
        help=f"a program's first lines; {STDIN}: standard input",
    )
    parser.add_argument(
        "--name", action="append", default=[], metavar="NAME", help="a program's name, as the control has it"
    )
    parser.add_argument("--path", metavar="PATH", help="the program's path")
    parser.add_argument("--comment", metavar="TEXT", help="the control's remark on the program")
    parser.add_argument("--value", metavar="TEXT", help="what the variable or register holds")
    parser.add_argument(
        "--pattern", action="append", default=[], metavar="REGEX", help="a pattern to try, with (?P<version>...) in it"
    )
    parser.add_argument("--which", choices=("first", "last"), help="which match of --pattern counts (default: first)")
    parser.add_argument("--required", metavar="V", help="compare with this version")
    parser.add_argument(
        "--scheme", choices=tuple(Scheme), help="how versions are compared (default: the machine's, or exact)"
    )


def run(args: argparse.Namespace) -> int:
    """Try it; 0 when every sample gives a version that is as wanted."""
    testing, language, name = _testing(args)
    given = samples(args, language)
    if args.pattern:
        testing = replace(testing, entries=(*testing.entries, *_own(args, given)))
    found = [(sample, tried(sample, testing)) for sample in given]
    if args.json:
        output.print_json(as_data(name, testing, found))
    else:
        show(name, testing, found, language)
    return int(not all(good(answers, testing) for _, answers in found))


def _testing(args: argparse.Namespace) -> tuple[Testing, str, str | None]:
    """Return what is tried, the language, and the machine's id; without a machine no configuration is needed."""
    language = args.lang or "en"
    if args.adapter is None:
        if not args.pattern:
            raise UsageError(words(language, "version.what"), words(language, "version.what.fix"))
        return Testing((), VersionRule(Scheme(args.scheme or Scheme.EXACT)), required=args.required), language, None
    desk, adapter = chosen(args, args.adapter)
    entries = getattr(adapter.options, "version", None)
    if entries is None:
        raise UsageError(desk.words("version.none_here", adapter=title(adapter)), desk.words("version.what.fix"))
    machine = desk.config.plant.machines.get(adapter.id)
    rule = machine.rule if machine is not None else VersionRule()
    rule = replace(rule, scheme=Scheme(args.scheme)) if args.scheme else rule
    exact = machine is not None and machine.exact_names
    if not entries and not args.pattern:
        entries = (ExtractorOptions(variable="version"),)  # the register or node of that name alone
    return Testing(entries, rule, exact, args.required), desk.language, adapter.id


def _own(args: argparse.Namespace, given: tuple[Sample, ...]) -> list[ExtractorOptions]:
    """Return the patterns from the command line, as entries for whatever was given. Raises UsageError for one that is none."""
    kinds = [
        kind
        for kind, there in (
            ("header", any(one.text for one in given)),
            ("comment", args.comment is not None),
            ("name", any(one.name for one in given)),
            ("path", any(one.path for one in given)),
        )
        if there
    ]
    return [_entry(kind, pattern, args.which) for pattern in args.pattern for kind in kinds or ["header"]]


def _entry(kind: str, pattern: str, which: str | None) -> ExtractorOptions:
    values: dict[str, Any] = {kind: pattern}
    if which is not None and kind in ("header", "comment"):
        values["which"] = which
    try:
        return read_options(ExtractorOptions, values)
    except ConfigError as error:
        raise UsageError(f"--pattern {pattern!r}: {error.what}", error.hint) from error
