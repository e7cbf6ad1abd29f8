"""Hostile files: a parser that burns, eats, crashes or hangs is ended, its file refused, and the next one read."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import perf_counter

import pytest

from adapters.plm_folder.groups import Outcome, Question
from adapters.plm_folder.sandbox import READER, Limits, Sandbox
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.errors import AdapterError
from tests.integration.hostile_reader import HostileFolderAdapter, asked, parsed
from tests.plm_hostile import old_workbooks
from tests.waiting import until, until_sync

ECN = b"number,status\nEC-%d,released\n"
OPTIONS = {"adapter": "plm_folder", "path": "/nowhere"}
QUICK = Limits(processor=1, wall=6.0, idle=0.5)


@asynccontextmanager
async def sandbox(limits: Limits = QUICK, reader: str = HostileFolderAdapter.reader) -> AsyncIterator[Sandbox]:
    """Open a sandbox that is warm; it leaves no process behind."""
    made = Sandbox("plm", OPTIONS, "", limits, reader)
    pids: set[int] = set()
    try:
        await parsed(made, ECN % 0)
        yield made
        pids.update(made.pids)
    finally:
        await made.close()
    assert [pid for pid in pids if runs(pid)] == []


def state_of(pid: int) -> tuple[str, int]:
    """Return a process's state and its parent (proc(5), stat fields 3 and 4). Raises OSError."""
    state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    return state, int(parent)


def runs(pid: int) -> bool:
    """Tell whether a process is there and not only its name, which stays until its parent has looked."""
    try:
        return state_of(pid)[0] != "Z"
    except OSError:
        return False


