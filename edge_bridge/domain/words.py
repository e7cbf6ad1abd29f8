"""What a control's raw values mean: by the technician's map, else by what is commonly meant; nothing is ever guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_TRUTH = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}


def meaning(words: Mapping[str, object], raw: str, *, number: bool) -> str | None:
    """Return what the map says of a raw value, else its `default`, else None.

    number: the control says a number, so that a key of `03` is 3; a text of `03` is not `3`.
    """
    if raw in words:
        return _text(words[raw])
    if number:
        for key, word in words.items():
            if key.isdecimal() and str(int(key)) == raw:
                return _text(word)
    return _text(words["default"]) if "default" in words else None


def word(words: Mapping[str, object], raw: str | None, known: Sequence[str], *, number: bool) -> str:
    """Return the word of a raw value, `unknown` when nothing gives one; without a map, a value may be a word itself."""
    if raw is None:
        return "unknown"
    if not words:
        return raw.lower() if raw.lower() in known else "unknown"
    return meaning(words, raw, number=number) or "unknown"


def flag(words: Mapping[str, object], raw: str | None, *, number: bool) -> bool | None:
    """Return yes or no, None when nobody can tell; without a map, any number but 0 is yes, and so are `true` and `on`."""
    if raw is None:
        return None
    if words:
        said = meaning(words, raw, number=number)
        return None if said is None else said == "true"
    if number:
        return float(raw) != 0
    return _TRUTH.get(raw.lower())


def _text(word: object) -> str:
    return str(word).lower() if isinstance(word, bool) else str(word)
