"""The sentences of `status`, `explain`, `ecn`, `cards`, `ack` and `buffer`, from `words.en.yaml` and `words.zh-CN.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from edge_bridge import strict_yaml


def words(language: str, key: str, **values: object) -> str:
    """Return a sentence with its values filled in; a word that is not in the file is its own text."""
    text = sentences(language).get(key, key)
    return text.format(**values) if values else text


def known(key: str) -> bool:
    """Tell whether there is a sentence of this name."""
    return key in sentences("en")


@cache
def sentences(language: str) -> Mapping[str, str]:
    """Return every sentence of a language by its key."""
    return dict(strict_yaml.load(Path(__file__).with_name(f"words.{language}.yaml")))
