"""What a new configuration changes: a reload touches only that."""

from __future__ import annotations

from dataclasses import dataclass

from edge_bridge.config.folder import Config


@dataclass(frozen=True, slots=True)
class Changes:
    """Adapter ids, and which parts differ. restart: what takes effect only when the daemon is started again, in words."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    plant: bool = False
    mqtt: bool = False
    store: bool = False
    language: bool = False
    restart: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether anything changed at all."""
        return self != Changes()


def diff(old: Config, new: Config) -> Changes:
    """Return what differs between two configurations of one gateway."""
    both = sorted(old.adapters.keys() & new.adapters.keys())
    return Changes(
        added=tuple(sorted(new.adapters.keys() - old.adapters.keys())),
        removed=tuple(sorted(old.adapters.keys() - new.adapters.keys())),
        changed=tuple(name for name in both if old.adapters[name] != new.adapters[name]),
        plant=old.plant != new.plant,
        mqtt=(old.mqtt, old.root) != (new.mqtt, new.root),
        store=old.store != new.store,
        language=(old.language, old.timezone) != (new.language, new.timezone),
        restart=tuple(_restart(old, new)),
    )


def _restart(old: Config, new: Config) -> list[str]:
    """Say what a running daemon cannot change: its database, and the name under which the platform knows its events."""
    pairs = (
        ("store.path", old.store.path, new.store.path),
        ("site", old.plant.site, new.plant.site),
        ("gateway", old.plant.gateway, new.plant.gateway),
        ("root", old.root, new.root),
    )
    return [f"`{name}` changed from {was} to {now}: restart edge-bridge" for name, was, now in pairs if was != now]