async def refused(made: Sandbox, data: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        await parsed(made, data)
    return caught.value


@pytest.mark.parametrize(
    ("file", "kind", "detail"),
    [
        (b"#burn", "too_slow", "given up after"),
        (b"#wait", "too_slow", "6 s"),
        (b"#eat", "too_much_memory", "300 MB"),
        (b"#crash", "crashed", "SIGSEGV"),
        (b"#exit", "crashed", "exit code 7"),
        (b"#defect", "defect", "TypeError"),
        (b"#write /tmp/hostile", "defect", "OSError"),
    ],
)
async def test_a_file_that_breaks_a_limit(file: bytes, kind: str, detail: str) -> None:
    """It is refused with what it did; the next file is read, by the same process or a new one."""
    async with sandbox() as made:
        refusal = await refused(made, file)
        assert (refusal.kind, detail in refusal.what) == (kind, True), refusal.what
        assert refusal.hint
        assert (await parsed(made, ECN % 1))[0].number == "EC-1"


async def test_a_slow_file_holds_up_nobody() -> None:
    """Files behind one that burns come out in order, within a second or so; it is refused when its time is over."""
    async with sandbox() as made:
        overtaken = asyncio.Event()
        slow = asyncio.create_task(parsed(made, b"#burn", overtaken.set))
        began = perf_counter()
        found: list[str] = []

        async def one(number: int) -> None:
            found.append((await parsed(made, ECN % number))[0].number)

        await asyncio.gather(*(one(number) for number in range(10)))
        print(f"the next ten files behind a slow one: {perf_counter() - began:.2f} s")
        assert found == [f"EC-{number}" for number in range(10)]
        assert overtaken.is_set()
        assert not slow.done()
        with pytest.raises(Unreadable, match="given up"):
            await slow


async def test_large_files_behind_one_that_spoils_its_process_are_read() -> None:
    """A new process has begun none of them while the first is still on its way to it: that is no reason to give one up."""
    async with sandbox() as made:
        spoiling = asked(made, b"#eat\n" + b"x" * 300_000)
        behind = [asked(made, b"#" + b"x" * 18_000_000 + b"\n" + ECN % number) for number in range(4)]
        with pytest.raises(Unreadable, match="300 MB"):
            await spoiling
        assert [(await large)[0].number for large in behind] == [f"EC-{number}" for number in range(4)]


async def test_the_largest_file_that_may_be_set_reaches_the_parser() -> None:
    """What is said of it is what is in it, not that the process ended."""
    made = Sandbox("plm", OPTIONS | {"max_file_size": "100MB"}, "", QUICK, HostileFolderAdapter.reader)
    try:
        assert (await parsed(made, b"#" + b"x" * 99_000_000 + b"\n" + ECN % 1))[0].number == "EC-1"
    finally:
        await made.close()


async def test_two_slow_files_in_a_row_hold_up_nobody() -> None:
    """The good file behind them is read before either has its verdict, whether they compute or hang."""
    async with sandbox() as made:
        for files in ([b"#burn", b"#burn"], [b"#wait", b"#burn"]):
            began = perf_counter()
            slow = [asked(made, file) for file in files]
            assert (await asked(made, ECN % 1))[0].number == "EC-1"
            print(f"the good file behind {files}: {perf_counter() - began:.2f} s")
            assert not any(answer.done() for answer in slow)
            for answer in slow:
                with pytest.raises(Unreadable, match="given up"):
                    await answer


async def test_a_hostile_file_among_many_is_the_only_one_to_suffer() -> None:
    """Files that come together go to the process together: each that breaks a limit is told with its own reason, whatever it
    says of others, and all others are read, in their order."""
    told: dict[int, Outcome] = {}
    order: list[int] = []
    hostile = {5: b"#crash", 9: b"#eat", 10: b"#defect", 20: b"#blame", 31: b"#exit", 40: b"#kill", 41: b"#burn"}
    files = [hostile.get(number, ECN % number) for number in range(70)]

    def tell(number: int, outcome: Outcome) -> None:
        assert number not in told
        told[number] = outcome
        order.append(number)

    async with sandbox() as made:
        made.ask([Question(data, True, partial(tell, n), lambda: None) for n, data in enumerate(files)])
        await until(lambda: len(told) == len(files), within=60)
    said = {number: outcome for number, outcome in told.items() if number not in hostile}
    assert {number: outcome[0].number for number, outcome in said.items() if not isinstance(outcome, Exception)} == {
        number: f"EC-{number}" for number in range(70) if number not in hostile
    }
    assert {number: str(told[number]).partition(":")[0][:30] for number in hostile} == {
        5: "the program that reads it ende",
        9: "reading it takes more than 300",
        10: "reading it met a defect in edg",
        20: "the program that reads it ende",
        31: "the program that reads it ende",
        40: "the program that reads it ende",
        41: "reading it was given up after ",
    }
    assert [
        ("SIGSEGV" in str(told[n]), "code 7" in str(told[n]), "SIGKILL" in str(told[n])) for n in (5, 20, 31, 40)
    ] == [
        (True, False, False),
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    quick = [number for number in order if number != 41]
    assert quick == sorted(quick)


async def test_a_damaged_old_workbook_breaks_no_limit() -> None:
    """Rings of sectors, promises of thousands of millions of rows: read or refused by the same process, for what they are."""
    made = Sandbox("plm", OPTIONS | {"format": "xls"}, "", Limits(idle=300.0), READER)
    try:
        with pytest.raises(Unreadable):
            await parsed(made, b"")
        before = made.pids
        broken: list[str] = []
        for name, data in old_workbooks(2_000_000):
            try:
                await parsed(made, data)
            except Unreadable as error:
                if error.kind in ("too_slow", "too_much_memory", "crashed", "defect"):
                    broken.append(f"{name}: {error.what}")
        assert broken == []
        assert set(before) <= set(made.pids)
    finally:
        await made.close()


async def test_what_a_library_prints_is_no_answer() -> None:
    """Standard output is not the pipe: a line printed by the parser, even one like an answer, goes nowhere."""
    async with sandbox() as made:
        assert (await parsed(made, b"#print\n" + ECN % 3))[0].number == "EC-3"


async def test_where_memory_runs_out_the_parsers_go_first() -> None:
    """The kernel, asked for a process to end, takes one that can be replaced: never the daemon."""
    async with sandbox() as made:
        own = int(Path("/proc/self/oom_score_adj").read_text())
        scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in made.pids]
        assert scores == [1000]
        assert own < 1000
        for number in range(1, 4):
            (pid,) = made.pids
            os.kill(pid, signal.SIGKILL)  # what the kernel does, and no fault of the file that comes next
            assert (await parsed(made, ECN % number))[0].number == f"EC-{number}"


async def test_a_file_whose_process_is_ended_each_time_is_refused() -> None:
    """The second time it is this file: it must not go round for ever."""
    async with sandbox() as made:
        refusal = await refused(made, b"#kill")
        assert (refusal.kind, "SIGKILL" in refusal.what) == ("crashed", True)
        assert (await parsed(made, ECN % 1))[0].number == "EC-1"


async def test_a_large_answer_comes_in_pieces() -> None:
    """An ECN with thousands of items, and thousands of ECNs, arrive whole and in order."""
    head = b"number,status,part\n"
    many = head + b"".join(b"EC-%d,released,P\n" % number for number in range(3000))
    deep = head + b"".join(b"EC-1,released,P%d\n" % number for number in range(3000))
    async with sandbox(Limits(), "adapters.plm_folder.reading:read_file") as made:
        assert [ecn.number for ecn in await parsed(made, many)] == [f"EC-{number}" for number in range(3000)]
        (ecn,) = await parsed(made, deep)
        assert [item.part for item in ecn.items] == [f"P{number}" for number in range(3000)]


async def test_the_second_process_ends_when_nobody_needs_it() -> None:
    """One process stays for the next file; the one for slow files goes after a while."""
    async with sandbox() as made:
        await refused(made, b"#burn")
        await until(lambda: len(made.pids) == 1)
        assert (await refused(made, b"#burn")).kind == "too_slow"


async def test_a_killed_process_is_replaced() -> None:
    """Whoever kills it costs nothing: the file that it was on, or that came before anybody noticed, is read by the next one."""
    async with sandbox() as made:
        (pid,) = made.pids
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not runs(pid))
        assert (await parsed(made, ECN % 1))[0].number == "EC-1"
        assert made.pids != (pid,)


