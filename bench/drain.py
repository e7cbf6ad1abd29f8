"""How fast a backlog leaves: SQLite → MQTT → acknowledged → position stored, against a loop that awaits each event."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import apsw
import structlog

from edge_bridge.clock import SystemClock
from edge_bridge.config import MqttOptions
from edge_bridge.contract import Topics, seal, source_urn
from edge_bridge.domain.event import Event as Fact
from edge_bridge.domain.event import EventType
from edge_bridge.forwarder import Forwarder
from edge_bridge.mqtt import Connector, Will
from edge_bridge.ports import Answer, Command
from edge_bridge.store import Store
from edge_bridge.store.outbox import SealedEvent
from tests.integration.mosquitto import Mosquitto

EVENTS = 100_000
NAIVE_EVENTS = 2_000
BODY = 600  # bytes
TARGET_PER_S = 15_000
TARGET_RATIO = 15
TOPICS = Topics("edge-bridge", "bench", "edge-01")

Figure = tuple[str, str, bool | None]


def run() -> list[Figure]:
    """Return (name, figure, within target) for each measurement; the machine's load moves absolutes, ratios less."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        naive = asyncio.run(_with_broker(Path(folder) / "naive", 200, _naive))
        figures.append(("naive loop: await each publish, delete each row", f"{naive:,.0f} events/s", None))
        wal = asyncio.run(_with_broker(Path(folder) / "wal", 200, partial(_naive, journal="wal")))
        figures.append(("the same loop with a write-ahead log", f"{wal:,.0f} events/s", None))
        for window in (20, 200):
            rate = asyncio.run(_with_broker(Path(folder) / f"window-{window}", window, _drain))
            within = rate >= TARGET_PER_S if window == 200 else None
            figures.append(
                (f"drain {EVENTS:,} events of {BODY} B, receive maximum {window}", f"{rate:,.0f} events/s", within)
            )
        figures.append(
            (f"drain against naive (≥ {TARGET_RATIO} ×)", f"{rate / naive:.1f} ×", rate / naive >= TARGET_RATIO)
        )
        figures.append(("drain against naive with a write-ahead log", f"{rate / wal:.1f} ×", None))
    return figures


async def _with_broker(folder: Path, window: int, measure: Any) -> float:
    config = f"max_inflight_messages {window}\nmax_queued_messages 0\nlog_type none"
    with Mosquitto(folder, config) as broker:
        context = multiprocessing.get_context("spawn")
        ready = context.Event()
        listener = context.Process(target=_listen, args=(broker.port, ready), daemon=True)
        listener.start()
        ready.wait(20)
        try:
            rate: float = await measure(folder, MqttOptions(url=broker.url, version="5", window=window))
        finally:
            listener.kill()
            listener.join()
    return rate


def _listen(port: int, ready: Event) -> None:
    """Subscribe with QoS 0 and read as fast as the socket gives: a platform that costs next to nothing."""
    with socket.create_connection(("127.0.0.1", port)) as broker:
        client, topics = b"listener", TOPICS.everything.encode()
        head = b"\x00\x04MQTT\x05\x02\x00\x00\x00" + len(client).to_bytes(2, "big") + client
        broker.sendall(b"\x10" + bytes([len(head)]) + head)
        broker.recv(64)
        head = b"\x00\x01\x00" + len(topics).to_bytes(2, "big") + topics + b"\x00"
        broker.sendall(b"\x82" + bytes([len(head)]) + head)
        broker.recv(64)
        ready.set()
        while broker.recv(1 << 20):
            pass


def _body(sequence: int) -> bytes:
    event = Fact(f"{sequence:036d}", EventType.PROGRAM_CHANGED, "dmu50-01", "dmu50-01", 1_777_600_800_000, {"note": ""})
    source = source_urn("bench", "edge-01", "e")
    short = len(seal(event, source=source, sequence=sequence, recorded=0))
    event.data["note"] = "x" * (BODY - short)
    return seal(event, source=source, sequence=sequence, recorded=0)


def _fill(store: Store) -> None:
    for start in range(1, EVENTS + 1, 5000):
        store.commit(
            {},
            [
                SealedEvent(
                    sequence=n, id=f"{n:036d}", type="program.changed", origin="dmu50-01", subject="dmu50-01",
                    body=_body(n), time=0, recorded=0,
                )
                for n in range(start, start + 5000)
            ],
        )  # fmt: skip


async def _drain(folder: Path, options: MqttOptions) -> float:
    with Store.open(folder / "bench.db", {}, site="bench", gateway="edge-01") as store:
        _fill(store)
        forwarder = Forwarder(
            outbox=store,
            topics=TOPICS,
            source=source_urn("bench", "edge-01", store.epoch),
            options=options,
            clock=SystemClock(),
            client_id="edge-01",
            next_session=store.next_session,
            on_command=_no_command,
        )
        began = time.perf_counter()
        task = asyncio.create_task(forwarder.run())
        while store.sent_upto < EVENTS:  # noqa: ASYNC110 - the daemon tells nobody
            await asyncio.sleep(0.02)
        elapsed = time.perf_counter() - began
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return EVENTS / elapsed


async def _no_command(command: Command) -> Answer:
    return Answer(command.payload["id"], False)


async def _naive(folder: Path, options: MqttOptions, journal: str = "delete") -> float:
    """Drain as it is usually written: SQLite as it comes, on a worker thread; one publish awaited, one row deleted."""
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1)
    database = apsw.Connection(str(folder / "naive.db"))
    database.execute(f"pragma journal_mode = {journal}")
    database.execute("create table outbox (sequence integer primary key, body blob not null)")
    with database:
        database.executemany("insert into outbox values (?, ?)", ((n, _body(n)) for n in range(1, NAIVE_EVENTS + 1)))
    session = await Connector(options, "naive").open(Will("bench/will", b""), lambda _message: None)
    topic = TOPICS.event("dmu50-01")
    began = time.perf_counter()
    while row := await loop.run_in_executor(thread, _oldest, database):
        done: asyncio.Future[int] = loop.create_future()
        session.publish(topic, row[1], done.set_result)
        await done
        await loop.run_in_executor(thread, database.execute, "delete from outbox where sequence = ?", (row[0],))
    elapsed = time.perf_counter() - began
    session.disconnect()
    thread.shutdown()
    database.close()
    return NAIVE_EVENTS / elapsed


def _oldest(database: apsw.Connection) -> Any:
    return database.execute("select sequence, body from outbox order by sequence limit 1").fetchone()


if __name__ == "__main__":
    for name, figure, within in run():
        print(f"{name:64} {figure:>18}  {'' if within is None else 'ok' if within else 'MISSED'}")
    sys.exit(0)
