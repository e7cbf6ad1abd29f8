"""The types that a technician's values may have: durations and sizes with units, zones, paths, patterns, credentials.

A message of the form `what → fix` gives both halves of the error that the technician reads.
"""

from __future__ import annotations

import os
import re
import stat
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field, ValidationInfo

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)(?![a-z])")
_DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LONGEST = 3660 * 86_400_000  # ten years: more is a slip of the finger, and would overflow what waits for it
_AMOUNT = re.compile(r"(\d+(?:[.,]\d+)?)\s*([^\W\d_]*)\.?")
_OTHER_UNITS = {  # how people write units, and how they are written here
    "ms": ("msec", "millisecond", "milliseconds", "毫秒"),
    "s": ("S", "sec", "secs", "second", "seconds", "sek", "秒", "秒钟"),
    "m": ("min", "mins", "minute", "minutes", "分", "分钟"),
    "h": ("H", "hr", "hrs", "hour", "hours", "std", "小时", "时"),
    "d": ("D", "day", "days", "tag", "tage", "天", "日"),
    "w": ("W", "week", "weeks", "周"),
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB)")
_SIZE_UNITS = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}
_LARGEST = 1_000 * _SIZE_UNITS["GB"]
IDENTIFIER = re.compile(r"[a-z0-9-]{1,40}")
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Secret(str):
    """A secret's text; it never shows in a log, an error or a repr. `file` is where it was read, for keys that TLS loads."""

    file: Path | None = None

    @classmethod
    def read(cls, file: Path) -> Secret:
        """Return the text of a file without its line end."""
        secret = cls(file.read_text(encoding="utf-8").rstrip("\r\n"))
        secret.file = file
        return secret

    def __repr__(self) -> str:
        return "Secret(…)"


def _text(value: object) -> str:
    if isinstance(value, str | Path):
        return str(value)
    raise ValueError("has no value" if value is None else "must be one plain value → write it without brackets")


def milliseconds(value: object) -> int:
    """Return `15m`, `1s`, `1h30m`, `250ms`, `90d` in milliseconds. A bare number is refused: a unit was forgotten."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value  # a default in code, already in milliseconds
    text = _text(value).strip()
    if text.startswith("-"):
        raise ValueError("a duration cannot be negative → such as 15m")
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise ValueError(f"a duration needs a number and a unit (ms, s, m, h, d, w) → {_meant(text)}")
    found = round(sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts))
    if found > _LONGEST:
        raise ValueError("longer than ten years → check the unit (ms, s, m, h, d, w)")
    return found


def _meant(text: str) -> str:
    """Return what to write instead of a duration without a unit, or with another one."""
    found = _AMOUNT.fullmatch(text)
    if not found:
        return "such as 15m"
    number, word = found[1].replace(",", "."), found[2]
    for unit, words in _OTHER_UNITS.items():
        if word == unit or word in words or word.lower() in words:
            return f"write {number}{unit}"
    return "such as 15m" if word else f"write {number}s for seconds, {number}m for minutes"


def duration_text(value: int) -> str:
    """Return milliseconds as a technician writes them: `15m`, `1h30m`, `250ms`."""
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, value = divmod(value, _DURATION_UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def size_in_bytes(value: object) -> int:
    """Return `2GB`, `500MB` in bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(_text(value).strip())
    if not found:
        raise ValueError("a size needs a number and a unit (kB, MB, GB) → such as 2GB")
    size = round(float(found[1]) * _SIZE_UNITS[found[2]])
    if size > _LARGEST:
        raise ValueError("larger than 1000GB → check the unit (kB, MB, GB)")
    return size


def size_text(value: int) -> str:
    """Return bytes as a technician writes them: `2GB`, `10MB`."""
    unit = next((unit for unit in ("GB", "MB", "kB") if value >= _SIZE_UNITS[unit]), "B")
    return f"{value / _SIZE_UNITS[unit]:g}{unit}"


def one_or_more(value: object) -> object:
    """Let one text stand for a list of one."""
    return (value,) if isinstance(value, str) else value


def _yes_or_no(value: object) -> object:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError(
        "has no value → write true or false" if value is None else "must be true or false → write true or false"
    )


