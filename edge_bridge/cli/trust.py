"""`edge-bridge trust`: the certificates that machines show, by fingerprint; a person accepts or rejects each. Also our own."""

from __future__ import annotations

import argparse
import base64
import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_bridge import trusting
from edge_bridge.cli import output, shared
from edge_bridge.cli.desk import Desk, instant
from edge_bridge.control import NotRunning
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.errors import EdgeBridgeError, UsageError
from edge_bridge.pki import readable_fingerprint

NAME = "trust"
HELP = "Show the certificates that machines showed, and accept or reject one. Exit code 1: one waits for a decision."
LARGEST_FILE = 100_000  # bytes: a certificate has a few thousand
STYLES = {"trusted": "green", "waiting": "yellow", "rejected": "dim"}

Told = Mapping[str, Any]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take list, accept, reject, or export."""
    verbs = parser.add_subparsers(metavar="list|accept|reject|export", required=True)
    listing = verbs.add_parser("list", help="show all certificates, and our own", allow_abbrev=False)
    accepting = verbs.add_parser("accept", help="trust a certificate from now on", allow_abbrev=False)
    accepting.add_argument("which", metavar="FINGERPRINT|FILE", help="its start (8 hex digits or more), or its file")
    rejecting = verbs.add_parser("reject", help="trust a certificate no longer", allow_abbrev=False)
    rejecting.add_argument("which", metavar="FINGERPRINT", help="its start: 8 hex digits or more")
    exporting = verbs.add_parser("export", help="give our own certificate, to import at a control", allow_abbrev=False)
    exporting.add_argument("file", metavar="FILE", type=Path, nargs="?", help="where to; default: only say where it is")
    exporting.add_argument("--force", action="store_true", help="write over an existing file")
    for verb, work in ((listing, _list), (accepting, _accept), (rejecting, _reject), (exporting, _export)):
        shared(verb, first=False)
        verb.set_defaults(what=work)


def run(args: argparse.Namespace) -> int:
    """Show them, or carry out what was decided."""
    desk, _ = Desk.beside(args)
    return int(args.what(args, desk))


def _ask(desk: Desk, verb: str, **message: object) -> tuple[dict[str, Any], bool]:
    """Have the daemon do it, or do it here when none runs; return the answer, and whether a daemon gave it."""
    request = {"do": "trust", "verb": verb, "by": _person(), **message}
    try:
        return desk.ask(request), True
    except NotRunning:
        return trusting.carry_out(desk.config.pki, request, desk.now.utc), False


def _list(args: argparse.Namespace, desk: Desk) -> int:
    answer, _ = _ask(desk, "list")
    certificates, own = answer["certificates"], answer["own"]
    if args.json:
        output.print_json({"own": own, "certificates": certificates, "folders": answer["folders"]})
    else:
        for one in own:
            output.say(desk.words("trust.own", file=one["file"]), "bold")
            _fingerprints(one, desk)
        if not own:
            output.say(desk.words("trust.no_own"))
        if not certificates:
            output.say(desk.words("trust.none"))
        for certificate in certificates:
            output.say("")
            _show(certificate, desk)
    return int(any(one["standing"] == "waiting" for one in certificates))


def _show(one: Told, desk: Desk) -> None:
    """Print one certificate: what it is, how it is recognised, how long it is valid, and what to type."""
    subject = one["subject"] or desk.words("trust.no_name")
    said = desk.words(f"trust.{one['standing']}")
    output.say(desk.words("trust.head", standing=said, subject=subject), STYLES.get(one["standing"], ""))
    _fingerprints(one, desk)
    if one["endpoint"]:
        output.say(
            "  "
            + desk.words(
                "trust.met", machine=desk.called(one["machine"]), endpoint=one["endpoint"], at=desk.time(one["seen"])
            )
        )
    names = ", ".join([*one["uris"], *one["hosts"]])
    output.say(
        "  "
        + desk.words(
            "trust.valid", first=desk.time(one["not_before"]), last=desk.time(one["not_after"]), names=names or "–"
        )
    )
    for did in ("accepted", "rejected"):
        if one[did]:
            output.say("  " + desk.words(f"trust.{did}_by", by=one[f"{did}_by"], at=desk.time(one[did])))
    if not one["readable"]:
        output.say("  " + desk.words("trust.unreadable"), "yellow")
    if one["standing"] == "waiting":
        output.say("  " + desk.words("trust.decide", fingerprint=_short(one)), "bold")


def _fingerprints(one: Told, desk: Desk) -> None:
    output.say(f"  SHA-256 {one['sha256']}")
    output.say(f"  SHA-1   {one['sha1']}")


def _accept(args: argparse.Namespace, desk: Desk) -> int:
    file = Path(args.which)
    if readable_fingerprint(args.which) is None and file.is_file():
        if file.stat().st_size > LARGEST_FILE:
            raise EdgeBridgeError(
                desk.words("trust.no_certificate", which=args.which), desk.words("trust.no_certificate.fix")
            )
        return _decide(args, desk, "accept", certificate=base64.b64encode(file.read_bytes()).decode())
    return _decide(args, desk, "accept", fingerprint=args.which)


def _reject(args: argparse.Namespace, desk: Desk) -> int:
    return _decide(args, desk, "reject", fingerprint=args.which)


def _decide(args: argparse.Namespace, desk: Desk, verb: str, **meant: str) -> int:
    if "fingerprint" in meant and readable_fingerprint(meant["fingerprint"]) is None:
        raise UsageError(desk.words("trust.short", which=args.which))
    answer, running = _ask(desk, verb, **meant)
    if args.json:
        output.print_json(answer)
    elif answer["ok"]:
        _decided(verb, answer, desk, running=running)
    else:
        _refused(args.which, answer, desk)
    return 0 if answer["ok"] else 1


def _decided(verb: str, answer: Told, desk: Desk, *, running: bool) -> None:
    one = answer["certificate"]
    key = f"trust.did_{verb}" if answer["changed"] else f"trust.was_{verb}"
    output.say(desk.words(key, subject=one["subject"] or desk.words("trust.no_name")), "bold")
    _fingerprints(one, desk)
    if verb == "accept":
        if out_of_time := _out_of_time(one, desk.now.utc, desk):
            output.say(out_of_time, "yellow")
        output.say(desk.words("trust.compare"))
        output.say(desk.words("trust.connects" if running else "trust.later"))
    else:
        output.say(desk.words("trust.ends" if running else "trust.ended"))


def _refused(which: str, answer: Told, desk: Desk) -> None:
    if answer["reason"] == "several":
        listed = ", ".join(_short(one) for one in answer["found"])
        output.complain(desk.words("trust.several", which=which, count=len(answer["found"]), listed=listed))
    elif answer["reason"] == "unknown":
        output.complain(desk.words("trust.unknown", which=which))
    else:
        output.complain(f"{desk.words('trust.no_certificate', which=which)} → {desk.words('trust.no_certificate.fix')}")


def _out_of_time(one: Told, now: Milliseconds, desk: Desk) -> str:
    """Return a warning when an accepted certificate will be refused all the same."""
    first, last = instant(one["not_before"]), instant(one["not_after"])
    if first is not None and last is not None and not first <= now <= last:
        return desk.words("trust.out_of_time", first=desk.time(first), last=desk.time(last))
    return ""


def _export(args: argparse.Namespace, desk: Desk) -> int:
    answer, _ = _ask(desk, "export")
    if args.file is not None:
        _write(args.file, base64.b64decode(answer["der"]), desk, force=args.force)
    if args.json:
        output.print_json({key: value for key, value in answer.items() if key != "ok"})
        return 0
    output.say(desk.words("trust.own", file=args.file or answer["file"]), "bold")
    _fingerprints(answer, desk)
    output.say("  " + desk.words("trust.uri", uri=answer["uri"]))
    output.say(desk.words("trust.import"))
    return 0


def _write(file: Path, der: bytes, desk: Desk, *, force: bool) -> None:
    """Write it in DER, or in PEM when the name says so."""
    if file.suffix.lower() == ".pem":
        body = base64.encodebytes(der).decode().replace("\n", "")
        lines = [body[start : start + 64] for start in range(0, len(body), 64)]
        der = "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""]).encode()
    try:
        with file.open("wb" if force else "xb") as out:
            out.write(der)
    except FileExistsError:
        raise EdgeBridgeError(desk.words("trust.exists", file=file), desk.words("trust.exists.fix")) from None
    except OSError as error:
        raise EdgeBridgeError(desk.words("trust.unwritable", file=file, why=error.strerror)) from error


def _short(one: Told) -> str:
    """Return what is enough to type."""
    return str(one["sha256"]).replace(":", "")[:16]


def _person() -> str:
    """Return who types, for the record: the person behind sudo, else the user."""
    if behind := os.environ.get("SUDO_USER"):
        return behind
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
