"""Card texts in zh-CN and English: what is wrong, where, since when, and what to do next. Made for their reader.

The templates are files (`en.yaml`, `zh-CN.yaml` here); a site changes any of them in `cards/` of its configuration.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_bridge import strict_yaml
from edge_bridge.cards.places import place
from edge_bridge.cards.reasons import stage, told
from edge_bridge.cards.sentences import catalogue
from edge_bridge.domain.card import Card, Kind
from edge_bridge.domain.instant import to_text
from edge_bridge.domain.plant import Machine
from edge_bridge.errors import ConfigError

__all__ = ["FIELDS", "LANGUAGES", "PARTS", "Templates", "Writer", "load_templates", "place", "stage", "told"]

LANGUAGES = ("zh-CN", "en")
PARTS = ("title", "text", "next_step")
FIELDS = frozenset(
    {
        "machine", "area", "program", "required", "seen", "ecn", "ecns", "ecn_count", "since", "due", "part", "drawing",
        "stage", "file", "reason", "where", "word", "status", "released", "machines", "error", "count", "list", "source",
        "programs", "sequence", "code", "happened", "fingerprint", "sha1", "endpoint", "command",
    }
)  # fmt: skip
_INSTANTS = frozenset({"since", "due", "released"})
_REASONS = frozenset({"reason", "error", "happened"})
_NOTHING = {"en": "unknown", "zh-CN": "未知"}
_NOWHERE = {"en": "the whole file", "zh-CN": "整个文件"}

Templates = Mapping[str, Mapping[str, Mapping[str, str]]]  # language → kind → part → template


def load_templates(site: Path | None = None) -> Templates:
    """Return the templates, the site's own over the shipped ones. Raises ConfigError with file:line:column."""
    loaded: dict[str, dict[str, dict[str, str]]] = {}
    for language in LANGUAGES:
        loaded[language] = {
            kind: dict(parts) for kind, parts in _read(Path(__file__).parent / f"{language}.yaml").items()
        }
        own = site / "cards" / f"{language}.yaml" if site else None
        if own is not None and own.is_file():
            for kind, parts in _read(own).items():
                loaded[language][kind] |= parts
    return loaded


class Writer:
    """Writes a card's texts in every language, with times in the plant's time zone."""

    def __init__(self, templates: Templates, timezone: str) -> None:
        self._templates = templates
        self._zone = ZoneInfo(timezone)
        for language in LANGUAGES:
            catalogue(language)  # read now: to write a card must not hold up the machines

    def __call__(self, card: Card, machine: Machine | None) -> Mapping[str, Mapping[str, str]]:
        """Return `title`, `text` and `next_step`, each by language."""
        return {part: {language: self._fill(language, card, machine, part) for language in LANGUAGES} for part in PARTS}

    def _fill(self, language: str, card: Card, machine: Machine | None, part: str) -> str:
        values = {
            "machine": (machine.name or machine.id) if machine else card.machine,
            "area": machine.area if machine else None,
            "program": card.program,
            "seen": card.seen,
            "ecn": card.ecns[-1] if card.ecns else None,
            "ecns": ", ".join(card.ecns[-5:]) + (" …" if len(card.ecns) > 5 else ""),
            "ecn_count": len(card.ecns),
            "since": to_text(card.raised.utc),
            "source": card.origin,
        } | {name: value for name, value in card.facts.items() if value is not None}
        shown = {name: self._shown(name, values.get(name), language) for name in FIELDS}
        return string.Formatter().vformat(self._templates[language][card.kind][part], (), shown).strip()

    def _shown(self, name: str, value: object, language: str) -> str:
        if value is None or value == "":
            return (_NOWHERE if name == "where" else _NOTHING)[language]
        if name in _REASONS:
            return told(str(value), language)
        if name == "stage":
            return stage(str(value), language)
        if name == "where":
            return place(str(value), language)
        if name in _INSTANTS:
            moment = datetime.fromisoformat(str(value)).astimezone(self._zone)
            return f"{moment:%Y-%m-%d %H:%M:%S}"
        return str(value)


def _read(file: Path) -> dict[str, dict[str, str]]:
    """Return a file's templates, every one checked: an unknown kind, part or field is told with its place."""
    section = strict_yaml.load(file)
    for kind, parts in section.items():
        if kind not in set(Kind):
            raise ConfigError(f"unknown card kind `{kind}`", f"one of {', '.join(Kind)}", where=section.where((kind,)))
        for part, template in (parts if isinstance(parts, dict) else {"": None}).items():
            where = section.where((kind, part))
            if part not in PARTS or not isinstance(template, str):
                raise ConfigError(f"`{kind}` has title, text and next_step, each a text", where=where)
            try:
                fields = [(n, s, c) for _, n, s, c in string.Formatter().parse(template) if n is not None]
            except ValueError as error:
                raise ConfigError(f"not a template: {error}", "write {{ and }} for braces", where=where) from None
            if any(spec or conversion for _, spec, conversion in fields):  # `:d` fails when a value is unknown
                raise ConfigError("a field in a text is only its name", "write {machine}, without : or !", where=where)
            if unknown := sorted({name for name, _, _ in fields} - FIELDS):
                hint = f"known: {', '.join(sorted(FIELDS))}"
                raise ConfigError(f"unknown field {{{unknown[0]}}}", hint, where=where)
    return dict(section)
