"""Typed settings: the types a technician's values may have, and errors that name file, line, column and the fix."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from edge_bridge.domain.version import Extractor, Match, Scheme
from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.strict_yaml import Key, Section

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB)")
_SIZE_UNITS = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}
IDENTIFIER = re.compile(r"[a-z0-9-]{1,40}")


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


def milliseconds(value: object) -> int:
    """Return `15m`, `1s`, `1h30m`, `250ms`, `90d` in milliseconds. A bare number is refused: a unit was forgotten."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value  # a default in code, already in milliseconds
    parts = _DURATION.findall(str(value))
    if not parts or _DURATION.sub("", str(value)).strip():
        raise ValueError("a duration needs a number and a unit (ms, s, m, h, d, w), such as 15m")
    return round(sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts))


def size_in_bytes(value: object) -> int:
    """Return `2GB`, `500MB` in bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(str(value).strip())
    if not found:
        raise ValueError("a size needs a number and a unit (kB, MB, GB), such as 2GB")
    return round(float(found[1]) * _SIZE_UNITS[found[2]])


def _yes_or_no(value: object) -> object:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("write true or false")


def _time_zone(value: object) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (OSError, ValueError):
        raise ValueError("not a time zone of the tz database, such as Asia/Shanghai or Europe/Berlin") from None


def _identifier(value: object) -> str:
    if not IDENTIFIER.fullmatch(str(value)):
        raise ValueError("an id has 1 to 40 of the characters a-z 0-9 - (it becomes part of an MQTT topic)")
    return str(value)


def _path(value: object, info: ValidationInfo) -> Path:
    root: Path = (info.context or {}).get("root", Path())
    return root / Path(str(value)).expanduser()


def _pattern(value: object) -> re.Pattern[str]:
    if isinstance(value, re.Pattern):
        return value
    try:
        return re.compile(str(value))
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None


def _credential(value: object, info: ValidationInfo) -> Secret:
    """Read the secret that a `*_credential: NAME` names. Secrets are never in YAML."""
    if isinstance(value, Secret):
        return value
    name, root = str(value), (info.context or {}).get("root", Path())
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise ValueError(
            "a credential's name has letters, digits, dot, dash and underscore only: the secret is not written here"
        )
    places = [root / "credentials" / name]
    if handed := os.environ.get("CREDENTIALS_DIRECTORY"):
        places[:0] = [Path(handed) / name, Path(handed) / f"creds_{name}"]
    for place in places:
        if place.is_file():
            if place.parent == root / "credentials" and place.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
                raise ValueError(f"others may read {place}: chmod 0400 it")
            try:
                return Secret.read(place)
            except OSError as error:
                raise ValueError(f"{place} cannot be read: {error.strerror}") from None
    raise ValueError(f"credential {name!r} not found: put the secret into {root / 'credentials' / name} with mode 0400")


Duration = Annotated[int, BeforeValidator(milliseconds)]
"""Milliseconds, written with a unit."""
Size = Annotated[int, BeforeValidator(size_in_bytes)]
"""Bytes, written with a unit."""
YesNo = Annotated[bool, BeforeValidator(_yes_or_no)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
Identifier = Annotated[str, BeforeValidator(_identifier)]
FilePath = Annotated[Path, BeforeValidator(_path)]
"""A path; a relative one starts at the configuration folder."""
Pattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]
Credential = Annotated[Secret, BeforeValidator(_credential)]
"""Written as a name; holds the secret."""


class Options(BaseModel):
    """Settings that refuse unknown keys and do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class ExtractorOptions(Options):
    """One entry of `version:`: exactly one extractor, tried in the order of the list."""

    variable: str | None = Field(None, description="node, path or register that holds the version")
    bound: Literal["by_run", "always"] = Field(
        "by_run", description="always: the control writes it when it loads the program"
    )
    name: Pattern | None = Field(None, description="regular expression on the program's name, with (?P<version>…)")
    path: Pattern | None = Field(None, description="regular expression on the program's path, with (?P<version>…)")

    def model_post_init(self, _context: object) -> None:
        """Refuse an entry with no extractor, with two, or with a pattern that gives no version."""
        given = [key for key in ("variable", "name", "path") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("each entry of `version:` has exactly one of variable, name, path")
        for pattern in (self.name, self.path):
            if pattern is not None and "version" not in pattern.groupindex:
                raise ValueError("the pattern must mark the version: (?P<version>…)")

    @property
    def extractor(self) -> Extractor:
        """Which extractor this entry is."""
        if self.variable is not None:
            return Extractor.VARIABLE
        return Extractor.NAME if self.name is not None else Extractor.PATH


class AdapterOptions(Options):
    """What every adapter file may say."""

    adapter: str = Field(description="protocol: an entry point of edge_bridge.adapters")
    name: str | None = Field(None, description="what people call it; default: the file name")


class ControllerOptions(AdapterOptions):
    """What every controller's file may say."""

    area: str = Field("", description="where it stands; parties may be limited to areas")
    profile: str = Field("generic", description="a file in the adapter's profiles folder")
    every: Duration = Field(1000, description="how often it is read", ge=100)
    timeout: Duration = Field(5000, description="how long one answer may take", ge=100)
    judge: Literal["main", "active", "any_in_stack"] = Field("main", description="which program is judged")
    names: Literal["normalised", "exact"] = Field("normalised", description="how program names are compared")
    scheme: Scheme = Field(Scheme.EXACT, description="how versions are compared, unless the route says otherwise")
    match: Match = Field(Match.AT_LEAST, description="whether a newer released version is accepted")
    aliases: dict[str, str] = Field(
        default_factory=dict, description='versions the site writes differently, such as "-": initial'
    )
    skipped_letters: str = Field("", description="letters that the shop never uses as a revision, such as IOQ")
    version: tuple[ExtractorOptions, ...] = Field((), description="where the version is found: tried in this order")

    known_profiles: ClassVar[tuple[str, ...]] = ()


class SourceOptions(AdapterOptions):
    """What every ECN source's file may say."""

    timezone: TimeZone | None = Field(None, description="zone of dates without one; default: the plant's")


Model = TypeVar("Model", bound=BaseModel)


def read_options(model: type[Model], options: Mapping[str, Any], *, at: Key = ()) -> Model:
    """Return `options` as `model`. Raises ConfigError(s) that name the key, and file:line:column when it came from a file.

    at: where `options` stands inside its file, when it is a part of one.
    """
    section = options if isinstance(options, Section) else None
    try:
        return model.model_validate(dict(options), context={"root": section.root} if section else {})
    except ValidationError as error:
        problems = explain(error, model, section, at)
        raise problems[0] if len(problems) == 1 else ConfigErrors(problems) from error


def explain(
    error: ValidationError, model: type[BaseModel], section: Section | None, at: Key = ()
) -> Sequence[ConfigError]:
    """Turn pydantic's findings into sentences for a technician, with the place of each."""
    problems = []
    for detail in error.errors():
        key: Key = (*at, *(part for part in detail["loc"] if not _is_internal(part)))
        what, hint = _sentence(detail, key, model)
        problems.append(ConfigError(what, hint, key=key, where=section.where(key) if section else ""))
    return problems


def _is_internal(part: str | int) -> bool:
    """Tell whether pydantic put this in for a branch of a union, rather than the technician."""
    return isinstance(part, str) and (
        part.startswith("function-") or part in {"[key]"} or (part[:1].isupper() and "[" in part)
    )


def _sentence(detail: ErrorDetails, key: Key, model: type[BaseModel]) -> tuple[str, str]:
    name, shown = str(key[-1]) if key else "", detail.get("input")
    match detail["type"]:
        case "extra_forbidden":
            known = _known_keys(model, key)
            near = get_close_matches(name, known, n=1, cutoff=0.6)
            return f"unknown key `{name}`", f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
        case "missing":
            return f"`{name}` is missing", "add it"
        case "value_error":
            return f"`{name}`: {detail['msg'].removeprefix('Value error, ')}", f"found {shown!r}" if isinstance(
                shown, str
            ) else ""
        case "literal_error" | "enum":
            return f"`{name}` cannot be {shown!r}", f"one of {detail.get('ctx', {}).get('expected', '')}"
    if shown is None:
        return f"`{name}` has no value", "write one after the colon, or remove the line"
    return f"`{name}` cannot be {shown!r}", detail["msg"][:1].lower() + detail["msg"][1:]


def _known_keys(model: type[BaseModel], key: Key) -> list[str]:
    """Return the keys allowed beside `key`, walking down the model as far as it is plain."""
    for part in key[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            inner = [
                a
                for a in _types_in(model.model_fields[part].annotation)
                if isinstance(a, type) and issubclass(a, BaseModel)
            ]
            if inner:
                model = inner[0]
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _types_in(annotation: Any) -> list[Any]:
    inner = getattr(annotation, "__args__", ())
    return [annotation] + [found for part in inner for found in _types_in(part)]
