"""The only file that knows all parts: builds the daemon, keeps it alive, reloads it, and stops it in the right order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from edge_bridge import __version__, cards, control, health, recall, systemd, trusting, watchdog
from edge_bridge.batch import Committed
from edge_bridge.commands import Commands
from edge_bridge.config import Config, diff, load
from edge_bridge.contract import Topics, source_urn
from edge_bridge.domain.event import GATEWAY, EventType
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.plant import Plant
from edge_bridge.domain.signal import Incident, Remark
from edge_bridge.domain.state import KINDS
from edge_bridge.edits import Edits
from edge_bridge.errors import ConfigError, StoreError
from edge_bridge.forwarder import Forwarder
from edge_bridge.identity import Ids
from edge_bridge.pipeline import Pipeline
from edge_bridge.ports import Clock, Command
from edge_bridge.progress import Progress
from edge_bridge.projection import Projection
from edge_bridge.room import Room
from edge_bridge.schedule import Job, Schedule
from edge_bridge.store import Store, StoreCorrupt
from edge_bridge.store.held import state_of
from edge_bridge.supervisor import Supervisor

STOP_PART_S = 1.5  # systemd's and the technician's patience is 5 s for the whole stop: adapters, last commit, broker
PIPELINE_ALLOWANCE_MS = 20_000
TICK_S, WATCH_CONFIG_S, STATUS_S, RETENTION_S = 1.0, 2.0, 5.0, 3600.0

log = structlog.get_logger(__name__)


class Daemon:
    """One gateway at work. Build it with `Daemon.open`, then `run` it."""

    def __init__(self, config: Config, store: Store, clock: Clock, edits: Edits) -> None:
        plant = config.plant
        self._config = config
        self._store = store
        self._clock = clock
        self._progress = Progress()
        self._texts = cards.Writer(cards.load_templates(config.folder), config.timezone)
        self._topics = Topics(config.root, plant.site, plant.gateway)
        self._room = Room(store, clock, lambda: self._config.store, self._remark)
        self._pipeline = Pipeline(
            self._open_ledger,
            plant,
            store,
            clock,
            on_commit=self._committed,
            make_room=self._room.make,
            beat=lambda: self._beat("pipeline"),
        )
        self._projection = Projection(self._pipeline, store, self._topics, clock)
        self._supervisor = Supervisor(clock, self._pipeline.offer, recall.reminding(lambda: self.ledger))
        self._commands = Commands(self._pipeline, clock, self.snapshot)
        self._forwarder = self._new_forwarder()
        self._forwarding: asyncio.Task[None] | None = None
        self._schedule = Schedule(self._jobs())
        self._edits = edits
        self._working, self._stopping = asyncio.Event(), asyncio.Event()
        self._reloading = asyncio.Lock()
        self._started = clock.now()

    @classmethod
    def open(cls, folder: Path, clock: Clock) -> Daemon:
        """Load the configuration and open the database. Raises ConfigError(s), StoreError."""
        edits = Edits(folder.absolute())  # before reading: what is edited meanwhile is taken in later
        config = load(folder, clock)
        for warning in config.warnings:
            log.warning("configuration", doubt=str(warning))
        try:
            return cls._opened(config, clock, edits)
        except StoreCorrupt as damage:
            # Found only now, in the rows: opening it again looks at every page, and salvages.
            log.error("database damaged", error=damage.what)
            return cls._opened(config, clock, edits)

    @classmethod
    def _opened(cls, config: Config, clock: Clock, edits: Edits) -> Daemon:
        recall.announce(config.store.path)
        store = Store.open(config.store.path, KINDS, site=config.plant.site, gateway=config.plant.gateway)
        try:
            return cls(config, store, clock, edits)
        except BaseException:
            store.close()
            raise

    @property
    def ledger(self) -> Ledger:
        """The ledger as it is now: after a defect the pipeline makes a new one of what is committed."""
        return self._pipeline.ledger

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
        feeding = asyncio.create_task(watchdog.feed(self._progress, self._clock), name="watchdog")
        timing = asyncio.create_task(self._schedule.keep_time(self._clock), name="clock")
        self._forwarding = asyncio.create_task(self._forwarder.run(), name="forwarder")
        self._schedule.start()
        await self._supervisor.start({name: adapter.adapter for name, adapter in self._config.adapters.items()})
        log.info("started", adapters=len(self._config.adapters), version=__version__)
        systemd.ready(self._one_line())
        self._working.set()
        try:
            await self._until_stopped(core, feeding, timing)
        finally:
            await self._shut_down(core, feeding, timing)

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

    async def _shut_down(self, core: asyncio.Task[None], *beside: asyncio.Task[None]) -> None:
        """Stop in the order of the data: no more readings, the last commit, then the broker."""
        self._stopping.set()
        systemd.stopping()
        log.info("stopping")
        self._schedule.stop()
        for task in beside:
            task.cancel()
        await self._supervisor.close(within=STOP_PART_S)
        core.cancel()
        await asyncio.gather(core, *beside, return_exceptions=True)
        try:
            async with asyncio.timeout(STOP_PART_S):
                await self._pipeline.close()
        except (TimeoutError, StoreError) as error:
            log.error("the last readings could not be recorded", error=str(error) or self._pipeline.trouble)
        await self._stop_forwarding()
        log.info("stopped")

    async def reload(self) -> str | None:
        """Take an edited configuration in, touching only what it changes; return why it was refused, or None."""
        await self._working.wait()
        async with self._reloading:  # one after another: each compares with what the one before left
            if self._stopping.is_set():
                return "edge-bridge is stopping"
            systemd.reloading()
            try:
                self._edits.take()
                await self._take_in(load(self._config.folder, self._clock))
            except Exception as error:  # also what a third party's adapter raises: the old one has to go on
                if not isinstance(error, ConfigError):
                    log.error("a defect: the new configuration cannot be taken in", exc_info=True)
                return self._refuse(str(error) or type(error).__name__)
            finally:
                systemd.ready(self._one_line())
            return None

    async def _take_in(self, new: Config) -> None:
        """Bring the daemon from the old configuration to the new one. Raises ConfigError."""
        texts = cards.Writer(cards.load_templates(new.folder), new.timezone)
        changes = diff(self._config, new)
        if changes.restart:
            raise ConfigError("; ".join(changes.restart), "the old configuration goes on until then")
        await self._supervisor.stop((*changes.removed, *changes.changed))
        old, before = self._config, self._texts
        self._config, self._texts, self.ledger.books.texts = new, texts, texts
        try:
            await self._pipeline.configure(new.plant)
        except ConfigError:
            self._config, self._texts, self.ledger.books.texts = old, before, before
            await self._supervisor.start(
                {name: old.adapters[name].build(self._clock) for name in (*changes.removed, *changes.changed)}
            )
            raise
        restarted = {*changes.added, *changes.changed, *self._supervisor.stopped}
        await self._supervisor.start({name: new.adapters[name].adapter for name in restarted if name in new.adapters})
        if changes.mqtt and not self._stopping.is_set():
            await self._stop_forwarding()
            self._forwarder = self._new_forwarder()
            self._forwarding = asyncio.create_task(self._forwarder.run(), name="forwarder")
        self._remark(EventType.CONFIG_APPLIED, self._about_config())
        log.info("configuration applied", added=changes.added, removed=changes.removed, changed=changes.changed)

    def _refuse(self, problems: str) -> str:
        log.error("configuration refused, the old one goes on", problems=problems)
        self._remark(EventType.CONFIG_REFUSED, {"problems": problems.splitlines(), "digest": self._config.digest})
        return problems

    def snapshot(self) -> dict[str, Any]:
        """Return everyone's last word, JSON-ready."""
        counts, broker = self._store.counts(), self._forwarder.health
        return {
            "version": __version__,
            "pid": os.getpid(),
            "site": self._config.plant.site,
            "gateway": self._config.plant.gateway,
            "uptime_s": self._clock.now().since(self._started) // 1000,
            "config": str(self._config.folder),
            "config_digest": self._config.digest,
            **health.told(self.ledger.books, self._supervisor.scans),
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
            case "trust":
                return await trusting.answered(self._config.pki, message, self._clock.now().utc)
            case "replay":
                answer = await self._forwarder.replay(message.get("from"), message.get("to"))
                return {"ok": answer.ok, "reason": answer.reason}
        return {"error": f"{message.get('do')!r} is not known"}

    def _troubles(self) -> dict[str, str]:
        broker = self._forwarder.health
        parts = {
            "database": self._pipeline.trouble,
            "defects": self._pipeline.defects,
            "broker": None if broker.connected else (broker.last_error or "not connected yet"),
            "platform": f"nobody subscribes {broker.nobody_subscribes}" if broker.nobody_subscribes else None,
            **{f"adapter {name}": why for name, why in self._supervisor.stopped.items()},
        }
        return {name: what for name, what in parts.items() if what}

    def _trouble(self) -> str | None:
        return "; ".join(f"{name}: {what}" for name, what in self._troubles().items()) or None

    def _one_line(self) -> str:
        return health.summary(self.ledger.books, self._trouble(), self._supervisor.scans)

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
            on_command=self._commands.carry_out,
            on_sent=self._pipeline.sent,
            on_parked=self._on_parked,
        )

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
            await asyncio.wait({self._forwarding}, timeout=STOP_PART_S)

    def _open_ledger(self, plant: Plant) -> Ledger:
        return Ledger(state_of(self._store), plant, self._clock.now(), Ids(), self._texts)

    def _remark(self, event: EventType, facts: dict[str, Any]) -> None:
        self._pipeline.note(Remark(self._clock.now(), event, facts))

    def _incident(self, kind: str, facts: dict[str, str]) -> None:
        self._pipeline.note(Incident(self._clock.now(), kind, GATEWAY, facts))

    def _jobs(self) -> tuple[Job, ...]:
        return (
            Job("tick", self._tick, TICK_S),
            Job("configuration", self._watch_config, WATCH_CONFIG_S),
            Job("status", self._tell_status, STATUS_S),
            Job("retention", self._room.retain, RETENTION_S),
        )

    async def _tick(self) -> None:
        self._beat("timer")
        self._pipeline.wake()
        self._forwarder.changed(self._projection.late())

    async def _watch_config(self) -> None:
        if self._edits.due():
            await self.reload()

    async def _tell_status(self) -> None:
        systemd.status(self._one_line())

    def _beat(self, loop: str) -> None:
        self._progress.beat(loop, self._clock.now().boottime)
