"""The only file that knows all parts: builds the daemon, keeps it alive, reloads it, and stops it in the right order."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from edge_bridge import __version__, cards, control, health, systemd
from edge_bridge.commands import VERBS, Commands
from edge_bridge.config import Config, diff, load
from edge_bridge.contract import Topics, source_urn
from edge_bridge.domain.event import GATEWAY, EventType
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.signal import Incident, Remark, Tick
from edge_bridge.domain.state import KINDS, State
from edge_bridge.errors import ConfigError, StoreError
from edge_bridge.forwarder import Forwarder
from edge_bridge.pipeline import Committed, Pipeline
from edge_bridge.ports import Answer, Clock, Command
from edge_bridge.progress import Progress
from edge_bridge.projection import Projection
from edge_bridge.schedule import Job, Schedule
from edge_bridge.store import Store
from edge_bridge.supervisor import Supervisor

STOP_ADAPTERS_S = 2.0  # systemd's and the technician's patience is 5 s for the whole stop
PIPELINE_ALLOWANCE_MS = 20_000
TICK_S, WATCH_CONFIG_S, STATUS_S, RETENTION_S = 1.0, 2.0, 5.0, 3600.0

log = structlog.get_logger(__name__)


class Daemon:
    """One gateway at work. Build it with `Daemon.open`, then `run` it."""

    def __init__(self, config: Config, store: Store, clock: Clock) -> None:
        plant = config.plant
        self._config = config
        self._store = store
        self._clock = clock
        self._progress = Progress()
        rows = {kind: store.load(kind) for kind in KINDS}
        texts = cards.Writer(cards.load_templates(config.folder), config.timezone)
        self.ledger = Ledger(State.of(rows), plant, clock.now(), lambda: str(uuid.uuid4()), texts)
        self._topics = Topics(config.root, plant.site, plant.gateway)
        self._projection = Projection(self.ledger, store, self._topics)
        self._pipeline = Pipeline(
            self.ledger, store, clock, on_commit=self._committed, beat=lambda: self._beat("pipeline")
        )
        self._supervisor = Supervisor(clock, self._pipeline.offer)
        self._commands = Commands(self._pipeline, clock, self.snapshot)
        self._forwarder = self._new_forwarder()
        self._forwarding: asyncio.Task[None] | None = None
        self._schedule = Schedule(self._jobs())
        self._seen_files = self._applied = _signature(config.folder)
        self._stopping = asyncio.Event()
        self._started = clock.now()

    @classmethod
    def open(cls, folder: Path, clock: Clock) -> Daemon:
        """Load the configuration and open the database. Raises ConfigError(s), StoreError."""
        config = load(folder, clock)
        for warning in config.warnings:
            log.warning("configuration", doubt=str(warning))
        store = Store.open(config.store.path, KINDS, site=config.plant.site, gateway=config.plant.gateway)
        try:
            return cls(config, store, clock)
        except BaseException:
            store.close()
            raise

    def stop(self) -> None:
        """Ask the daemon to stop; `run` then returns."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until asked to stop. Raises what ended a part that must not end."""
        try:
            async with control.listening(control.socket_path(self._config.store.path), self._handle):
                await self._work()
        finally:
            self._store.close()

    async def _work(self) -> None:
        now = self._clock.now().boottime
        for loop in ("pipeline", "timer"):
            self._progress.expect(loop, allowance_ms=PIPELINE_ALLOWANCE_MS, now_ms=now)
        self._remark(EventType.CONFIG_APPLIED, self._about_config())
        if self._store.recovered:
            self._incident("store_recovered", {"happened": self._store.recovered})
        core = asyncio.create_task(self._pipeline.run(), name="pipeline")
        feeding = asyncio.create_task(self._feed_watchdog(), name="watchdog")
        self._forwarding = asyncio.create_task(self._forwarder.run(), name="forwarder")
        self._schedule.start()
        await self._supervisor.start({name: adapter.adapter for name, adapter in self._config.adapters.items()})
        log.info(
            "started",
            machines=len(self._config.plant.machines),
            sources=len(self._config.plant.sources),
            version=__version__,
        )
        systemd.ready(self._one_line())
        try:
            await self._until_stopped(core, feeding)
        finally:
            await self._shut_down(core, feeding)

    async def _until_stopped(self, *parts: asyncio.Task[None]) -> None:
        stopping = asyncio.create_task(self._stopping.wait(), name="stop")
        try:
            while not stopping.done():
                assert self._forwarding is not None
                done, _ = await asyncio.wait({stopping, self._forwarding, *parts}, return_when=asyncio.FIRST_COMPLETED)
                for part in done - {stopping}:
                    if not part.cancelled() and not self._stopping.is_set():
                        part.result()  # raises what ended it
        finally:
            stopping.cancel()

    async def _shut_down(self, core: asyncio.Task[None], feeding: asyncio.Task[None]) -> None:
        """Stop in the order of the data: no more readings, the last commit, then the broker."""
        systemd.stopping()
        log.info("stopping")
        self._schedule.stop()
        feeding.cancel()
        try:
            async with asyncio.timeout(STOP_ADAPTERS_S):
                await self._supervisor.stop()
        except TimeoutError:
            log.warning("an adapter did not close its session in time")
        core.cancel()
        await asyncio.gather(core, feeding, return_exceptions=True)
        try:
            async with asyncio.timeout(STOP_ADAPTERS_S):
                await self._pipeline.close()
        except (TimeoutError, StoreError) as error:
            log.error("the last readings could not be recorded", error=str(error))
        await self._stop_forwarding()
        log.info("stopped")

    # -- reload ---------------------------------------------------------------------------------------------------------

    async def reload(self) -> str | None:
        """Take an edited configuration in, touching only what it changes; return why it was refused, or None."""
        systemd.reloading()
        try:
            new = load(self._config.folder, self._clock)
            texts = cards.Writer(cards.load_templates(new.folder), new.timezone)
            changes = diff(self._config, new)
            if changes.restart:
                raise ConfigError("; ".join(changes.restart), "the old configuration goes on until then")
        except ConfigError as error:
            log.error("configuration refused, the old one goes on", problems=str(error))
            self._remark(EventType.CONFIG_REFUSED, {"problems": str(error).splitlines(), "digest": self._config.digest})
            systemd.ready(self._one_line())
            return str(error)
        await self._supervisor.stop((*changes.removed, *changes.changed))
        self._config = new
        self.ledger.books.texts = texts
        await self._pipeline.configure(new.plant)
        restarted = {*changes.added, *changes.changed, *self._supervisor.stopped}
        await self._supervisor.start({name: new.adapters[name].adapter for name in restarted if name in new.adapters})
        if changes.mqtt:
            await self._stop_forwarding()
            self._forwarder = self._new_forwarder()
            self._forwarding = asyncio.create_task(self._forwarder.run(), name="forwarder")
        self._remark(EventType.CONFIG_APPLIED, self._about_config())
        log.info("configuration applied", added=changes.added, removed=changes.removed, changed=changes.changed)
        systemd.ready(self._one_line())
        return None

    # -- what others ask ------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Return everyone's last word, JSON-ready."""
        counts = self._store.counts()
        broker = self._forwarder.health
        return {
            "version": __version__,
            "pid": os.getpid(),
            "site": self._config.plant.site,
            "gateway": self._config.plant.gateway,
            "uptime_s": self._clock.now().since(self._started) // 1000,
            "config": str(self._config.folder),
            "config_digest": self._config.digest,
            **health.told(self.ledger.books),
            "stopped": dict(self._supervisor.stopped),
            "buffer": {
                "unsent": broker.unsent,
                "parked": counts.parked,
                "bytes": counts.bytes,
                "last": self._store.last_sequence,
            },
            "broker": broker.as_data(),
            "trouble": self._trouble(),
            "troubles": self._troubles(),
        }

    async def _handle(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        match message.get("do"):
            case "status":
                return self.snapshot()
            case "command":
                payload = message.get("payload")
                command = Command(str(message.get("verb")), payload if isinstance(payload, dict) else {})
                answer = await self._commands.carry_out(command)
                return {"id": answer.id, "ok": answer.ok, "reason": answer.reason}
            case "reload":
                return {"ok": (refused := await self.reload()) is None, "reason": refused or ""}
            case "replay":
                answer = await self._forwarder.replay(message.get("from"), message.get("to"))
                return {"ok": answer.ok, "reason": answer.reason}
        return {"error": f"{message.get('do')!r} is not known"}

    def _troubles(self) -> dict[str, str]:
        broker = self._forwarder.health
        parts = {
            "database": self._pipeline.trouble,
            "broker": None if broker.connected else (broker.last_error or "not connected yet"),
            "platform": f"nobody subscribes {broker.nobody_subscribes}" if broker.nobody_subscribes else None,
            **{f"adapter {name}": why for name, why in self._supervisor.stopped.items()},
        }
        return {name: what for name, what in parts.items() if what}

    def _trouble(self) -> str | None:
        return "; ".join(f"{name}: {what}" for name, what in self._troubles().items()) or None

    def _one_line(self) -> str:
        return health.summary(self.ledger.books, self._trouble())

    # -- wiring ---------------------------------------------------------------------------------------------------------

    def _new_forwarder(self) -> Forwarder:
        config, store = self._config, self._store
        return Forwarder(
            outbox=store,
            topics=self._topics,
            source=source_urn(config.plant.site, config.plant.gateway, store.epoch),
            options=config.mqtt,
            clock=self._clock,
            client_id=config.mqtt.client_id or config.plant.gateway,
            next_session=store.next_session,
            about=self._about,
            retained=self._projection,
            on_command=self._on_command,
            on_parked=self._on_parked,
            verbs=VERBS,
        )

    async def _on_command(self, command: Command) -> Answer:
        return await self._commands.carry_out(command)

    def _on_parked(self, sequence: int, code: int) -> None:
        self._incident("event_parked", {"code": f"0x{code:02X}", "sequence": str(sequence)})

    def _committed(self, committed: Committed) -> None:
        if committed.machines or committed.cards:
            self._forwarder.changed(self._projection.changed(committed))
        if committed.events:
            self._forwarder.wake()

    def _about(self) -> dict[str, Any]:
        return {
            "epoch": self._store.epoch,
            "versions": {"edge-bridge": __version__, "contract": "v1"},
            "config_hash": self._config.digest,
            "boot_id": self._clock.now().boot,
            "trouble": self._trouble(),
        }

    def _about_config(self) -> dict[str, Any]:
        return {"digest": self._config.digest, "adapters": sorted(self._config.adapters), "version": __version__}

    async def _stop_forwarding(self) -> None:
        if self._forwarding is not None:
            self._forwarding.cancel()
            await asyncio.gather(self._forwarding, return_exceptions=True)

    def _remark(self, event: EventType, facts: dict[str, Any]) -> None:
        self._pipeline.note(Remark(self._clock.now(), event, facts))

    def _incident(self, kind: str, facts: dict[str, str]) -> None:
        self._pipeline.note(Incident(self._clock.now(), kind, GATEWAY, facts))

    # -- jobs -----------------------------------------------------------------------------------------------------------

    def _jobs(self) -> tuple[Job, ...]:
        return (
            Job("tick", self._tick, TICK_S),
            Job("configuration", self._watch_config, WATCH_CONFIG_S),
            Job("status", self._tell_status, STATUS_S),
            Job("retention", self._retain, RETENTION_S),
        )

    async def _tick(self) -> None:
        self._beat("timer")
        self._pipeline.note(Tick(self._clock.now()))

    async def _watch_config(self) -> None:
        """Reload once an edit has been still for two looks: a file that is being saved is not read half."""
        signature = _signature(self._config.folder)
        before, self._seen_files = self._seen_files, signature
        if signature == before and signature != self._applied:
            self._applied = signature
            await self.reload()

    async def _tell_status(self) -> None:
        systemd.status(self._one_line())

    async def _retain(self) -> None:
        options = self._config.store
        await self._store.retain(self._clock.now().utc - options.retain, options.max_size)

    async def _feed_watchdog(self) -> None:
        """Give a sign of life only while the core loops really turn."""
        interval = systemd.watchdog_interval()
        if interval is None:
            await self._stopping.wait()  # nobody asks for signs of life
            return
        while not self._stopping.is_set():
            late = self._progress.late(self._clock.now().boottime)
            if late:
                log.error("no progress: the watchdog is not fed", loops=late)
            else:
                systemd.watchdog()
            await self._clock.sleep(interval)

    def _beat(self, loop: str) -> None:
        self._progress.beat(loop, self._clock.now().boottime)


def _signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells an edited configuration: names, sizes and times of its files."""
    files = sorted({*folder.glob("*.yaml"), *folder.glob("adapters/*.yaml"), *folder.glob("cards/*.yaml")})
    found = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue  # it went away between the two looks; the next look tells
        found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)