async def test_the_process_that_forks_is_replaced() -> None:
    """Killed, it takes its parser with it: the next file is read by new ones, and nothing is told of a lost source."""
    async with sandbox() as made:
        for number in (1, 2):
            (pid,) = made.pids
            _, parent = state_of(pid)
            assert parent != os.getpid()
            os.kill(parent, signal.SIGKILL)
            await until(lambda pid=pid: not runs(pid))  # type: ignore[misc]
            assert (await parsed(made, ECN % number))[0].number == f"EC-{number}"
            assert made.pids != (pid,)


async def test_a_parser_that_cannot_be_started_is_a_lost_source() -> None:
    """A broken installation is told, not waited for."""
    made = Sandbox("plm", OPTIONS, "", QUICK, "adapters.plm_folder.no_such_module:read")
    with pytest.raises(AdapterError, match="cannot be started"):
        await parsed(made, ECN % 1)
    await made.close()


PARENT = """
import asyncio, sys
from adapters.plm_folder.sandbox import Limits, Sandbox
from tests.integration.hostile_reader import parsed
async def main():
    made = Sandbox("plm", {"adapter": "plm_folder", "path": "/nowhere"}, "", Limits(), "tests.integration.hostile_reader:read")
    await parsed(made, b"number,status\\nEC-1,released\\n")
    await parsed(made, b"#burn", lambda: print(*made.pids, flush=True))
asyncio.run(main())
"""


def test_no_process_outlives_a_killed_daemon() -> None:
    """kill -9 of the parent, in the middle of a file: the kernel ends the parser, even one that never looks at its pipe."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    children = [int(p) for p in Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()]
    assert len(children) == 1
    assert not set(children) & set(pids)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert children
    until_sync(lambda: not [pid for pid in {*pids, *children} if runs(pid)], what="the end of the parsers")


@pytest.mark.parametrize("until", ["the start", "it is ready", "it has forked"])
def test_the_process_that_forks_ends_without_a_word(until: str) -> None:
    """The daemon may go at any moment, also by kill -9: that is no error of this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [
        sys.executable,
        "-P",
        "-B",
        "-m",
        "adapters.plm_folder.worker",
        HostileFolderAdapter.reader,
        str(os.getpid()),
    ]
    with ours, theirs:
        process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        theirs.close()
        settings = {"options": OPTIONS, "root": "", "memory": 100_000_000, "seconds": 5}
        if until != "the start":
            ours.send(json.dumps(settings).encode())
            assert ours.recv(100) == b"ready"
        if until == "it has forked":
            requests, shared = socket.socketpair(), os.memfd_create("begun")
            os.ftruncate(shared, 100)
            socket.send_fds(ours, [b"fork"], [requests[0].fileno(), shared])
            assert select.select([ours], [], [], 30)[0]  # its birth is told, and nobody reads that
            for end in requests:
                end.close()
            os.close(shared)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"")