def _time_zone(value: object) -> str:
    text = _text(value)
    try:
        return ZoneInfo(text).key
    except (KeyError, OSError, ValueError):
        near = get_close_matches(text, available_timezones(), n=1, cutoff=0.8)
        fix = f"did you mean {near[0]}?" if near else "write it as Asia/Shanghai or Europe/Berlin"
        raise ValueError(f"not a time zone of the tz database → {fix}") from None


def _identifier(value: object) -> str:
    text = _text(value)
    if not IDENTIFIER.fullmatch(text):
        raise ValueError(
            "an id has 1 to 40 of the characters a-z 0-9 - (it becomes part of an MQTT topic) → such as mill-03"
        )
    return text


def _path(value: object, info: ValidationInfo) -> Path:
    root: Path = (info.context or {}).get("root", Path())
    text = _text(value)
    if not text.strip():
        raise ValueError("has no value")
    try:
        path = Path(text).expanduser()
        return path if path.is_absolute() else _without_detour(root, path)
    except RuntimeError:
        raise ValueError("`~` stands for nobody's home here → write the whole path") from None


def _without_detour(root: Path, path: Path) -> Path:
    """Return root/path as a person would write it; `..` goes up from where root really is, links followed."""
    if ".." not in path.parts:
        return root / path
    return Path(os.path.normpath(root.resolve() / path))


def _pattern(value: object) -> re.Pattern[str]:
    if isinstance(value, re.Pattern):
        return value
    try:
        return re.compile(_text(value))
    except re.error as error:
        raise ValueError(f"not a regular expression: {error} → correct the pattern") from None


def _credential(value: object, info: ValidationInfo) -> Secret:
    """Read the secret that a `*_credential: NAME` names. Secrets are never in YAML, and never in a message."""
    if isinstance(value, Secret):
        return value
    name, root = _text(value), (info.context or {}).get("root", Path())
    if not _CREDENTIAL_NAME.fullmatch(name):
        raise ValueError(
            "this is a credential's name (letters, digits, dot, dash, underscore) → the secret itself is not written here"
        )
    beside: Path = root / "credentials" / name
    places = [beside]
    if handed := os.environ.get("CREDENTIALS_DIRECTORY"):
        places[:0] = [Path(handed) / name, Path(handed) / f"creds_{name}"]
    for place in places:
        try:
            if place.is_file():
                return _secret(place, others_may_not=place == beside)
        except OSError as error:
            raise ValueError(f"{place} cannot be read: {error.strerror} → check its owner and mode") from None
    raise ValueError(f"credential {name!r} not found → put the secret into {beside} with mode 0400")


def _secret(file: Path, *, others_may_not: bool) -> Secret:
    if others_may_not and file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        raise ValueError(f"others may read {file} → chmod 0400 {file}")
    try:
        secret = Secret.read(file)
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not text → save it as UTF-8") from None
    if not secret:
        raise ValueError(f"{file} is empty → write the secret into it")
    return secret


# What is written differs from what is held. An editor's schema is of what is written: `json_schema_input_type` says so.
_WrittenDuration = Annotated[str, Field(examples=["15m", "1s"], pattern=r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*)+$")]
_WrittenSize = Annotated[str, Field(examples=["2GB"], pattern=rf"^\s*{_SIZE.pattern}\s*$")]
_WrittenCredential = Annotated[str, Field(examples=["dmu50-01"], pattern=f"^{_CREDENTIAL_NAME.pattern}$")]

Duration = Annotated[int, BeforeValidator(milliseconds, json_schema_input_type=_WrittenDuration)]
"""Milliseconds, written with a unit."""
Size = Annotated[int, BeforeValidator(size_in_bytes, json_schema_input_type=_WrittenSize)]
"""Bytes, written with a unit."""
YesNo = Annotated[bool, BeforeValidator(_yes_or_no)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
Identifier = Annotated[str, BeforeValidator(_identifier)]
FilePath = Annotated[Path, BeforeValidator(_path)]
"""A path; a relative one starts at the configuration folder."""
Pattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]
Credential = Annotated[Secret, BeforeValidator(_credential, json_schema_input_type=_WrittenCredential)]
"""Written as a name; holds the secret."""
