"""`check --probe`: one look at every adapter at once, each bounded in time, one line for each as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from edge_bridge.cli import output
from edge_bridge.cli.chosen import sessions, title, where
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.patience import Patience, to_the_end
from edge_bridge.cli.probe_judged import Judgement, judged, no_version
from edge_bridge.cli.probe_look import Looked, look
from edge_bridge.cli.probe_view import milliseconds
from edge_bridge.config import AdapterConfig
from edge_bridge.domain.told import program_data

AT_ONCE = 50  # sessions that are opened at the same time: more would only wait for each other


def probe_all(desk: Desk, *, as_json: bool, debug: bool) -> list[dict[str, Any]]:
    """Look at every adapter once, print a line for each, and return them for programs; `ok` says whether all is well."""
    held, silent = sessions(desk)
    if not as_json:
        output.say("")
        if silent is not None:
            output.paragraph(desk.words("probe.silent", why=silent.what), "yellow")
        if held:
            output.paragraph(desk.words("check.held", count=len(held)), "yellow")
    found = to_the_end(_looks(desk, held, as_json=as_json), desk, debug=debug)
    order = list(desk.config.adapters)
    lines = [line for _, line in sorted(found, key=lambda one: order.index(one[0]))]
    if not as_json:
        wrong = sum(not line["ok"] for line in lines)
        text = desk.words("check.probed.wrong" if wrong else "check.probed", count=len(lines), wrong=wrong)
        output.paragraph(text, "bold red" if wrong else "bold green")
    return lines


async def _looks(
    desk: Desk, held: Mapping[str, Mapping[str, Any]], *, as_json: bool
) -> list[tuple[str, dict[str, Any]]]:
    adapters = desk.config.adapters
    gate, found = asyncio.Semaphore(AT_ONCE), list[tuple[str, dict[str, Any]]]()

    async def one(adapter: AdapterConfig) -> Looked:
        async with gate:
            return await look(adapter, held.get(adapter.id))

    async with Patience(desk, desk.words("check.waiting", done=0, of=len(adapters)), silent=as_json) as patience:
        tasks = [asyncio.create_task(one(adapter), name=name) for name, adapter in adapters.items()]
        try:
            for next_one in asyncio.as_completed(tasks):
                looked = await next_one
                seen = judged(looked, desk)
                found.append((looked.id, _line(looked, seen, desk)))
                if not as_json:
                    patience.clear()
                    _say(found[-1][1], looked, seen, desk)
                patience.say(desk.words("check.waiting", done=len(found), of=len(adapters)))
        finally:  # Ctrl-C: every session is closed before the command ends
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return found


def _line(looked: Looked, seen: Judgement | None, desk: Desk) -> dict[str, Any]:
    """Return one adapter's line for programs."""
    what, fix = _wrong(looked, seen, desk)
    return {
        "adapter": looked.id,
        "kind": looked.adapter.kind,
        "where": where(looked.adapter),
        "ok": not what,
        "asked_daemon": looked.asked,
        "total_ms": None if looked.error is not None or looked.asked else round(looked.total, 1),
        "what": what or None,
        "fix": fix or None,
        "reading": program_data(looked.reading) if looked.reading is not None else None,
    }


def _wrong(looked: Looked, seen: Judgement | None, desk: Desk) -> tuple[str, str]:
    """Return what is wrong with what was seen, and what to do about it; a version that will count later is not wrong."""
    see = desk.words("check.see", adapter=looked.id)
    if looked.error is not None:
        return looked.error.what, looked.error.hint or see
    faults = {fault.field: fault.error for fault in (looked.reading.faults if looked.reading is not None else ())}
    if looked.asked and looked.held is not None:
        faults = looked.held["faults"]
    if faults:
        return desk.joined(*(desk.words("explain.fault", field=key, error=error) for key, error in faults.items())), see
    if seen is None or seen.only_unbound:
        return "", ""
    what, _, fix = (no_version(seen, desk) or "").partition(" → ")
    return what, fix


def _say(line: Mapping[str, Any], looked: Looked, seen: Judgement | None, desk: Desk) -> None:
    name = title(looked.adapter)
    if not line["ok"]:
        output.paragraph(
            desk.words(
                "check.wrong", adapter=name, what=desk.reason(str(line["what"])), fix=desk.reason(str(line["fix"]))
            ),
            "red",
        )
    elif looked.asked and looked.held is not None:
        output.paragraph(desk.words("check.asked", adapter=name, age=desk.since(looked.held["seen"])), "green")
    else:
        shown = desk.joined(*_shown(looked, seen, desk))
        output.paragraph(desk.words("check.ok", adapter=name, took=milliseconds(looked.total), shown=shown), "green")


def _shown(looked: Looked, seen: Judgement | None, desk: Desk) -> Sequence[str]:
    """Return what was seen, in a few words."""
    if looked.folder is not None:
        return (desk.words("check.folder", files=looked.folder.files),)
    if looked.reading is None or seen is None:
        return (desk.words("check.connected"),)
    answer = next((one for one in seen.answers if one.counts), None) or next(
        (one for one in seen.answers if one.fits and not one.bound), None
    )
    version = answer.normalised if answer is not None else "–"
    key = "check.program" if answer is None or answer.counts else "check.program.later"
    return (desk.words(key, program=looked.reading.main_program or "–", version=version),)
