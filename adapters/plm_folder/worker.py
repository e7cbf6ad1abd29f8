"""The processes that read hostile files: no rights to lose, limits on time and memory, and gone when the daemon is.

`python -m adapters.plm_folder.worker MODULE:FUNCTION PARENT` reads none itself. It is told options and limits on standard
input, a Unix socket, and forks a process for each message with a socket for files; that one answers them in their order
(see `answers`). A file can spoil only the process that reads it: the next one is forked from what no file has touched.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import mmap
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from adapters.plm_folder.answers import Answers
from adapters.plm_folder.frames import COUNT, Header, frame, read_frame
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.domain.ecn import EcnDraft

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_FILES = 32
_LONGEST = 1 << 18  # bytes of one message


class Parse(Protocol):
    """What reads a file's bytes: `reading.read_file`."""

    def __call__(self, data: bytes, options: PlmFolderOptions, *, settled: bool) -> tuple[EcnDraft, ...]:
        """Return the ECNs. Raises Unreadable."""


def main(entry: str, parent: int) -> int:
    """Fork a parser whenever the daemon asks for one, until it closes its end."""
    _end_with(parent)
    control = socket.socket(fileno=os.dup(0))
    try:
        born = _born(control, entry)
    except ConnectionError:
        return 0  # the daemon is gone
    if born is None:
        return 0
    parse, options, settings, handles = born
    return _serve(parse, options, settings, *handles)


def _born(control: socket.socket, entry: str) -> tuple[Parse, PlmFolderOptions, Header, list[int]] | None:
    """Fork when asked to; return in each child what it needs, and None here when no more are wanted."""
    if not (asked := control.recv(_LONGEST)):
        return None
    settings = json.loads(asked)
    module, _, name = entry.partition(":")
    parse: Parse = getattr(importlib.import_module(module), name)
    options = PlmFolderOptions.model_validate(settings["options"], context={"root": Path(settings["root"])})
    gc.collect()
    gc.freeze()  # what is here now is shared with the children as long as nobody touches it
    os.dup2(1, 0)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: _tell_ends(control))
    control.send(b"ready")
    nursery = os.getpid()
    while True:
        message, handles, _flags, _address = socket.recv_fds(control, _LONGEST, 2)
        if not message:
            return None
        # until its birth is told, nobody must hear of its end
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        if (child := os.fork()) == 0:
            break
        for handle in handles:
            os.close(handle)
        control.send(json.dumps({"born": child}).encode())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    control.close()
    _end_with(nursery)
    return parse, options, settings, handles


def _tell_ends(control: socket.socket) -> None:
    """Take back the children that have ended, and say how."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(ended[1])
            control.send(json.dumps({"ended": ended[0], "code": code}).encode())


def _serve(parse: Parse, options: PlmFolderOptions, settings: Header, pipe: int, shared: int) -> int:
    """Answer requests until the daemon closes its end. shared: memory in which it sees how many files were begun."""
    begun = mmap.mmap(shared, COUNT.size)
    os.close(shared)
    requests, answers = os.fdopen(pipe, "rb", 1 << 16), os.fdopen(os.dup(pipe), "wb", 1 << 16)
    _limit(settings["memory"])
    answers.write(frame({"is": "ready"}))
    answers.flush()
    count = 0
    while (request := read_frame(requests)) is not None:
        told = Answers(answers.write)
        for data, settled in _files(*request):
            count += 1
            COUNT.pack_into(begun, 0, count)
            _allow_time(settings["seconds"])
            _answer(told, parse, data, options, settled=settled)
        told.end()
        answers.flush()
    return 0


def _files(header: Header, body: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield the files of one request, each with whether it has settled."""
    at = 0
    for length, settled in header["files"]:
        yield body[at : at + length], settled
        at += length


def _answer(told: Answers, parse: Parse, data: bytes, options: PlmFolderOptions, *, settled: bool) -> None:
    """Answer one file."""
    try:
        told.ecns(parse(data, options, settled=settled))
    except Unreadable as refusal:
        facts = {key: value if isinstance(value, str | int) else str(value) for key, value in refusal.facts.items()}
        told.nothing({"is": "unreadable", "kind": refusal.kind, "where": refusal.where, "facts": facts})
    except MemoryError:
        gc.collect()
        told.nothing({"is": "memory"})
    except Exception as defect:  # noqa: BLE001 - a reader's defect on one file must not be the end of the others
        told.nothing({"is": "defect", "error": type(defect).__name__, "text": traceback.format_exc()})


def _end_with(parent: int) -> None:
    """Let the kernel end this process with the daemon, even while it computes, and before it; and gain no rights by any file."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Where memory runs out, a file is refused and the daemon goes on. A /proc that may not be written is no reason to read none.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as first_to_go:
        first_to_go.write("1000")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the daemon, which then ends this
    if os.getppid() != parent:
        raise SystemExit(0)  # it was gone before the kernel was asked


def _limit(memory: int) -> None:
    """Bound memory above what is in use now, forbid writing files, core dumps and many handles; then be silent."""
    with open("/proc/self/statm", encoding="ascii") as sizes:
        in_use = int(sizes.read().split()[0]) * resource.getpagesize()
    for kind, most in (
        (resource.RLIMIT_AS, in_use + memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        resource.setrlimit(kind, (most, most))
    os.dup2(1, 2)


def _allow_time(seconds: int) -> None:
    """Give the next file its own processor time: the limit counts from the start of the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard: Any = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
