"""What is known of the texts of a machine's programs: read beside the polls, one at a time, and believed only while the
control says that the file is still the one that was read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from adapters.opcua.decode import Found, Known, Layout
from adapters.opcua.files import File, Locates, Locator, NoFileError
from adapters.opcua.transfer import FileError, Stat, Transfers, stat, transferred
from edge_bridge.domain import program
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.domain.nc_program import HEAD_BYTES, WHOLE_BYTES, Content, content
from edge_bridge.domain.reading import Execution, Fault
from edge_bridge.domain.version import Extractor
from edge_bridge.ports import Clock

TRY_AGAIN: Milliseconds = 10_000  # after a file could not be read
MOST_PROGRAMS = 16  # of which the text is read at a time: a wrapper that calls more is cut there, with a fault
CONFIRM_AFTER: Milliseconds = 3_000  # a control's file times count seconds: what changes within one looks unchanged
PATIENCE_SECONDS = 0.25  # a reading waits that long for size and time of its files, then goes without their versions
ATTEMPTS = 3
_NEVER: Milliseconds = 10**18
_READING = "its text is being read"
_TEXTS = {Extractor.HEADER, Extractor.COMMENT, Extractor.DIGEST}


def most_files(layout: Layout) -> int:
    """Return of how many program texts size and time are asked with each reading, at most."""
    if layout.judge != "called_by_main" and not any(entry.extractor in _TEXTS for entry in layout.extractors):
        return 0
    return 1 if layout.judge in ("main", "active") else MOST_PROGRAMS


class Serves(Transfers, Locates, Protocol):
    """What reading program texts needs of a session."""


@dataclass(slots=True, eq=False)
class _Program:
    """One program whose text is wanted. text: what was read of it, None while nothing is to be believed; why: says so."""

    raw: str
    whole: bool
    file: File | None = None
    stat: Stat = field(default_factory=Stat)
    text: Content | None = None
    why: str = _READING
    due: Milliseconds = 0  # when it is read, or read again

    def doubt(self, why: str, now: Milliseconds) -> None:
        """Believe nothing of it until it is read again."""
        self.text, self.why, self.due = None, why, now


class ProgramTexts:
    """The texts of one connection. `known` is asked for each reading, and goes on with what there is."""

    def __init__(self, layout: Layout, session: Serves, clock: Clock, namespace: str | None) -> None:
        self._session = session
        self._clock = clock
        self._layout = layout
        self._locator = Locator(layout.files, session, clock, namespace, layout.root)
        kinds = {entry.extractor for entry in layout.extractors}
        self._texts = bool(kinds & _TEXTS)
        self._whole = Extractor.DIGEST in kinds
        self._calls = layout.judge == "called_by_main"
        self._programs: dict[str, _Program] = {}
        self._running = False
        self._transfer: asyncio.Task[None] | None = None
        self._stats: asyncio.Task[list[Stat]] | None = None
        self._asked: list[_Program] = []
        self._current: _Program | None = None
        self._cut = False

    @property
    def busy(self) -> bool:
        """Whether a text is being read now: the next reading may know more."""
        return self._transfer is not None and not self._transfer.done()

    async def finished(self) -> None:
        """Return when no text is being read any more."""
        if self._transfer is not None:
            await asyncio.wait([self._transfer])

    async def close(self) -> None:
        """Stop reading; a file that is open is closed on the control first."""
        tasks = [task for task in (self._transfer, self._stats) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # what ended them, ended the connection

    async def known(self, found: Found) -> Known:
        """Return what is known of the programs that a reading names. Raises AdapterError when the connection is no good.

        It asks the control whether the files changed, at most PATIENCE_SECONDS long, and starts reading what did.
        """
        if not self._texts and not self._calls:
            return Known()
        self._raise_what_ended_it()
        self._started_anew(found)
        main = found.texts.get("main_program")
        wanted = self._want(found, main)
        sure = await self._compare(wanted)
        self._read_on()
        return self._told(wanted, main, sure)

    def _want(self, found: Found, main: str | None) -> list[_Program]:
        """Return the programs whose text is wanted now, known ones as they are, and forget all others."""
        keep: dict[str, _Program] = {}
        self._cut = False

        def want(raw: str, *, whole: bool) -> None:
            key = self._key(raw)
            if key in keep:
                return
            if len(keep) >= MOST_PROGRAMS:
                self._cut = True
                return
            old = self._programs.get(key)
            same = old is not None and old.raw == raw and old.whole >= whole  # another path may be another file
            keep[key] = old if same and old is not None else _Program(raw, whole, due=self._now())

        if self._calls and main is not None:
            want(main, whole=True)
            text = keep[self._key(main)].text
            for raw in (text.calls or ()) if text is not None and self._texts else ():
                want(raw, whole=self._whole)
        elif not self._calls:
            for raw in self._judged(found, main):
                want(raw, whole=self._whole)
        self._programs = keep
        return list(keep.values())

    def _judged(self, found: Found, main: str | None) -> Iterable[str]:
        active = found.texts.get("active_program")
        names: Sequence[str | None] = (main,)
        if self._layout.judge == "active":
            names = (active,)
        elif self._layout.judge == "any_in_stack":
            names = (main, *found.stack, active)
        return (raw for raw in names if raw is not None)

    def _started_anew(self, found: Found) -> None:
        """Doubt undated texts when a program starts: what is produced now may be another one than what was read."""
        running = found.execution is Execution.RUNNING
        if running and not self._running:
            for one in self._programs.values():
                if one.text is not None and not one.stat.dated:
                    one.doubt(_READING, self._now())
        self._running = running

    async def _compare(self, wanted: Sequence[_Program]) -> bool:
        """Doubt each text whose file changed; tell whether the control said, in time, that the others did not."""
        if self._stats is None:
            self._asked = [one for one in wanted if one.text is not None and one.file is not None]
            files = [one.file for one in self._asked if one.file is not None]
            if not any(file.size is not None or file.modified is not None for file in files):
                return True
            self._stats = asyncio.create_task(stat(self._session, files))
        await asyncio.wait([self._stats], timeout=PATIENCE_SECONDS)
        if not self._stats.done():
            return False
        task, self._stats = self._stats, None
        now = self._now()
        try:
            stats = task.result()
        except FileError as error:
            self._locator.forget()
            for one in self._asked:
                one.file = None
                one.doubt(str(error), now)
            return True
        for one, new in zip(self._asked, stats, strict=True):
            if new != one.stat:
                one.doubt("it changed at the control, and is being read", now)
        unasked = [one for one in wanted if one.text is not None and one not in self._asked]
        return not unasked

    def _read_on(self) -> None:
        if self._transfer is not None and self.busy and self._current not in self._programs.values():
            self._transfer.cancel()  # nobody asks for it any more; the next look reads what is asked for
        elif not self.busy and any(one.due <= self._now() for one in self._programs.values()):
            self._transfer = asyncio.create_task(self._read_due())

    async def _read_due(self) -> None:
        """Read what is due, one file after the other. What a reading no longer wants meanwhile is left out."""
        while due := [one for one in self._programs.values() if one.due <= self._now()]:
            self._current = one = due[0]
            try:
                await self._read(one)
            except (FileError, NoFileError) as error:
                if isinstance(error, FileError) and error.moved:
                    one.file = None
                    self._locator.forget()
                one.doubt(str(error), self._now() + TRY_AGAIN)

    async def _read(self, one: _Program) -> None:
        """Read one program; a file that changes meanwhile is read again, and belongs to nothing if it never stands still."""
        one.file = one.file or await self._locator.file(one.raw)
        for _ in range(ATTEMPTS):
            (before,) = await stat(self._session, [one.file])
            large = before.size is not None and before.size > WHOLE_BYTES
            most = WHOLE_BYTES if one.whole and not large else HEAD_BYTES
            data, complete = await transferred(self._session, self._clock, one.file, most)
            (after,) = await stat(self._session, [one.file])
            torn = complete and after.size and len(data) != after.size  # a size of 0 is said of files that are open
            if before == after and not torn:
                break
        else:
            why = f"it has {after.size} bytes, and {len(data)} were read" if before == after else "it changes"
            raise FileError(f"{why} again and again while it is read")
        if not data:
            raise FileError("it is empty")
        seen_before = one.text is not None and one.stat == after
        one.stat = after
        one.text = content(one.raw, one.file.place, data, whole=complete and one.whole)
        one.why = "" if complete or not one.whole else f"is larger than {WHOLE_BYTES // 1_000_000} MB: not read whole"
        again = _NEVER if seen_before else self._now() + min(CONFIRM_AFTER, self._layout.recheck)
        one.due = again if after.dated else self._now() + self._layout.recheck

    def _told(self, wanted: Sequence[_Program], main: str | None, sure: bool) -> Known:
        faults: list[Fault] = []
        texts: list[Content] = []
        for one in wanted:
            if one.text is not None and not sure:
                faults.append(Fault("version", f"{one.raw}: the control does not say in time whether its file changed"))
            elif one.text is not None:
                texts.append(one.text)
            if one.text is None or one.why:
                faults.append(Fault("version", f"{one.raw}: {one.why}"))
        if self._cut:
            faults.append(Fault("version", f"only the texts of the first {MOST_PROGRAMS} programs are read"))
        called: tuple[str, ...] | None = None
        if self._calls and main is not None:
            wrapper = self._programs[self._key(main)]
            faults = [fault for fault in faults if self._texts or not fault.error.startswith(f"{main}: ")]
            if wrapper.text is not None and sure and wrapper.text.calls is not None:
                called = wrapper.text.calls
            else:
                why = wrapper.why or "the control does not say in time whether its file changed"
                faults.append(Fault("called", f"{main}: {why}"))
        return Known(tuple(texts), called, tuple(faults))

    def _raise_what_ended_it(self) -> None:
        if self._transfer is not None and self._transfer.done() and not self._transfer.cancelled():
            failed, self._transfer = self._transfer.exception(), None
            if failed is not None:
                raise failed

    def _key(self, raw: str) -> str:
        return program.key(raw, exact=self._layout.exact_names)

    def _now(self) -> Milliseconds:
        return self._clock.now().boottime
