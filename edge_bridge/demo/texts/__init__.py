"""What the demo says, as data: one file for each language, one template for each happening."""

from __future__ import annotations

from pathlib import Path

from edge_bridge import strict_yaml

LANGUAGES = ("en", "zh-CN")


class Texts:
    """The templates of one language, by dotted key."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._templates = dict(_flat(strict_yaml.load(Path(__file__).parent / f"{language}.yaml")))

    @property
    def keys(self) -> frozenset[str]:
        """Every key there is."""
        return frozenset(self._templates)

    def __contains__(self, key: str) -> bool:
        return key in self._templates

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its fields filled."""
        return self._templates[key].format(**values)

    def template(self, key: str) -> str:
        """Return a text with its fields unfilled."""
        return self._templates[key]

    def word(self, family: str, key: object) -> str:
        """Return a word of a family (`parties`, `kinds`, …), the key itself where there is none."""
        return self._templates.get(f"{family}.{key}", str(key))


def _flat(section: object, prefix: str = "") -> list[tuple[str, str]]:
    if not isinstance(section, dict):
        return [(prefix.removesuffix("."), str(section).strip())]
    return [pair for key, value in section.items() for pair in _flat(value, f"{prefix}{key}.")]
