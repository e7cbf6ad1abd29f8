"""`edge-bridge.yaml` as a whole: the site, the broker, the store, cards and parties."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from edge_bridge.config.settings import MqttOptions, StoreOptions
from edge_bridge.domain.card import KINDS, Kind
from edge_bridge.domain.plant import Party
from edge_bridge.options import Duration, Identifier, Options, TimeZone
from edge_bridge.strict_yaml import Key

_ROOT = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,2}")  # with the rest of a topic: at most 7 slashes
_PARTY = re.compile(r"[a-z0-9_-]{1,40}")
DEFAULT_PARTIES = ("design_supervisor", "cell_leader", "it_operations")


def _topic_root(value: object) -> str:
    if not isinstance(value, str) or not _ROOT.fullmatch(value):
        raise ValueError("not the start of a topic → one to three words joined by /, without blanks, + and #")
    return value


def _party_name(value: object) -> object:
    if isinstance(value, str) and not _PARTY.fullmatch(value):
        raise ValueError("a party's name has 1 to 40 of the characters a-z 0-9 _ - → such as cell_leader")
    return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


PartyName = Annotated[str, BeforeValidator(_party_name)]


class CardOptions(Options):
    """`cards:` — how long a card waits for somebody."""

    escalate_after: Duration = Field(900_000, description="not acknowledged for so long: the next party is told", ge=1)
    repeat_every: Duration = Field(14_400_000, description="how often a card reminds", ge=1000)


class PartyOptions(Options):
    """`parties.NAME:` — who gets which cards."""

    cards: tuple[Kind, ...] | None = Field(None, description="kinds of cards; absent: the party's usual ones")
    areas: tuple[str, ...] | None = Field(None, description="areas; absent: all")


class SiteOptions(Options):
    """Everything that `edge-bridge.yaml` may say."""

    site: Identifier = Field(description="the plant's id; part of every topic")
    gateway: Identifier = Field(description="this computer's id; part of every topic")
    timezone: TimeZone = Field(description="the plant's time zone, such as Asia/Shanghai")
    language: Literal["en", "zh-CN"] = Field("en", description="language of pages and command line")
    limit: Duration = Field(900_000, description="from release or arrival to the right program", ge=1000)
    skew_tolerance: Duration = Field(120_000, description="how far ahead a PLM's clock may be")
    unreachable_after: Duration = Field(600_000, description="unreachable for so long: a card", ge=1000)
    root: Annotated[str, BeforeValidator(_topic_root)] = Field("edge-bridge", description="first word of every topic")
    mqtt: MqttOptions = Field(description="the broker")
    store: StoreOptions = Field(description="the database, such as {path: /var/lib/edge-bridge/edge-bridge.db}")
    cards: CardOptions = Field(default_factory=CardOptions, description="how long cards wait")
    groups: dict[str, Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]] = Field(
        default_factory=dict, description="one name for several machines, for routes"
    )
    parties: dict[PartyName, PartyOptions | None] = Field(default_factory=dict, description="who gets cards")

    def plant_parties(self) -> Mapping[str, Party]:
        """Return the parties as configured, or the three usual ones."""
        if not self.parties:
            return {name: Party(name) for name in DEFAULT_PARTIES}
        return {
            name: Party(
                name,
                None if party is None or party.cards is None else tuple(kind.value for kind in party.cards),
                None if party is None else party.areas,
            )
            for name, party in self.parties.items()
        }


def party_doubts(parties: Mapping[str, Party], areas: set[str]) -> Iterator[tuple[Key, str, str]]:
    """Yield what is perhaps not meant: key, what, hint. areas: those that machines stand in."""
    unlisted = [
        kind.value for kind, rule in KINDS.items() if not any(_gets(p, kind, rule.parties) for p in parties.values())
    ]
    if unlisted:
        yield (
            ("parties",),
            f"no party lists {', '.join(unlisted)}",
            "these cards go to all parties; list them to choose",
        )
    for party in parties.values():
        for index, area in enumerate(party.areas or ()):
            if area not in areas:
                known = f"known: {', '.join(sorted(areas))}" if areas else "no machine has an `area:`"
                yield ("parties", party.id, "areas", index), f"no machine stands in area {area!r}", known


def _gets(party: Party, kind: Kind, usual: tuple[str, ...]) -> bool:
    return party.id in usual if party.cards is None else kind.value in party.cards


def site_values(section: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the file's values with `{}` for blocks that are there without a line in them, as people leave them."""
    return {
        key: {} if value is None and key in ("cards", "groups", "parties") else value for key, value in section.items()
    }
